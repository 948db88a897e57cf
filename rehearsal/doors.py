"""The way into a site: from its load balancer to the pods of the cluster that the routes lead to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from psycopg.conninfo import make_conninfo

from recovery.naming import CONFIG_MAP, NAMESPACE
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.declared import Declared
from rehearsal.world.detector import ModelError
from rehearsal.world.faults import Faults, pods_of
from rehearsal.world.firewall import WebRequest
from rehearsal.world.front import Destination, Fronts, destination
from rehearsal.world.loopback import Reply, Request
from rehearsal.world.models import from_bucket
from rehearsal.world.permissions import Permissions, identity, item_call
from rehearsal.world.platform import BACKEND, CRISIS_DETECTOR, HOTLINE_GATEWAY, SERVED, SWITCH, SitePlatform
from rehearsal.world.pod_network import PodNetwork
from rehearsal.world.pods import Pods
from rehearsal.world.policies import End, refusal
from rehearsal.world.readiness import Readiness
from rehearsal.world.secrets import Mounted
from rehearsal.world.server import Server
from rehearsal.world.users import DatabaseUnavailableError
from rehearsal.world.ways import (
    address_of_balancer,
    port_of,
    to_pods,
)

ROUTE_SECONDS = 0.2
"""Real seconds for which a load balancer keeps its targets. ELB needs longer to register one."""


class Door:
    """The entrance of one site.

    Args:
        site: the site.
        balancer: its load balancer, by DNS name.
        fronts: the listeners, rules and web ACLs of all load balancers.
        pods: returns the running pods of all clusters.
        faults: the broken links.
        declared: the resources of the account.
    """

    def __init__(
        self,
        site: SiteWorld,
        balancer: str,
        fronts: Fronts,
        pods: Callable[[], Iterable[Pods]],
        faults: Faults,
        declared: Declared,
    ) -> None:
        self._site, self._balancer = site, balancer
        self._fronts, self._pods, self._faults, self._declared = fronts, pods, faults, declared
        self._known: dict[str, tuple[float, Destination | None]] = {}
        self._seen: dict[str, tuple[object, str | None]] = {}

    def open(
        self,
        account: OfflineAccount,
        server: Callable[[str], Server | None],
        gateway: Callable[[], str],
        others: Callable[[], Iterable[SitePlatform]],
        provider: Callable[[str], str | None],
    ) -> SitePlatform:
        """The services of the site.

        Args:
            account: the account with the ledger.
            server: returns the PostgreSQL server behind the ConfigMap's DB_HOST; None if there is none.
            gateway: returns the address of AWS.
            others: returns the services of the other sites.
            provider: returns the reason for which a provider of the hotline connects no one; None if it does.
        """
        mounts = Mounted(self._cluster, BACKEND, namespace=NAMESPACE, region=self._site.region, endpoint=gateway)

        def conninfo(host: str) -> str | None:
            database, config = server(host), _config_map(self._cluster())
            if database is None:
                return None
            if reason := self._to_database(host, int(config["DB_PORT"])):
                raise DatabaseUnavailableError(reason)
            known = database.conninfo_of(str(config.get("DB_USER")), mounts.password())
            return make_conninfo(known, dbname=config["DB_NAME"])

        return SitePlatform(
            self._site.name,
            self._site.region,
            refusal=self._refusal,
            page=self._page,
            way=self._way,
            ledger_refusal=lambda *call: self._to_ledger(account.permissions, *call),
            route=self._route,
            read_config=lambda: _config_map(self._cluster()),
            not_ready=self._not_ready,
            ledger=account.ledger,
            conninfo=conninfo,
            pods=lambda: _generation(self._cluster(), BACKEND),
            detector=lambda: _generation(self._cluster(), CRISIS_DETECTOR),
            model=lambda bucket, version: self._model(gateway(), bucket, version),
            provider=lambda name: self._to_provider(provider, name),
            switch=self._switch,
            other_is_ready=lambda: self._may_know() and any(other.is_ready() for other in others()),
        )

    def _may_know(self) -> bool:
        """Whether the site can know which other site leads: it reaches the ledger, and its switch has begun."""
        pods = self._serving_pods()
        return (
            self._faults.serves("dynamodb", self._site.region)
            and pods is not None
            and pods.beginnings.has_begun(SWITCH)
        )

    def _destination(self, path: str) -> Destination | None:
        """The pods behind a path, looked up a few times per second: each lookup reads every Deployment."""
        target = self._fronts.target(self._balancer, path)
        if target is None:
            return None
        at, pods = self._known.get(target, (float("-inf"), None))
        if time.monotonic() - at > ROUTE_SECONDS:
            pods = destination(target, [*self._site.clusters.existing.values()])
            self._known[target] = (time.monotonic(), pods)
        return pods

    def _not_ready(self, deployment: str) -> str | None:
        """The reason for which a deployment has no pod that is ready, looked at after every change."""
        cluster = self._cluster()
        now = id(cluster), cluster.changes, self._declared.changes, self._faults.lost
        known, reason = self._seen.get(deployment, (None, None))
        if known != now:
            name, answers = self._name_of(cluster), self._faults.reachable
            reason = Readiness(self._declared, cluster, name, NAMESPACE, SERVED, answers).refusal(deployment)
            self._seen[deployment] = (now, reason)
        return reason

    def _cluster(self) -> KubernetesApi:
        pods = self._destination("/health")
        return pods.cluster if pods else self._site.cluster

    def _route(self, path: str) -> str | None:
        pods = self._destination(path)
        return pods.deployment if pods else None

    def _way(self, path: str) -> str | None:
        """The reason for which the load balancer does not reach the pods behind a path; None if it does."""
        if not self._faults.carries(pods_of(self._site.region)):
            return "the load balancer does not reach its pods"
        target, pods = self._fronts.target(self._balancer, path), self._destination(path)
        if not target or not pods:
            return None
        port = port_of(self._declared, target)
        balancer = End(address_of_balancer(self._declared, self._balancer))
        return to_pods(self._declared, target, self._name_of(pods.cluster)) or refusal(
            pods.cluster, balancer, End(namespace=NAMESPACE, labels=_labels(pods.cluster, pods.deployment)), port
        )

    def _to_database(self, host: str, port: int) -> str | None:
        """The reason for which the backend does not reach a database; None if it does."""
        network = self._network()
        return network.to_database(_labels(network.cluster, BACKEND), host, port)

    def _to_ledger(self, permissions: Permissions, operation: str, region: str, key: str) -> str | None:
        """The reason for which the crisis detector may not make a call of DynamoDB, or does not reach it; else None."""
        network = self._network()
        return network.to_service(_labels(network.cluster, CRISIS_DETECTOR), "dynamodb") or permissions.refusal(
            identity(self._site.region, _service_account(network.cluster, CRISIS_DETECTOR)),
            item_call(operation, region, key),
        )

    def _model(self, gateway: str, bucket: str, version: str) -> bytes:
        """A version of the model, if the crisis detector reaches S3 and may read it."""
        network = self._network()
        if reason := network.to_service(_labels(network.cluster, CRISIS_DETECTOR), "s3"):
            raise ModelError(reason)
        caller = identity(self._site.region, _service_account(network.cluster, CRISIS_DETECTOR))
        return from_bucket(caller, self._site.region, gateway, bucket, version)

    def _to_provider(self, provider: Callable[[str], str | None], name: str) -> str | None:
        """The reason for which the hotline gateway reaches no counsellor; None if it does."""
        network = self._network()
        return network.to_service(_labels(network.cluster, HOTLINE_GATEWAY), "the internet") or provider(name)

    def _network(self) -> PodNetwork:
        cluster = self._cluster()
        return PodNetwork(self._declared, self._name_of(cluster), cluster, NAMESPACE)

    def _name_of(self, cluster: KubernetesApi) -> str:
        return next(name for name, known in self._site.clusters.existing.items() if known is cluster)

    def _page(self, path: str) -> Reply | None:
        page = self._fronts.page(self._balancer, path)
        return Reply(page[0], {"page": page[1]}) if page else None

    def _refusal(self, request: Request) -> int | None:
        received = WebRequest(path=request.path, headers={"user-agent": request.agent})
        return self._fronts.refusal(self._balancer, received)

    def _switch(self, request: Request) -> Reply:
        pods = self._serving_pods()
        return pods.ask(SWITCH, request) if pods else Reply(503, {"error": "no pod runs yet"})

    def _serving_pods(self) -> Pods | None:
        cluster = self._cluster()
        return next((pods for pods in self._pods() if pods.cluster is cluster), None)


def _generation(cluster: KubernetesApi, deployment: str) -> str:
    """A name of a Deployment's pods, which a change of it replaces."""
    declared = cluster.look("apps/v1", "Deployment", deployment, NAMESPACE)
    return f"{declared['metadata']['uid']} {declared['metadata']['generation']}" if declared else ""


def _service_account(cluster: KubernetesApi, deployment: str) -> str:
    declared = cluster.look("apps/v1", "Deployment", deployment, NAMESPACE)
    return str(declared["spec"]["template"]["spec"]["serviceAccountName"]) if declared else ""


def _labels(cluster: KubernetesApi, deployment: str) -> Mapping[str, str]:
    """The labels of the pods of a Deployment."""
    declared = cluster.look("apps/v1", "Deployment", deployment, NAMESPACE)
    return declared["spec"]["template"]["metadata"]["labels"] if declared else {}


def _config_map(cluster: KubernetesApi) -> Mapping[str, str]:
    config_map = cluster.look("v1", "ConfigMap", CONFIG_MAP, NAMESPACE)
    return config_map["data"] if config_map else {}
