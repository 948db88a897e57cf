"""The wiring of a site's logs: those of its pods, and those of its edge."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi

from components.load_balancer import LoadBalancer
from components.log_permissions import log_collector
from components.pod_logs import LogCollector, LogCollectorArgs, PodLogGroups, PodLogGroupsArgs
from recovery.naming import LOG_COLLECTOR, LOGGING_NAMESPACE
from stacks.context import Context
from stacks.platform import identity


def logs(context: Context, front: LoadBalancer) -> Mapping[str, pulumi.Input[str]]:
    """The collector of the pods' logs. Returns the names of the log groups that are copied to the other region."""
    groups = PodLogGroups("pod-logs", PodLogGroupsArgs(key_arn=context.keys.logs_arn, site=context.site))
    policy = pulumi.Output.all(*groups.arns.values()).apply(
        lambda arns: json.dumps(log_collector([str(arn) for arn in arns]))
    )
    pods = identity(context, "log-collector-identity", LOG_COLLECTOR, policy, namespace=LOGGING_NAMESPACE)
    LogCollector(
        context.of_cluster("log-collector"),
        LogCollectorArgs(site=context.site, after=(*context.cluster.nodes, pods)),
        context.in_cluster,
    )
    return {f"pods-{pods}": name for pods, name in groups.names.items()} | {"firewall": front.firewall_log}
