"""The wiring of a site's monitoring: the store of its metrics, the identities of its pods, and Prometheus."""

from __future__ import annotations

import json

import pulumi

from components import permissions
from components.canary import Canary, CanaryArgs
from components.monitoring import MetricsStore, MetricsStoreArgs, Monitoring, MonitoringArgs
from components.prometheus_chart import ALERTMANAGER_ACCOUNT, PROMETHEUS_ACCOUNT
from components.workloads import Workloads
from recovery.naming import MONITORING_NAMESPACE, of_generation
from stacks.contacts import read_contacts
from stacks.context import Context
from stacks.platform import identity


def monitoring(context: Context, workloads: Workloads) -> None:
    """Everything that watches the site, and pages. A flip changes none of it."""
    config = context.config
    Canary(
        context.of_cluster("canary"),
        CanaryArgs(
            domain=config.domain,
            peer_site=config.peer.site,
            image=context.operations_image,
            site=context.site,
            after=(workloads.config_map,),
        ),
        context.in_cluster,
    )
    store = MetricsStore(
        of_generation("metrics", config.copies.generation),
        MetricsStoreArgs(peer_region=config.peer.region, site=context.site),
    )
    Monitoring(
        context.of_cluster("monitoring"),
        MonitoringArgs(
            contacts=read_contacts(config.account),
            domain=config.domain,
            peer_site=config.peer.site,
            store_endpoint=store.endpoint,
            store_region=config.peer.region,
            site=context.site,
            needs=(*context.cluster.nodes, *context.namespace.priority_classes, *_identities(context, store)),
        ),
        context.in_cluster,
    )


def _identities(context: Context, store: MetricsStore) -> list[pulumi.Resource]:
    site = context.site
    pages = json.dumps(permissions.alertmanager(account=site.account, region=site.region))
    policies: dict[str, pulumi.Input[str]] = {
        PROMETHEUS_ACCOUNT: store.arn.apply(lambda arn: json.dumps(permissions.prometheus(arn))),
        ALERTMANAGER_ACCOUNT: pages,
    }
    return [
        identity(context, f"{account}-identity", account, policy, namespace=MONITORING_NAMESPACE)
        for account, policy in policies.items()
    ]
