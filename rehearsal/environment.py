"""The environment of a rehearsal: the offline account, with real databases, DNS, services and clients behind it."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, LiteralString, Self, cast

import boto3
import psycopg

from operations.backup_store import BackupStore
from recovery.naming import copy_name, state_bucket, state_key
from rehearsal.doors import Door
from rehearsal.history import History, Stored
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.world.api_server import ApiServer
from rehearsal.world.browser import Browser
from rehearsal.world.client import BlackBoxClient, Habit
from rehearsal.world.clock import ScaledClock
from rehearsal.world.cloud import lose_buckets
from rehearsal.world.dns import ClientResolver, NoAnswerError, Resolver
from rehearsal.world.effects import EnvironmentEffects
from rehearsal.world.faults import Faults
from rehearsal.world.front import Fronts
from rehearsal.world.garbage import quick_collections
from rehearsal.world.gateway import AwsGateway
from rehearsal.world.health import HealthChecks, ask
from rehearsal.world.network import Network
from rehearsal.world.people import OFTEN_SECONDS, People
from rehearsal.world.platform import SitePlatform
from rehearsal.world.pods import Pods
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.processor import Processor
from rehearsal.world.replication import replicate
from rehearsal.world.server import Server
from rehearsal.world.ways import connect
from rehearsal.world.zone import HealthCheck, load_zone

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType

SPEED = 5.0
"""Simulated seconds per real second. Time that this machine itself needs is therefore counted five times."""
SLOWER = {"database-loss": 2.5, "fence-crash": 2.5, "split-brain": 2.5}
"""The scenarios whose promise leaves little room beside what is assumed, so that the machine's own time counts less."""


