"""The offline world as procedures reach it: with the same calls as in the account, stopped by the same faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from engine.deployment import Step
from engine.up import UpResult
from procedures.access import Workload
from procedures.cluster import counted
from procedures.web import NoAnswerError
from recovery.naming import NAMESPACE
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.world.browser import Browser
from rehearsal.world.dns import ClientResolver
from rehearsal.world.platform import SERVED
from rehearsal.world.readiness import Readiness
from rehearsal.world.scheduling import unplaced
from stacks.config import SiteConfig
from stacks.stackfile import StackFile

_LAG = "extract(epoch from now() - pg_last_xact_replay_timestamp())"


class OfflineStack:
    """The stack of a site in the offline world.

    Args:
        environment: the world.
        site: the site.
    """

    def __init__(self, environment: Environment, site: SiteWorld) -> None:
        self._environment, self._site = environment, site

    @property
    def file(self) -> StackFile:
        """Its stack file."""
        return self._site.file

    def up(self, on_step: Callable[[Step], None]) -> UpResult:
        """Run `up`, after which the pods of a new cluster begin to run."""
        done = self._environment.account.up(self._site, on_step=on_step)
        self._environment.pods_of(self._site)
        return done


class OfflineAccess:
    """The account and the platform, from an operator's machine near a site.

    Args:
        environment: the world.
        site: the site.
        web: the operator's browser; without one, a new one near the site, which keeps no answer of DNS.
    """

    def __init__(self, environment: Environment, site: SiteWorld, web: Browser | None = None) -> None:
        self._environment, self._site, self._web = environment, site, web
        self.regions: set[str] = set()
        """The regions that were asked."""

    @property
    def web(self) -> Browser:
        """The platform."""
        return self._web or Browser(
            self._environment.network(self._site.region), self._resolver, self._environment.clock
        )

    def client(self, service: str, region: str) -> Any:
        """A client of boto3. CloudWatch has each replica's lag of this moment, and not of the minute before."""
        self.regions.add(region)
        if service == "cloudwatch":
            self._publish_lags(region)
        return self._environment.gateways.client(service, region)

    def workloads(self, config: SiteConfig) -> tuple[Workload, ...]:
        """The Deployments of a site. Pods that are no processes are ready if a node has room, and by their probes."""
        site = self._environment.account.sites[config.site]
        if config.region in self._environment.faults.lost or not site.cluster.runs_pods:
            raise ConnectionError(f"the API server of {site.clusters.serving} does not answer")
        pods, declared = self._environment.pods_of(site), self._environment.effects.declared
        reachable = self._environment.faults.reachable
        readiness = Readiness(declared, site.cluster, site.clusters.serving, NAMESPACE, SERVED, reachable)
        no_room = unplaced(declared, site.cluster, site.clusters.serving)

        def ready(name: str, wanted: int) -> int:
            if name in pods.deployments:
                return pods.running(name)
            refused = readiness.refusal(name) if name in SERVED else no_room.get((NAMESPACE, name))
            return 0 if refused else wanted

        found = counted(site.cluster.list("Deployment", namespace=NAMESPACE))
        return tuple(replace(entry, ready=ready(entry.name, entry.wanted)) for entry in found)

    def firing(self, config: SiteConfig) -> frozenset[str]:
        """No pod of the offline world is a Prometheus: `make alerts` and `make monitoring` run it."""
        raise LookupError(f"no store of the metrics of {config.site} is played")

    def addresses(self, host: str) -> frozenset[str]:
        """Where a name leads."""
        try:
            return frozenset({self._resolver.resolve(host)})
        except NoAnswerError:
            return frozenset()

    def now(self) -> datetime:
        """The time of this machine, which the stand-ins use too."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        self._environment.clock.sleep(seconds)

    @property
    def _resolver(self) -> ClientResolver:
        return ClientResolver(self._environment.resolver, self._environment.clock, self._site.region)

    def _publish_lags(self, region: str) -> None:
        cloudwatch = self._environment.gateways.unstopped("cloudwatch", region)
        for site in self._environment.account.sites.values():
            for database in self._environment.databases(site) if site.region == region else ():
                if (lag := self._lag(database)) is not None:
                    dimensions = [{"Name": "DBInstanceIdentifier", "Value": database}]
                    data = [{"MetricName": "ReplicaLag", "Dimensions": dimensions, "Value": lag}]
                    cloudwatch.put_metric_data(Namespace="AWS/RDS", MetricData=data)

    def _lag(self, database: str) -> float | None:
        """The simulated seconds since the last replayed transaction; None for a leader, or a database that is down."""
        server = self._environment.postgres[database]
        try:
            with psycopg.connect(server.conninfo(), autocommit=True) as connection:
                row = connection.execute(f"SELECT {_LAG} WHERE pg_is_in_recovery()").fetchone()
        except psycopg.OperationalError:
            return None
        return None if row is None or row[0] is None else float(row[0]) / self._environment.clock.real(1.0)
