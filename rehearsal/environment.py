"""The environment of a rehearsal: the offline account, with real databases, DNS, services and clients behind it."""

from __future__ import annotations

import contextlib
import math
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self
from urllib.parse import urlsplit

import psycopg

from engine.warm import Warm
from procedures.web import NoAnswerError
from recovery.naming import NAMESPACE, copy_name
from recovery.objectives import CLIENT_TRY_SECONDS
from rehearsal.console import Console
from rehearsal.doors import Door
from rehearsal.gateways import Gateways
from rehearsal.history import History, Stored
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.speed import SPEED
from rehearsal.world.alertmanager import call_addresses
from rehearsal.world.api_server import ApiServer
from rehearsal.world.browser import Browser
from rehearsal.world.callers import Callers
from rehearsal.world.client import BlackBoxClient, Habit
from rehearsal.world.clock import ScaledClock
from rehearsal.world.cloud import lose_buckets
from rehearsal.world.dns import ClientResolver, Resolver
from rehearsal.world.edge import Edge
from rehearsal.world.effects import EnvironmentEffects
from rehearsal.world.faults import Faults
from rehearsal.world.front import Fronts
from rehearsal.world.garbage import quick_collections
from rehearsal.world.health import HealthChecks, ask
from rehearsal.world.hotline import HotlineProviders
from rehearsal.world.network import Network
from rehearsal.world.people import OFTEN_SECONDS, People
from rehearsal.world.platform import SitePlatform
from rehearsal.world.pod_network import PodNetwork
from rehearsal.world.pods import Pods
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.processor import Share
from rehearsal.world.replication import replicate
from rehearsal.world.rollout import wait_for
from rehearsal.world.server import Server
from rehearsal.world.ways import Ask, connect
from rehearsal.world.zone import HealthCheck, load_zone


