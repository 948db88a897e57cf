"""A replica of a site's database, in the same region, that applies every change only after a delay.

Rows that a mistake deleted are still there until the delay is over (docs/runbooks/delayed-replica.md). It takes no part
in a failover: it is never promoted, because PostgreSQL first applies everything that a promoted replica has received.

Sources: Amazon RDS User Guide, "Configuring delayed replication with RDS for PostgreSQL"; Amazon RDS API Reference,
"CreateDBInstanceReadReplica" (a replica in its source's region has the source's key and subnets, and names neither);
PostgreSQL documentation, "Replication", recovery_min_apply_delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.database import MAINTENANCE_WINDOW, PORT, arguments, observation
from components.database_logs import EXPORTS, DatabaseLogs, DatabaseLogsArgs
from components.database_parameters import Parameter, family, parameters
from components.monitoring_role import MonitoringRole
from components.site import Site
from recovery.naming import delayed_replica
from recovery.timeline import DatabaseId

MILLISECONDS_PER_MINUTE = 60_000


@dataclass(frozen=True, kw_only=True)
class DelayedReplicaArgs:
    """The database that is followed, and the delay."""

    source: DatabaseId
    source_identifier: pulumi.Input[str]
    """The output of the source's instance, so that the source exists first."""
    minutes: int
    engine_version: str
    instance_class: str
    storage_gib: int
    max_storage_gib: int
    security_group_id: pulumi.Input[str]
    """The group that admits the site's pods."""
    key_arn: pulumi.Input[str]
    """For Performance Insights."""
    logs_key_arn: pulumi.Input[str]
    site: Site


class DelayedReplica(pulumi.ComponentResource):
    """An RDS instance in one zone, without backups: the source has them."""

    def __init__(self, name: str, args: DelayedReplicaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DelayedReplica", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        identifier = delayed_replica(args.source)
        logs = DatabaseLogs(
            f"{name}-logs",
            DatabaseLogsArgs(identifier=identifier, key_arn=args.logs_key_arn, site=args.site),
            self._child,
        )
        monitoring = MonitoringRole(f"{name}-monitoring", args.site, self._child)
        aws.rds.Instance(
            f"{name}-instance",
            identifier=identifier,
            replicate_source_db=args.source_identifier,
            engine_version=args.engine_version,
            instance_class=args.instance_class,
            # It has the key of its source. Without this, the provider would replace the instance.
            storage_encrypted=True,
            storage_type="gp3",
            max_allocated_storage=args.max_storage_gib,
            multi_az=False,
            vpc_security_group_ids=[args.security_group_id],
            port=PORT,
            publicly_accessible=False,
            iam_database_authentication_enabled=True,
            parameter_group_name=self._parameter_group().name,
            backup_retention_period=0,
            maintenance_window=MAINTENANCE_WINDOW,
            auto_minor_version_upgrade=False,
            apply_immediately=True,
            # It has no data of its own, so it is not protected, and leaves nothing.
            skip_final_snapshot=True,
            copy_tags_to_snapshot=True,
            **observation(args.key_arn),
            monitoring_role_arn=monitoring.arn,
            enabled_cloudwatch_logs_exports=list(EXPORTS),
            tags=args.site.tags.of(tier="data", data="phi", name=identifier),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[logs, monitoring], custom_timeouts=pulumi.CustomTimeouts(create="6h")
            ),
        )
        self.register_outputs({})

    def _parameter_group(self) -> aws.rds.ParameterGroup:
        delay = Parameter("recovery_min_apply_delay", str(self._args.minutes * MILLISECONDS_PER_MINUTE))
        return aws.rds.ParameterGroup(
            f"{self._name}-parameters",
            family=family(self._args.engine_version),
            description="Lifeline: the settings of the databases, and a delay",
            parameters=arguments((*parameters(storage_gib=self._args.storage_gib), delay)),
            tags=self._args.site.tags.of(tier="data", data="none", name=f"{self._name}-parameters"),
            opts=self._child,
        )
