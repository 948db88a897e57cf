"""The monitoring of one site: Prometheus and Alertmanager, their targets and rules, and the store of their metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components import prometheus_chart
from components.alerts import routing, rules
from components.alerts.routing import Contacts
from components.chart_release import chart_release
from components.kube import monitoring, probes
from components.kube.objects import declare
from components.prometheus_chart import CHART, CHART_VERSION, ChartSettings
from components.site import Site
from recovery import naming
from recovery.naming import MONITORING_NAMESPACE

SECRETS = (routing.PAGES_KEY, routing.TICKETS_KEY, routing.HEARTBEAT_KEY, routing.HOTLINE_KEY)


@dataclass(frozen=True, kw_only=True)
class MetricsStoreArgs:
    """The site that writes, and the region of the store."""

    site: Site
    peer_region: str


class MetricsStore(pulumi.ComponentResource):
    """A workspace of Amazon Managed Service for Prometheus in the other region, which survives the site's own."""

    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    """Ends in a slash."""

    def __init__(self, name: str, args: MetricsStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:MetricsStore", name, {}, opts)
        alias = naming.of_generation(naming.metrics_workspace(args.site.name), args.site.copy_generation)
        workspace = aws.amp.Workspace(
            f"{name}-workspace",
            alias=alias,
            region=args.peer_region,
            tags=args.site.tags.of(tier="platform", data="operational", name=alias),
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        self.arn, self.endpoint = workspace.arn, workspace.prometheus_endpoint
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """The people who are paged, and the addresses that the monitoring uses."""

    contacts: Contacts
    domain: str
    peer_site: str
    store_endpoint: pulumi.Input[str]
    store_region: str
    site: Site
    needs: tuple[pulumi.Resource, ...]
    """The nodes, the identities of the pods, and the priority classes."""


class Monitoring(pulumi.ComponentResource):
    """The chart, and the objects that it reads. A flip changes none of them: rules and targets know no role."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Monitoring", name, {}, opts)
        self._name, self._args = name, args
        self._labels = args.site.tags.labels(tier="platform", data="operational")
        self._namespace = self._declare("namespace", monitoring.namespace(labels=self._labels), args.needs)
        release = self._release([*self._around(), *args.needs])
        # The chart installs the kinds of these objects.
        for role, manifest in self._read_by_the_operator():
            self._declare(role, manifest, (release,))
        self.register_outputs({})

    def _around(self) -> list[pulumi.Resource]:
        region = self._args.site.region
        manifests = {
            "dashboards": monitoring.dashboards(
                prometheus_chart.DASHBOARDS, site=self._args.site.name, labels=self._labels
            ),
            "closed": monitoring.closed(labels=self._labels),
            "disks": monitoring.storage_class(prometheus_chart.STORAGE_CLASS, labels=self._labels),
            "secrets": monitoring.alerting_class(SECRETS, region=region, labels=self._labels),
        }
        return [self._declare(role, manifest, (self._namespace,)) for role, manifest in manifests.items()]

    def _release(self, after: Iterable[pulumi.Resource]) -> kubernetes.helm.v3.Release:
        args = self._args
        settings = ChartSettings(
            site=args.site.name,
            registry=naming.registry(account=args.site.account, region=args.site.region),
            alertmanager=routing.alertmanager(args.contacts, region=args.site.region),
            remote_write_url=pulumi.Output.concat(args.store_endpoint, "api/v1/remote_write"),
            remote_write_region=args.store_region,
        )
        return chart_release(
            f"{self._name}-prometheus",
            CHART,
            version=CHART_VERSION,
            namespace=MONITORING_NAMESPACE,
            values=prometheus_chart.values(settings),
            site=args.site,
            parent=self,
            after=[*after],
        )

    def _read_by_the_operator(self) -> Iterable[tuple[str, Mapping[str, Any]]]:
        args, labels = self._args, self._labels
        yield "rules", rules.prometheus_rule(args.domain, labels=labels)
        for manifest in monitoring.pod_monitors(labels=labels):
            yield f"monitor-{manifest['metadata']['name']}", manifest
        registry = naming.registry(account=args.site.account, region=args.site.region)
        for manifest in probes.exporter(registry=registry, labels=labels):
            yield f"prober-{manifest['kind'].lower()}", manifest
        for manifest in probes.probes(domain=args.domain, peer=args.peer_site, labels=labels):
            yield f"probe-{manifest['metadata']['name']}", manifest

    def _declare(
        self, role: str, manifest: Mapping[str, Any], after: Iterable[pulumi.Resource]
    ) -> pulumi.CustomResource:
        return declare(f"{self._name}-{role}", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*after]))
