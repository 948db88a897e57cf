"""The metrics of a site are asked for in the other site's region, with a signature."""

from __future__ import annotations

import http.server
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import Credentials

from procedures.live import LiveAccess
from procedures.live_metrics import FIRING, SHORT, asked, firing
from stacks.config import SiteConfig, parse
from tests.harness import stack_config
from tests.serving import say, serving


@dataclass
class Workspaces:
    """Amazon Managed Service for Prometheus: an alias lists also what begins with it."""

    origin: str
    aliases: tuple[str, ...] = ("lifeline-primary-2", "lifeline-primary")

    def list_workspaces(self, alias: str) -> Any:
        """Those whose alias begins so."""
        named = [name for name in self.aliases if name.startswith(alias)]
        return {"workspaces": [{"alias": name, "workspaceId": f"ws-{name}"} for name in named]}

    def describe_workspace(self, workspaceId: str) -> Any:  # noqa: N803 - a name of the API
        """Its address ends with a slash."""
        return {"workspace": {"prometheusEndpoint": f"{self.origin}/workspaces/{workspaceId}/"}}


def config(**changes: Any) -> SiteConfig:
    return parse(stack_config("primary", **changes), stack="primary")


def answered(site: SiteConfig, status: int, answer: object) -> tuple[frozenset[str], list[tuple[str, str]]]:
    """The alerts that an answer names, and each request: its path, and the scope of its signature."""
    requests: list[tuple[str, str]] = []

    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        assert parse_qs(parts.query) == {"query": [FIRING]}
        requests.append((parts.path, request.headers["Authorization"].partition(",")[0].partition("/")[2]))
        say(request, status, answer)

    with serving(handle) as origin:
        return firing(Workspaces(origin), Credentials("a", "b"), site), requests


def test_the_own_credentials_ask_the_other_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    signed: list[str] = []

    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        signed.append(request.headers["Authorization"])
        say(request, 200, {"data": {"result": [{"metric": {"alertname": "A"}}]}})

    with serving(handle) as origin:
        access, asked_for = LiveAccess(), list[tuple[str, str]]()
        monkeypatch.setattr(access, "client", lambda *where: (asked_for.append(where), Workspaces(origin))[1])
        assert access.firing(config()) == {"A"}
    assert asked_for == [("amp", "us-west-2")]
    assert "Credential=mine/" in signed[0]


def test_the_alerts_that_fire_are_named_once_each() -> None:
    result = [{"metric": {"alertname": name, "severity": "critical"}, "value": [1, "1"]} for name in ("A", "B", "A")]
    names, [(path, scope)] = answered(config(), 200, {"status": "success", "data": {"result": result}})
    assert names == {"A", "B"}
    assert path == "/workspaces/ws-lifeline-primary/api/v1/query"
    assert scope.partition("/")[2] == "us-west-2/aps/aws4_request"


def test_a_space_is_encoded_as_a_signature_has_it() -> None:
    """Source: IAM User Guide, "Create a signed AWS API request", canonical query string."""
    urls: list[str] = []
    with serving(lambda request: (urls.append(request.path), say(request, 200, {"data": {"result": []}}))[1]) as origin:
        asked(Workspaces(origin), Credentials("a", "b"), config(), "query", {"query": "max by (tier)"}, SHORT)
    assert urls[0].endswith("?query=max%20by%20%28tier%29")


def test_new_copies_have_a_workspace_of_their_own() -> None:
    site = config(copies={"generation": 2})
    _, [(path, _)] = answered(site, 200, {"data": {"result": []}})
    assert path == "/workspaces/ws-lifeline-primary-2/api/v1/query"


def test_a_refusal_is_told_and_a_store_that_is_missing_too() -> None:
    with pytest.raises(ConnectionError, match=r"403: .*not authorized"):
        answered(config(), 403, {"message": "not authorized"})
    with pytest.raises(LookupError, match="us-west-2 has no workspace lifeline-primary"):
        firing(Workspaces("", aliases=()), Credentials("a", "b"), config())
