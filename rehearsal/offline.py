"""The offline world: one account on this machine, with both sites' stacks, stand-in providers and clusters."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.up import UpResult
from engine.warm import Warm, WarmProcess
from recovery.naming import LEDGER_TABLE, cluster_name
from rehearsal.engines import ENGINES, Engine
from rehearsal.programs import EKS, warm_programs
from rehearsal.providers.aws.backend import AwsBackend
from rehearsal.providers.backend import Effects
from rehearsal.providers.kubernetes.api import ApiError, KubernetesApi
from rehearsal.providers.kubernetes.backend import KubernetesBackend
from rehearsal.providers.random import RandomBackend
from rehearsal.providers.server import ProviderServer, StandInProvider
from rehearsal.world.cloud import empty_account, empty_region
from rehearsal.world.faults import Faults
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.permissions import Permissions
from stacks.config import SiteConfig, parse
from stacks.stackfile import StackFile

VERSIONS = {"aws": "7.51.1", "kubernetes": "4.34.2", "random": "4.21.4"}
"""The versions that the stand-ins report: those that the program's packages ask for."""

_MOTO = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
"""moto reads it when it is used: AWS's managed policies exist."""


class Clusters:
    """The clusters of a site, by name. Each exists from the first time that a provider refers to it.

    Args:
        serving: returns the name of the cluster that has the workloads.
        version: the Kubernetes version.
    """

    def __init__(self, serving: Callable[[], str], version: str) -> None:
        self._serving, self._version = serving, version
        self._lock = threading.Lock()
        self.existing: dict[str, KubernetesApi] = {}

    @property
    def serving(self) -> str:
        """The name of the cluster that has the workloads, according to the configuration."""
        return self._serving()

    def named(self, name: str) -> KubernetesApi:
        """A cluster; without a name, the one that has the workloads."""
        name = name or self.serving
        with self._lock:
            if name not in self.existing:
                self.existing[name] = KubernetesApi(self._version)
            return self.existing[name]


@dataclass
class SiteWorld:
    """One site: its stack file, its providers and its clusters."""

    file: StackFile
    config: SiteConfig
    engine: Engine
    clusters: Clusters
    aws: AwsBackend
    servers: list[ProviderServer] = field(default_factory=list[ProviderServer])

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.config.site

    @property
    def region(self) -> str:
        """The site's region."""
        return self.config.region

    @property
    def cluster(self) -> KubernetesApi:
        """The cluster that has the workloads, according to the configuration."""
        return self.clusters.named("")


