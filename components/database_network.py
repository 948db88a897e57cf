"""The subnets and security groups of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from recovery.naming import of_generation


@dataclass(frozen=True, kw_only=True)
class DatabaseNetworkArgs:
    """The network of a database, and the group of its clients."""

    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    client_security_group_ids: Mapping[int, pulumi.Input[str]]
    """The group of the pods of each cluster, by the cluster's generation."""
    reconciled: bool = False
    """Whether pods may reach the database while it is fenced."""
    port: int
    site: Site


class DatabaseNetwork(pulumi.ComponentResource):
    """A subnet group and two security groups, of which exactly one is attached at a time.

    Both groups exist from the start, so that fencing exchanges one for the other and creates nothing. Neither allows
    outgoing traffic: a database opens no connection, and replication between regions does not pass through the groups.
    """

    subnet_group_name: pulumi.Output[str]
    client_group_id: pulumi.Output[str]
    """Allows the site's clients."""
    reconciliation_group_id: pulumi.Output[str]
    """Allows no connection, or the site's clients as long as a fenced database is reconciled."""

    def __init__(self, name: str, args: DatabaseNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DatabaseNetwork", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets",
            description="Lifeline: the site's database subnets",
            subnet_ids=list(args.subnet_ids),
            tags=self._tags("subnets"),
            opts=self._child,
        )
        self.subnet_group_name = subnets.name
        self.client_group_id = self._group("clients", "Database: reached by the site's pods")
        self.reconciliation_group_id = self._group("reconciliation", "Database: fenced, reached by nobody")
        for generation, group_id in args.client_security_group_ids.items():
            self._admit(of_generation("from-clients", generation), self.client_group_id, group_id)
            if args.reconciled:
                self._admit(of_generation("from-reconcilers", generation), self.reconciliation_group_id, group_id)
        self.register_outputs({})

    def _admit(self, role: str, own: pulumi.Input[str], clients: pulumi.Input[str]) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-{role}",
            security_group_id=own,
            referenced_security_group_id=clients,
            ip_protocol="tcp",
            from_port=self._args.port,
            to_port=self._args.port,
            tags=self._tags(role),
            opts=self._child,
        )

    def _group(self, role: str, description: str) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{self._name}-{role}",
            description=description,
            vpc_id=self._args.vpc_id,
            tags=self._tags(role),
            opts=self._child,
        )
        return group.id

    def _tags(self, role: str) -> dict[str, str]:
        return self._args.site.tags.of(tier="data", data="none", name=f"{self._name}-{role}")