class Environment:
    """Everything that a scenario needs. Closing it removes everything, even after an error.

    Args:
        folder: an empty folder for stack files, states and logs.
        engine: `in-process` or `pulumi`.
        speed: simulated seconds per real second.
        seed: draws everything that is random in what people do and in what hits the platform.
    """

    def __init__(self, folder: Path, *, engine: str, speed: float = SPEED, seed: int = 0) -> None:
        self._exit = contextlib.ExitStack()
        self.engine, self.seed = engine, seed
        self.faults = Faults()
        self.clock = ScaledClock(speed, share=Processor(os.getpid()).share)
        with contextlib.ExitStack() as guard:
            self.postgres = guard.enter_context(PostgresServers(folder / "postgres"))
            guard.enter_context(self.clock)
            self.fronts = Fronts()
            self.effects = EnvironmentEffects(self.postgres, self.fronts, self.clock)
            self.account = guard.enter_context(
                OfflineAccount(folder, engine=engine, effects=self.effects, faults=self.faults)
            )
            self._exit = guard.pop_all()
        self._balancers: dict[str, str] = {}
        self.platforms: dict[str, SitePlatform] = {}
        self._pods: dict[str, Pods] = {}
        self._folder = folder
        self.account.run_job = lambda site, job: self.pods_of(self.account.sites[site]).run(job)
        self._s3 = boto3.session.Session("rehearsal", "rehearsal").client(
            "s3", region_name="us-east-1", endpoint_url=self.account.endpoint_url
        )

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
        zone = load_zone(self.route53, zone_id)
        checks = HealthChecks(zone.checks, self._probe, self.clock)
        self.resolver = Resolver(zone, checks.status)
        self.checks = self._exit.enter_context(checks)
        self._exit.enter_context(quick_collections())

    def open_door(self, site: SiteWorld, balancer: str) -> None:
        """Start the services of a site that was built later, and its health checks and records."""
        self._open(site, balancer)
        self.read_zone()

    def read_zone(self) -> None:
        """Let DNS and the health checks follow what changed in the zone."""
        zone = load_zone(self.route53, self.zone_id)
        self.checks.replace(zone.checks)
        self.resolver.replace(zone)

    def _open(self, site: SiteWorld, balancer: str) -> None:
        self._balancers[balancer] = site.name
        self.platforms[site.name] = self._exit.enter_context(self._platform(site, balancer))
        self.pods_of(site)

    @functools.cached_property
    def route53(self) -> Route53Client:
        """Route 53, as an operator calls it."""
        return boto3.session.Session("rehearsal", "rehearsal").client(
            "route53", region_name="us-east-1", endpoint_url=self.account.endpoint_url
        )

    @functools.cached_property
    def _gateway(self) -> AwsGateway:
        """AWS as the pods see it, from the first pod on: the Job that claims the first epoch."""
        refusal, url = self.account.permissions.refusal, self.account.endpoint_url
        gateway = AwsGateway(url, faults=self.faults, ledger=self.account.ledger, refusal=refusal)
        return self._exit.enter_context(gateway)

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
                self._gateway.url,
                self._server,
                clock=self.clock,
                folder=folder,
                programs=self.account.programs,
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
        return replicate(self._s3, self.faults)

    def save_state(self, site: SiteWorld) -> None:
        """Put the state of a site's stack into the bucket that an operator would keep it in."""
        bucket = state_bucket(site.name, account=site.config.account)
        with contextlib.suppress(self._s3.exceptions.BucketAlreadyOwnedByYou):
            place = cast("BucketLocationConstraintType", site.region)
            self._s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place})
        state = site.engine.checkpoint(site.name)
        self._s3.put_object(Bucket=bucket, Key=state_key(site.name), Body=state.encode())

    def store(self, bucket: str) -> BackupStore:
        """A bucket, as the jobs read it."""
        return BackupStore(self._s3, bucket)

    def write_log(self, site: SiteWorld, group: str, line: str) -> None:
        """Add a line to a log group of a site."""
        logs = boto3.session.Session("rehearsal", "rehearsal").client(
            "logs", region_name=site.region, endpoint_url=self.account.endpoint_url
        )
        logs.create_log_stream(logGroupName=group, logStreamName="rehearsal")
        now = int(time.time() * 1000)
        logs.put_log_events(
            logGroupName=group, logStreamName="rehearsal", logEvents=[{"timestamp": now, "message": line}]
        )

    def secret(self, site: SiteWorld, name: str) -> str:
        """The present value of a secret in a site's region."""
        client = boto3.session.Session("rehearsal", "rehearsal").client(
            "secretsmanager", region_name=site.region, endpoint_url=self.account.endpoint_url
        )
        return client.get_secret_value(SecretId=name)["SecretString"]

    def snapshots(self, site: SiteWorld) -> list[str]:
        """The names of the snapshots in a site's region."""
        rds = boto3.session.Session("rehearsal", "rehearsal").client(
            "rds", region_name=site.region, endpoint_url=self.account.endpoint_url
        )
        return [entry.get("DBSnapshotIdentifier", "") for entry in rds.describe_db_snapshots()["DBSnapshots"]]

    def text(self, bucket: str, key: str) -> str:
        """An object in a bucket, as text."""
        return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def databases(self, site: SiteWorld) -> list[str]:
        """The names of a site's servers."""
        return [name for name in self.effects.by_address.values() if f"-{site.name}-" in name]

    def network(self, near: str = "") -> Network:
        """The network for people near a region, or for health checkers."""
        return Network(self._find, self.faults, near)

    def _find(self, balancer: str) -> tuple[str, tuple[str, int]]:
        site = self.account.sites.get(self._balancers[balancer])
        if site is None:
            raise TimeoutError(f"{balancer} does not exist any more")
        connect(self.effects.declared, balancer)
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
        return door.open(self.account, self._server, lambda: self._gateway.url, others)

    def _server(self, host: str) -> Server | None:
        name = self.effects.by_address.get(host)
        return self.postgres[name] if name else None

    def _probe(self, check: HealthCheck) -> bool:
        """The result of a health check, at the site that the name leads to."""
        try:
            status, body = ask(self.network().dial(self.resolver.resolve(check.fqdn)), check.path, self.clock)
        except (OSError, NoAnswerError):
            return False
        return status < 400 and check.search in body