class OfflineAccount:
    """The AWS account: a moto server, the ledger in three regions, and the faults. One at a time per process.

    Args:
        folder: for stack files, states and logs.
        engine: `in-process` or `pulumi`.
        effects: called after each change.
        faults: the regions and control planes that are lost.
        programs: the server of processes, if it has begun already. It ends with the account.
    """

    def __init__(
        self, folder: Path, *, engine: str, effects: Effects, faults: Faults, programs: Warm | None = None
    ) -> None:
        self._folder = folder
        self._engine = ENGINES[engine]
        self._effects = effects
        self.faults = faults
        self._stack = contextlib.ExitStack()
        self._tables: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._ledger: GlobalTable | None = None
        self.sites: dict[str, SiteWorld] = {}
        self.run_job: Callable[[str, dict[str, Any]], None] | None = None
        """Runs a site's Job until it ends. Without it, Jobs are refused."""
        self.wait_for: Callable[[str, dict[str, Any]], object] = lambda *_: None
        """Waits until the pods of a site's new Deployment are available."""
        self.changes: Callable[[], int] = itertools.count().__next__
        """Returns another number after each change of a resource. Without it, each call counts as one."""
        os.environ.update(_MOTO)
        self.programs = self._stack.enter_context(programs or warm_programs())
        """Runs the program, the pods, and the stand-in for pulumi-eks."""
        self.programs.begin()
        self.endpoint_url = self._stack.enter_context(empty_account())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def ledger(self) -> GlobalTable:
        """The crisis ledger, which exists from the first site on."""
        assert self._ledger is not None, "the first site brings the ledger"
        return self._ledger

    def add_site(self, source: Path) -> SiteWorld:
        """Copy a committed stack file. The copy is the site's configuration from now on."""
        file = StackFile(source)
        file.path = self._folder / source.name
        file.save()
        config = parse(file.config, stack=source.name.split(".")[1])
        if self._ledger is None:
            self._ledger = GlobalTable(
                replicas=config.ledger_regions,
                witness=config.ledger.witness,
                faults=self.faults,
                declared=lambda: self._tables.get("dynamodb-global", {}).get(LEDGER_TABLE),
            )
        site = self._site(file, config)
        self.sites[site.name] = site
        return site

    def forget(self, site: SiteWorld) -> None:
        """Let nothing be left of a site that was lost: neither in its region, nor the state of its stack."""
        empty_region(site.config.account, site.region)
        for rows in self._tables.values():
            for key in [key for key in rows if key.startswith(f"{site.region}/")]:
                del rows[key]
        shutil.rmtree(self._folder / "engine" / site.name)
        site.file.path.unlink()
        del self.sites[site.name]

    def up(self, site: SiteWorld, *, on_step: Callable[[Step], None] = lambda step: None) -> UpResult:
        """Run `pulumi up` for a site with its current stack file.

        Raises:
            ConfigError: if the file has mistakes.
            DeploymentError: if a provider refuses.
        """
        config = site.file.config
        site.config = parse(config, stack=site.name)
        return site.engine.up(site.name, config, on_step=on_step)

    def pod_role(self, region: str, account: str) -> str | None:
        """The role of a service account's pods in a region, as EKS Pod Identity knows it."""
        for row, association in [*self._tables.get("eks-PodIdentityAssociation", {}).items()]:
            if row.startswith(f"{region}/") and association["serviceAccount"] == account:
                return str(association["roleArn"])
        return None

    @functools.cached_property
    def permissions(self) -> Permissions:
        """The decisions of IAM on the calls of pods."""
        (account,) = {site.config.account for site in self.sites.values()}
        return Permissions(self.endpoint_url, account, self.pod_role, self.changes)

    def _site(self, file: StackFile, config: SiteConfig) -> SiteWorld:
        clusters = Clusters(lambda: _serving_cluster(self.sites[config.site].config), config.cluster.version)
        aws = AwsBackend(
            self.endpoint_url,
            config.region,
            config.account,
            self.faults,
            self._effects,
            tables=self._tables,
        )
        kubernetes = KubernetesBackend(
            clusters.named,
            region=config.region,
            faults=self.faults,
            run_job=lambda job: self._run_job(config.site, job),
            wait_for=lambda deployment: self.wait_for(config.site, deployment),
        )
        backends = {"aws": aws, "kubernetes": kubernetes, "random": RandomBackend()}
        servers = {
            name: self._serve(StandInProvider(backend, version=VERSIONS[name])) for name, backend in backends.items()
        }
        ports = {name: server.port for name, server in servers.items()} | {"eks": self._eks_provider()}
        engine = self._engine(self._folder / "engine" / config.site, ports, self.programs)
        return SiteWorld(file, config, engine, clusters, aws, list(servers.values()))

    def _run_job(self, site: str, job: dict[str, Any]) -> None:
        if self.run_job is None:
            raise ApiError(f'Job "{job["metadata"]["name"]}" cannot be run: no pods run yet')
        self.run_job(site, job)

    def _serve(self, provider: StandInProvider) -> ProviderServer:
        server = ProviderServer(provider)
        self._stack.callback(server.stop)
        return server

    def _eks_provider(self) -> int:
        log = self._folder / "eks.log"
        reading, writing = os.pipe()
        with os.fdopen(reading) as said, os.fdopen(writing, "w") as told, log.open("ab") as errors:
            process = self.programs.start("-m", EKS, env=os.environ, stdout=told.fileno(), stderr=errors.fileno())
            told.close()  # the process has its own, so the line ends if it dies
            self._stack.callback(_end, process)
            line = said.readline()
        if not line.strip().isdigit():
            raise DeploymentError(f"the eks stand-in did not start: {log.read_text()[-2000:]}")
        return int(line)


def _serving_cluster(config: SiteConfig) -> str:
    return cluster_name(config.site, config.cluster.serving_generation)


def _end(process: WarmProcess) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
