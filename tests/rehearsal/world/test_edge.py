"""The edges of CloudFront, which answer with the declared function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.last_resort import PAGE, code
from rehearsal.world.clock import ScaledClock
from rehearsal.world.declared import Declared
from rehearsal.world.edge import DISTRIBUTION, FUNCTION, Edge
from rehearsal.world.patience import exchange
from rehearsal.world.ways import CERTIFICATE, Ask

HOST = "example.com"
TARGET = "d1.cloudfront.net"


@pytest.fixture
def declared() -> Declared:
    found = Declared()
    found.changed(CERTIFICATE, "certificate", {"domainName": HOST, "subjectAlternativeNames": [f"*.{HOST}"]}, {})
    found.changed(FUNCTION, "page", {"code": code(PAGE)}, {"arn": "page"})
    declare(found)
    return found


def declare(declared: Declared, **changes: Any) -> None:
    inputs = {
        "enabled": True,
        "aliases": [HOST, f"www.{HOST}"],
        "viewerCertificate": {"acmCertificateArn": "certificate"},
        "defaultCacheBehavior": {"functionAssociations": [{"eventType": "viewer-request", "functionArn": "page"}]},
    }
    declared.changed(DISTRIBUTION, "E1", inputs | changes, {"domainName": TARGET})


@pytest.fixture
def edge(declared: Declared) -> Iterator[Edge]:
    with Edge(declared) as running:
        yield running


def asked(edge: Edge, host: str) -> tuple[int, dict[str, Any]]:
    """The status and the body with which an edge answers to a host."""
    address = edge.find(TARGET, Ask(host))
    assert address is not None
    with ScaledClock(1) as clock:
        answer = exchange(address, "GET", "/any", clock=clock, seconds=5, headers={"Host": host})
    return answer.status, json.loads(answer.body)


def test_a_load_balancer_is_no_distribution(edge: Edge) -> None:
    assert edge.find("alb.elb.amazonaws.com", Ask(HOST)) is None


@pytest.mark.parametrize("host", [HOST, f"www.{HOST}"])
def test_an_edge_answers_with_the_page(edge: Edge, host: str) -> None:
    assert asked(edge, host) == (503, {"page": PAGE})


@pytest.mark.parametrize(
    "changes",
    [{"enabled": False}, {"aliases": [f"www.{HOST}"]}, {"viewerCertificate": {"acmCertificateArn": "other"}}],
    ids=["switched off", "without the name", "without the certificate"],
)
def test_a_name_that_a_distribution_does_not_serve_is_refused(
    declared: Declared, edge: Edge, changes: dict[str, Any]
) -> None:
    declare(declared, **changes)
    with pytest.raises(ConnectionRefusedError, match=f"does not serve {HOST}"):
        edge.find(TARGET, Ask(HOST))


@pytest.mark.parametrize(
    "associations",
    [
        [],
        [{"eventType": "viewer-response", "functionArn": "page"}],
        [{"eventType": "viewer-request", "functionArn": "none"}],
    ],
    ids=["none", "after the origin", "another function"],
)
def test_without_its_function_the_origin_is_asked_which_does_not_exist(
    declared: Declared, edge: Edge, associations: list[dict[str, str]]
) -> None:
    declare(declared, defaultCacheBehavior={"functionAssociations": associations})
    assert asked(edge, HOST)[0] == 502
