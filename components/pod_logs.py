"""The logs of pods: the log groups of a site, and the collector in each cluster."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.kube import log_collector
from components.kube.objects import declare
from components.site import Site
from recovery.naming import pod_log_group, registry

RETENTION_DAYS = {"phi": 2192, "operational": 365}
"""The retention by the class of the data. A service may log who asked for help, and the fence logs who may write: both
are kept for six years. Source: 45 CFR 164.316(b)(2)(i)."""
DATA = {"platform": "phi", "system": "operational"}
"""The class of the data in each group. `system` has the pods of Kubernetes, of its add-ons and of the monitoring."""


@dataclass(frozen=True, kw_only=True)
class PodLogGroupsArgs:
    """The key of the groups."""

    key_arn: pulumi.Input[str]
    site: Site


class PodLogGroups(pulumi.ComponentResource):
    """The log groups, which outlive a cluster."""

    names: dict[str, pulumi.Output[str]]
    """By the keys of `DATA`."""
    arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: PodLogGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:PodLogGroups", name, {}, opts)
        groups = {
            pods: aws.cloudwatch.LogGroup(
                f"{name}-{pods}",
                name=pod_log_group(args.site.name, pods),
                kms_key_id=args.key_arn,
                retention_in_days=RETENTION_DAYS[data],
                tags=args.site.tags.of(tier="platform", data=data, name=pod_log_group(args.site.name, pods)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for pods, data in DATA.items()
        }
        self.names = {pods: group.name for pods, group in groups.items()}
        self.arns = {pods: group.arn for pods, group in groups.items()}
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class LogCollectorArgs:
    """The site, and what the pods need."""

    site: Site
    after: tuple[pulumi.Resource, ...]
    """The nodes, the log groups, and the identity of the pods."""


class LogCollector(pulumi.ComponentResource):
    """Fluent Bit on every node."""

    def __init__(self, name: str, args: LogCollectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LogCollector", name, {}, opts)
        site = args.site
        manifests = log_collector.objects(
            image=f"{registry(account=site.account, region=site.region)}/{log_collector.IMAGE}:{log_collector.VERSION}",
            region=site.region,
            groups={pods: pod_log_group(site.name, pods) for pods in DATA},
            labels=site.tags.labels(tier="platform", data="none"),
        )
        before: list[pulumi.Resource] = [*args.after]
        for manifest in manifests:
            role = manifest["kind"].lower()
            before.append(declare(f"{name}-{role}", manifest, pulumi.ResourceOptions(parent=self, depends_on=before)))
        self.register_outputs({})
