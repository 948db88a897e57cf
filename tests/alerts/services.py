"""The rehearsal's services of two sites, and the canary and the probes of the first one, which call them over HTTP."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from prometheus_client import CollectorRegistry, generate_latest

from components.alerts.endpoints import ENDPOINTS
from components.kube.services import CRISIS_DETECTOR, SERVICES
from operations.canary import Canary, Metrics
from recovery.naming import site_host
from rehearsal.world.platform import SitePlatform
from tests.alerts.promtool import DOMAIN
from tests.harness import route

OWN, PEER = "primary", "secondary"


class Platform(SitePlatform):
    """A site's services, without a database server."""

    def _database_refusal(self) -> None:
        """The database always serves the site's role."""


class Ledger:
    """A ledger that answers."""

    def get(self, region: str, key: str) -> None:
        """No item."""


@dataclass
class Services:
    """Both sites. The first one's monitoring is tested."""

    leader: str = OWN
    replicas: dict[str, dict[str, int]] = field(
        default_factory=lambda: {site: {service.name: 2 for service in SERVICES} for site in (OWN, PEER)}
    )
    platforms: dict[str, Platform] = field(default_factory=dict[str, Platform])
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _lost: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        ledger: Any = Ledger()
        for site in (OWN, PEER):
            self.platforms[site] = Platform(
                site,
                "us-east-2",
                route=route,
                read_config=lambda site=site: {
                    "CRISIS_FALLBACK_MODE": "hybrid",
                    "SITE_ROLE": "active" if site == self.leader else "standby",
                },
                not_ready=lambda service, site=site: None if self.replicas[site].get(service) else "it has no pod",
                ledger=ledger,
                conninfo=lambda _: None,
            )
        self._canary = Canary(
            DOMAIN,
            OWN,
            PEER,
            Metrics(self.registry),
            reach=self.reach,
            resolve=lambda host: frozenset({self._site_of(host)}),
        )

    @contextmanager
    def running(self) -> Generator[None]:
        """Both sites answer."""
        for platform in self.platforms.values():
            platform.start()
        try:
            yield
        finally:
            for platform in self.platforms.values():
                platform.close()

    def lose(self, site: str) -> None:
        """The site's region is lost."""
        self._lost.add(site)
        self.platforms[site].cut()

    def restore(self, site: str) -> None:
        """The region returns."""
        self._lost.discard(site)
        self.platforms[site].restore()

    def reach(self, host: str) -> str:
        """The address behind a public name."""
        address, port = self.platforms[self._site_of(host)].address
        return f"http://{address}:{port}"

    def _site_of(self, host: str) -> str:
        """The site that DNS leads to, after its health checks have seen which one answers."""
        for site in (OWN, PEER):
            if host == site_host(site, DOMAIN):
                return site
        if host == DOMAIN:
            chosen, answers = self.leader, self.leader not in self._lost
        else:
            chosen, answers = OWN, OWN not in self._lost and self.replicas[OWN][CRISIS_DETECTOR.name] > 0
        (other,) = {OWN, PEER} - {chosen}
        return chosen if answers else other

    def calls(self) -> str:
        """The metrics of the canary, after one round of its calls."""
        self._canary.look()
        return generate_latest(self.registry).decode()

    def probes(self) -> Generator[str]:
        """The result of a probe of each endpoint."""
        for endpoint in ENDPOINTS:
            url = urlsplit(endpoint.url(domain=DOMAIN, peer=PEER))
            success = int(_answers(f"{self.reach(url.netloc)}{url.path}"))
            yield f'probe_success{{endpoint="{endpoint.name}"}} {success}\n'


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
