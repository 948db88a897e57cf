"""A site under test: its services, with the settings that its pods read."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any

from recovery.naming import LEADER_PATH
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.loopback import Reply, Request
from rehearsal.world.models import no_bucket
from rehearsal.world.platform import DEPLOYMENTS, SitePlatform
from rehearsal.world.postgres import PostgresServers
from tests.harness import route

EAST, WEST, WITNESS = "us-east-2", "us-west-2", "us-east-1"
CRISIS = {"message": "I am having thoughts of self-harm", "id": "e1", "test": False}


class Site:
    """A site in front of which stands a load balancer, with the settings that its pods read."""

    def __init__(
        self, ledger: GlobalTable, databases: PostgresServers, *, name: str = "primary", region: str = EAST
    ) -> None:
        self.config = {
            "SITE_ROLE": "active",
            "DB_HOST": "leader",
            "EMERGENCY_READ_ONLY": "false",
            "CRISIS_ENDPOINTS": "https://primary.example.com,https://secondary.example.com",
            "CRISIS_FALLBACK_MODE": "hybrid",
            "HOTLINE_PROVIDER": "primary",
            "DOMAIN": "example.com",
        }
        self.leader: str | None = name
        """The site that the switch names; None if it does not know."""
        self.other_is_ready = self.cut = False
        self.denied: dict[tuple[str, ...], str] = {}
        """The calls of DynamoDB that the detector may not make, and why."""
        self.misled: dict[str, str] = {}
        """The paths that the load balancer sends to another deployment than it should."""
        self.model: bytes | None = None
        """The version of the model in the site's bucket."""
        self.unconnected: str | None = None
        """Why the hotline's provider connects no one."""
        self.pods: dict[str, int] = dict.fromkeys(DEPLOYMENTS, 2)
        self.platform = SitePlatform(
            name,
            region,
            route=lambda path: self.misled.get(path, route(path)),
            read_config=lambda: self.config,
            not_ready=lambda name: None if self.pods.get(name, 0) else f"{name} has no pod that is ready",
            ledger=ledger,
            conninfo=lambda host: databases[host].conninfo() if host in databases else None,
            switch=self._switch,
            other_is_ready=lambda: self.other_is_ready,
            way=lambda _: "the pods refuse the load balancer" if self.cut else None,
            ledger_refusal=lambda *call: self.denied.get(call),
            model=lambda bucket, version: self.model or no_bucket(bucket, version),
            provider=lambda _: self.unconnected,
        )

    def _switch(self, request: Request) -> Reply:
        assert (request.method, request.path) == ("GET", LEADER_PATH)
        return Reply(200, {"answer": f"{self.leader}\n"}) if self.leader else Reply(503, {"answer": "not known yet\n"})

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        return ask(self.platform.address, method, path, body)


def ask(address: tuple[str, int], method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection(*address, timeout=10)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