class Environment:
    """Everything that a scenario needs. Closing it removes everything, even after an error.

    Args:
        folder: an empty folder for stack files, states and logs.
        engine: `in-process` or `pulumi`.
        speed: simulated seconds per real second.
        seed: draws everything that is random in what people do and in what hits the platform.
        programs: as for `OfflineAccount`.
    """

    def __init__(
        self, folder: Path, *, engine: str, speed: float = SPEED, seed: int = 0, programs: Warm | None = None
    ) -> None:
        self._exit = contextlib.ExitStack()
        self.engine, self.seed = engine, seed
        self.faults = Faults()
        share = Share()
        self.clock = ScaledClock(speed, share=lambda: share.now)
        with contextlib.ExitStack() as guard:
            guard.enter_context(share)
            self.postgres = guard.enter_context(PostgresServers(folder / "postgres"))
            guard.enter_context(self.clock)
            self.fronts = Fronts()
            self.effects = EnvironmentEffects(self.postgres, self.fronts, self.clock)
            self.account = guard.enter_context(
                OfflineAccount(folder, engine=engine, effects=self.effects, faults=self.faults, programs=programs)
            )
            self._exit = guard.pop_all()
        self.hotline = self._exit.enter_context(HotlineProviders(secrets.token_hex(16)))
        self._edge = self._exit.enter_context(Edge(self.effects.declared))
        self._balancers: dict[str, str] = {}
        self.platforms: dict[str, SitePlatform] = {}
        self._pods: dict[str, Pods] = {}
        self._folder = folder
        self.gateways = Gateways(self.account, self.effects.declared, self._pods, self._exit)
        self.account.run_job = lambda site, job: self._pods_at(site).run(job)
        # Before the platforms are open, no one can meet pods that begin.
        self.account.wait_for = lambda site, made: self.platforms and wait_for(self._pods_at(site), made)
        self.account.changes = lambda: self.effects.declared.changes
        self.console = Console(self.account.endpoint_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def open_doors(self, balancers: Mapping[str, str], zone_id: str) -> None:
        """Start the services of every site, the health checks and DNS, according to the declared resources.

        Args:
            balancers: each site's load balancer, by DNS name.
            zone_id: the hosted zone's id.
        """
        self.zone_id = zone_id
        for site in self.account.sites.values():
            self._open(site, balancers[site.name])
        zone = load_zone(self.console.route53, zone_id)
        checks = HealthChecks(zone.checks, self.probe, self.clock)
        self.resolver = Resolver(zone, checks.status)
        self.checks = self._exit.enter_context(checks)
        self._exit.enter_context(quick_collections())

    def open_door(self, site: SiteWorld, balancer: str) -> None:
        """Start the services of a site that was built later, and its health checks and records."""
        self._open(site, balancer)
        self.read_zone()

    def read_zone(self) -> None:
        """Let DNS and the health checks follow what changed in the zone."""
        zone = load_zone(self.console.route53, self.zone_id)
        self.checks.replace(zone.checks)
        self.resolver.replace(zone)

    def _open(self, site: SiteWorld, balancer: str) -> None:
        self._balancers[balancer] = site.name
        self.platforms[site.name] = self._exit.enter_context(self._platform(site, balancer))
        self.pods_of(site)

    def _pods_at(self, site: str) -> Pods:
        return self.pods_of(self.account.sites[site])

    def pods_of(self, site: SiteWorld) -> Pods:
        """The pods of the cluster that has a site's workloads. Those of a new cluster run from the first call on."""
        name = site.clusters.serving
        if name not in self._pods:
            cluster = site.cluster
            api, folder = self._exit.enter_context(ApiServer(cluster)), self._folder / name
            pods = Pods(
                cluster,
                api,
                site.region,
                self.gateways.of_pods.url,
                self._server,
                clock=self.clock,
                folder=folder,
                programs=self.account.programs,
                network=PodNetwork(self.effects.declared, name, cluster, NAMESPACE),
            )
            self._pods[name] = self._exit.enter_context(pods)
        return self._pods[name]

    def people(self, site: SiteWorld) -> People:
        """Start many clients near one site."""

        def make(habit: Habit, interval: float, history: History, phase: Callable[[], float]) -> BlackBoxClient:
            return self._client(site, habit, interval=interval, history=history, phase=phase)

        return self._exit.enter_context(People(make, self.seed))

    def pinned(self, site: SiteWorld, *, beside: People) -> BlackBoxClient:
        """Start a client near one site that keeps its first address, and whose writes others' history has too."""
        client = self._client(site, Habit(keeps=math.inf), interval=OFTEN_SECONDS, history=beside.history)
        return self._exit.enter_context(client)

    def callers(self, site: SiteWorld, *, beside: People) -> Callers:
        """Many people near one site who know the addresses of both, and whose writes others' history has too."""
        told = beside.browser.send(f"api.{site.config.domain}", "GET", "/api/crisis/endpoints")
        hosts = [urlsplit(str(address)).netloc for address in told["endpoints"]]
        resolver = ClientResolver(self.resolver, self.clock, site.region)
        browser = Browser(self.network(site.region), resolver, self.clock, timeout=CLIENT_TRY_SECONDS)
        return self._exit.enter_context(Callers(browser, hosts, self.clock, beside.history, self.seed))

    def _client(self, site: SiteWorld, habit: Habit, **more: Any) -> BlackBoxClient:
        resolver = ClientResolver(self.resolver, self.clock, site.region, keeps=habit.keeps)
        browser = Browser(self.network(site.region), resolver, self.clock)
        return BlackBoxClient(site.config.domain, browser, self.clock, habit=habit, **more)

    def lose_region(self, site: SiteWorld) -> None:
        """Lose a region: its services disappear, its database is killed without a shutdown, and no call is answered."""
        self.faults.lose(site.region)
        self.platforms[site.name].cut()
        self.pods_of(site).lose()
        for database in self.databases(site):
            self.postgres.kill(database)

    def lose_cluster(self, site: SiteWorld) -> None:
        """Lose a site's cluster for good: its API server and its pods. Database, network and region go on."""
        self.pods_of(site).lose()
        site.cluster.lose()

    def restore_region(self, site: SiteWorld) -> None:
        """Bring a lost region back as it was, with its old configuration: databases, services and pods."""
        self.faults.restore(site.region)
        for database in self.databases(site):
            self.postgres.start(database)
        self.platforms[site.name].restore()
        self.pods_of(site).restore()

    def forget(self, site: SiteWorld) -> None:
        """Bring a lost region back without anything of its site: databases, cluster, services, and the stack's state.

        Its records and health checks are left, which are global.
        """
        self.faults.restore(site.region)
        self.account.forget(site)

    def lose_stores(self) -> None:
        """Let no copy of the ledger be left, and no bucket but the copies, which are locked."""
        self.account.ledger.lose()
        lose_buckets(lambda name: not name.endswith(copy_name("")))

    def replicate_buckets(self) -> list[str]:
        """Copy what S3 would have replicated by now. Returns the keys of the new copies."""
        return replicate(self.console.s3, self.faults)

    def fire(self, site: SiteWorld, labels: Mapping[str, str]) -> list[str]:
        """Let an alert fire at a site, and its Alertmanager call addresses. Returns a line about each."""
        way = {"region": site.region, "endpoint": self.gateways.of_pods.url}
        return call_addresses(site.cluster, labels, **way, reach=lambda _: self.hotline.address)

    def databases(self, site: SiteWorld) -> list[str]:
        """The names of a site's servers."""
        return [name for name in self.effects.by_address.values() if f"-{site.name}-" in name]

    def network(self, near: str = "") -> Network:
        """The network for people near a region, or for health checkers."""
        return Network(self._find, self.faults, near)

    def _find(self, balancer: str, how: Ask) -> tuple[str, tuple[str, int]]:
        if edge := self._edge.find(balancer, how):
            return "", edge
        site = self.account.sites.get(self._balancers[balancer])
        if site is None:
            raise TimeoutError(f"{balancer} does not exist any more")
        connect(self.effects.declared, balancer, how)
        return site.region, self.platforms[site.name].address

    def rows(self, database: str) -> list[Stored]:
        """Every user row in a database."""
        return self._stored(database, "SELECT id, version FROM users")

    def event_rows(self, database: str) -> list[Stored]:
        """Every crisis event in the history of a person."""
        return self._stored(database, "SELECT id, 1 FROM crisis_events")

    def _stored(self, database: str, question: LiteralString) -> list[Stored]:
        with psycopg.connect(self.postgres[database].conninfo()) as connection:
            return [Stored(*row) for row in connection.execute(question)]

    def _platform(self, site: SiteWorld, balancer: str) -> SitePlatform:
        def others() -> list[SitePlatform]:
            return [platform for name, platform in self.platforms.items() if name != site.name]

        door = Door(site, balancer, self.fronts, lambda: [*self._pods.values()], self.faults, self.effects.declared)
        return door.open(self.account, self._server, lambda: self.gateways.of_pods.url, others, self.hotline.refusal)

    def _server(self, host: str) -> Server | None:
        name = self.effects.by_address.get(host)
        return self.postgres[name] if name else None

    def probe(self, check: HealthCheck) -> bool:
        """The result of a health check, at the site that the name leads to."""
        protocol = check.type.partition("_")[0]
        try:
            target = self.resolver.resolve(check.fqdn)
            address = self.network().dial(target, Ask(port=check.port, protocol=protocol))
            if protocol != "HTTPS":
                return not check.search  # the listener of HTTP answers by a redirection, which has no words
            status, body = ask(address, check.path, self.clock)
        except (OSError, NoAnswerError):
            return False
        return status < 400 and check.search in body
