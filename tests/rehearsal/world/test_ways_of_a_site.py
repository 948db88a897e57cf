"""The ways through the network that the program itself declares, as the in-process engine has applied it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rehearsal.offline import OfflineAccount
from rehearsal.providers.backend import NoEffects
from rehearsal.world.declared import Declared, Resource
from rehearsal.world.faults import Faults
from rehearsal.world.front import BALANCER, LISTENER
from rehearsal.world.services import ENDPOINT, NAT_GATEWAY, to_service
from rehearsal.world.ways import (
    CLUSTER,
    INGRESS,
    INSTANCE,
    ROUTE,
    TARGET_GROUP,
    Ask,
    address_of_balancer,
    address_of_database,
    no_listener,
    to_balancer,
    to_database,
    to_pods,
)
from tests.engine.jobs import run_claims
from tests.harness import ROOT

PORTS = [443, 3001, 8080, 5432]
SERVICES = ("dynamodb", "eks-auth", "kms", "rds", "s3", "secretsmanager", "sts")
DOMAIN = "mentalhealthplatform.com"


class Recorded(NoEffects):
    """Keeps what is declared."""

    def __init__(self) -> None:
        self.declared = Declared()

    def created(self, type_: str, region: str, id_: str, inputs: Any, outputs: Any) -> None:
        self.declared.changed(type_, id_, inputs, outputs)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Declared]:
    effects, folder = Recorded(), tmp_path_factory.mktemp("account")
    with OfflineAccount(folder, engine="in-process", effects=effects, faults=Faults()) as account:
        run_claims(account)
        account.up(account.add_site(ROOT / "Pulumi.primary.yaml"))
        yield effects.declared


@contextmanager
def without(site: Declared, *resources: Resource) -> Generator[None]:
    """Let some resources be gone while the block lasts."""
    for entry in resources:
        site.deleted(entry.type, entry.id)
    try:
        yield
    finally:
        for entry in resources:
            site.changed(entry.type, entry.id, entry.inputs, entry.outputs)


def closed(site: Declared) -> list[str]:
    """The reason of each way that is closed."""
    (balancer,), (cluster,), (instance,) = (site.of(type_) for type_ in (BALANCER, CLUSTER, INSTANCE))
    name = balancer.outputs["dnsName"]
    targets = site.of(TARGET_GROUP)
    assert len(targets) == 5
    ways = [
        to_balancer(site, name),
        no_listener(site, name, Ask(f"api.{DOMAIN}")),
        *(to_service(site, cluster.id, service) for service in SERVICES),
        *(to_pods(site, target.id, cluster.id) for target in targets),
        to_database(site, instance.outputs["address"], 5432, cluster.id),
    ]
    return [reason for reason in ways if reason]


def test_every_way_is_open(site: Declared) -> None:
    assert closed(site) == []
    (balancer,), (instance,) = site.of(BALANCER), site.of(INSTANCE)
    assert address_of_balancer(site, balancer.outputs["dnsName"]).startswith("10.10.192.")
    assert address_of_database(site, instance.outputs["address"]).startswith("10.10.240.")


@pytest.mark.parametrize("port", PORTS)
def test_a_port_that_is_closed_is_noticed(site: Declared, port: int) -> None:
    rules = site.of(INGRESS, fromPort=port)
    assert rules
    with without(site, *rules):
        assert any(f"port {port}" in reason for reason in closed(site))
    assert closed(site) == []


@pytest.mark.parametrize("type_", [LISTENER, ROUTE])
def test_a_balancer_without_a_listener_or_a_route_is_noticed(site: Declared, type_: str) -> None:
    with without(site, *site.of(type_)):
        assert closed(site) != []
    assert closed(site) == []


def test_a_service_is_reached_by_an_endpoint_or_by_a_nat_gateway(site: Declared) -> None:
    """A recovery's calls do not depend on a NAT gateway: `components/endpoints.py`."""
    endpoints, gateways = site.of(ENDPOINT), site.of(NAT_GATEWAY)
    with without(site, *gateways):
        assert closed(site) == []
    with without(site, *endpoints):
        assert closed(site) == []
        with without(site, *gateways):
            assert len(closed(site)) == len(SERVICES)
    rules = [rule for rule in site.of(INGRESS) if rule.name == "network-endpoints"]
    with without(site, *rules):
        assert len(closed(site)) == len(SERVICES) - 2, "DynamoDB and S3 have gateway endpoints"
    assert closed(site) == []
