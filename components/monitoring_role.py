"""The role with which RDS reports metrics of the operating system (Enhanced Monitoring)."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from components.permissions import service_trust
from components.site import Site

POLICY_ARN = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"


class MonitoringRole(pulumi.ComponentResource):
    """A role for one instance. It is created with the instance, because a flip makes no call to IAM."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:MonitoringRole", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(service_trust("monitoring.rds.amazonaws.com")),
            description="RDS Enhanced Monitoring",
            tags=site.tags.of(tier="data", data="operational", name=name),
            opts=child,
        )
        # RDS checks the role's permissions when an instance names it, so the instance must depend on this component.
        aws.iam.RolePolicyAttachment(f"{name}-policy", role=role.name, policy_arn=POLICY_ARN, opts=child)
        self.arn = role.arn
        self.register_outputs({})
