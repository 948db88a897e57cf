"""One PostgreSQL database of one site, whatever its role: leader, replica, fenced or stale.

A role changes in place, and in one apply. Therefore a replica has everything that a leader needs from its creation:
backups, Multi-AZ, key, parameters and security group. Setting them together with the promotion needs a second apply.
Source: hashicorp/terraform-provider-aws issue 4419.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.database_logs import EXPORTS, DatabaseLogs, DatabaseLogsArgs
from components.database_network import DatabaseNetwork, DatabaseNetworkArgs
from components.database_parameters import Parameter, family, parameters
from components.monitoring_role import MonitoringRole
from components.site import Site
from recovery import objectives
from recovery.naming import DATABASE_NAME, DATABASE_USER, database_identifier
from recovery.timeline import DatabaseId, DatabaseRole

PORT = 5432
MONITORING_SECONDS = 15
INSIGHTS_RETENTION_DAYS = 7
"""The retention that Performance Insights offers free of charge."""

BACKUP_WINDOW = "09:00-09:30"
"""UTC: night in all of the United States. RDS refuses to promote a replica whose status is `backing-up`."""
MAINTENANCE_WINDOW = "tue:10:00-tue:10:30"
"""UTC, outside the backup window, on a weekday shortly before working hours."""

FOLLOWERS = (DatabaseRole.REPLICA, DatabaseRole.STALE)


@dataclass(frozen=True, kw_only=True)
class Restore:
    """The backup that a database starts from. It contains the users, the passwords and the name of the database."""

    source: str
    """The identifier of the instance to restore, in the same region."""
    moment: str | None
    """The time to restore to, in UTC, ISO 8601; or `latest`."""
    snapshot: str | None
    """The identifier of a snapshot in the same region."""
    automated_backup: str | None = None
    """RDS's backups of an instance in another region, replicated to this one. They replace `source`."""

    def __post_init__(self) -> None:
        if (self.moment is None) == (self.snapshot is None):
            raise ValueError("a restore has exactly one of a moment and a snapshot")


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """A database: its role, how it was created, and the network and keys that it uses."""

    database: DatabaseId
    role: DatabaseRole
    source_arn: str | None
    """The database that a replica follows, or that a stale database followed; None for a leader and for a fenced
    database. Removing it from a replica promotes the replica, which cannot be undone."""
    born_leader: bool
    """Whether it was created as a leader, empty or from a backup. Never changes."""
    restore: Restore | None = None
    """The backup that a born leader was created from; it stays declared. None if the leader was created empty."""
    password: pulumi.Input[str] | None
    """Only for a database that was created empty. A copy has its source's password; later changes are made by SQL.
    None also if another stack owns the password by now: then it stays as it is."""
    engine_version: str
    """Major and minor, such as `17.6`. A replica has its source's version; only the major is used, for the
    parameters."""
    instance_class: str
    storage_gib: int
    """The size at creation. Storage grows up to `max_storage_gib`. A replica starts with its source's size."""
    max_storage_gib: int
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    client_security_group_ids: Mapping[int, pulumi.Input[str]]
    """The groups whose members may connect, unless the database is fenced, by the generation of their cluster."""
    reconciled: bool = False
    """Whether the site's pods may reach the database although it is fenced, to compare its rows."""
    protect: bool
    """Whether Pulumi and RDS refuse to delete the database."""
    key_arn: pulumi.Input[str]
    """A key in the site's own region."""
    logs_key_arn: pulumi.Input[str]
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The resources that must exist before the database is created or changed: the claim of an epoch before its
    leader."""

    def __post_init__(self) -> None:
        follows = self.role in FOLLOWERS
        if follows != (self.source_arn is not None):
            expected = "an ARN" if follows else "None"
            raise ValueError(
                f"source_arn of {self.database} is {self.source_arn}, expected {expected} of a {self.role}"
            )
        if follows and self.born_leader:
            raise ValueError(f"{self.database} was born a leader: RDS cannot make it a {self.role}, seed a new one")
        if self.restore and not self.born_leader:
            raise ValueError(f"{self.database} was born a replica: it cannot be restored from a backup")
        if self.password is not None and not (self.born_leader and self.restore is None):
            raise ValueError(f"{self.database} has a password, expected None: only a database created empty has one")


class Database(pulumi.ComponentResource):
    """An RDS instance in three zones with its network, parameters, logs and monitoring."""

    instance: aws.rds.Instance
    address: pulumi.Output[str]
    """The host name. A promotion does not change it."""
    client_group_id: pulumi.Output[str]
    """The security group that admits the site's pods."""
    log_groups: dict[str, pulumi.Output[str]]
    """The name of each log group, by the log that it takes."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Database", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._identifier = database_identifier(args.database)
        network = DatabaseNetwork(
            f"{name}-network",
            DatabaseNetworkArgs(
                vpc_id=args.vpc_id,
                subnet_ids=args.subnet_ids,
                client_security_group_ids=args.client_security_group_ids,
                reconciled=args.reconciled,
                port=PORT,
                site=args.site,
            ),
            self._child,
        )
        logs = DatabaseLogs(
            f"{name}-logs",
            DatabaseLogsArgs(identifier=self._identifier, key_arn=args.logs_key_arn, site=args.site),
            self._child,
        )
        self.log_groups = logs.groups
        monitoring = MonitoringRole(f"{name}-monitoring", args.site, self._child)
        self.instance = self._instance(network, self._parameter_group(), monitoring, [logs, monitoring, *args.after])
        self.address, self.client_group_id = self.instance.address, network.client_group_id
        self.register_outputs({})

    def _parameter_group(self) -> aws.rds.ParameterGroup:
        settings = parameters(storage_gib=self._args.storage_gib)
        return aws.rds.ParameterGroup(
            f"{self._name}-parameters",
            family=family(self._args.engine_version),
            description="Lifeline: the same settings at both sites",
            parameters=arguments(settings),
            tags=self._args.site.tags.of(tier="data", data="none", name=f"{self._name}-parameters"),
            opts=self._child,
        )

    def _instance(
        self,
        network: DatabaseNetwork,
        group: aws.rds.ParameterGroup,
        monitoring: MonitoringRole,
        after: list[pulumi.Resource],
    ) -> aws.rds.Instance:
        args = self._args
        fenced = args.role is DatabaseRole.FENCED
        return aws.rds.Instance(
            f"{self._name}-instance",
            identifier=self._identifier,
            replicate_source_db=args.source_arn,
            # Also declared for a replica, or an upgrade in the file would not reach it. RDS creates a replica with its
            # source's version and upgrades it before its source: terraform-provider-aws issues 30703 and 22107.
            engine_version=args.engine_version,
            **_birth(args),
            **_end(args),
            **observation(args.key_arn),
            enabled_cloudwatch_logs_exports=list(EXPORTS),
            monitoring_role_arn=monitoring.arn,
            instance_class=args.instance_class,
            # Also declared for a replica, which has it with its key: without it, the provider would replace the
            # instance.
            storage_encrypted=True,
            kms_key_id=args.key_arn,
            storage_type="gp3",
            max_allocated_storage=args.max_storage_gib,
            multi_az=True,
            db_subnet_group_name=network.subnet_group_name,
            vpc_security_group_ids=[network.reconciliation_group_id if fenced else network.client_group_id],
            port=PORT,
            publicly_accessible=False,
            iam_database_authentication_enabled=True,
            parameter_group_name=group.name,
            backup_retention_period=objectives.BACKUP_RETENTION_DAYS,
            backup_window=BACKUP_WINDOW,
            maintenance_window=MAINTENANCE_WINDOW,
            # A replica must be upgraded before its source, so neither may upgrade automatically.
            auto_minor_version_upgrade=False,
            apply_immediately=True,
            tags=args.site.tags.of(tier="data", data="phi", name=self._identifier),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                depends_on=after,
                ignore_changes=["password"] if args.born_leader and not (args.restore or args.password) else None,
                # The provider waits 40 minutes. The first copy of a large database to another region takes hours.
                custom_timeouts=pulumi.CustomTimeouts(create="6h"),
            ),
        )


def _birth(args: DatabaseArgs) -> dict[str, Any]:
    """The arguments that only a born leader declares, as long as it exists.

    A replica has these values from its source, and RDS refuses them for a replica. If they were declared after a
    promotion, the user's name would replace the instance. A restored leader declares its backup instead.
    """
    if args.restore is not None:
        return _restored(args.restore)
    if not args.born_leader:
        return {}
    return {
        "engine": "postgres",
        "allocated_storage": args.storage_gib,
        "db_name": DATABASE_NAME,
        "username": DATABASE_USER,
        "password": args.password,
    }


def _restored(restore: Restore) -> dict[str, Any]:
    if restore.snapshot is not None:
        return {"snapshot_identifier": restore.snapshot}
    time = {"use_latest_restorable_time": True} if restore.moment == "latest" else {"restore_time": restore.moment}
    if restore.automated_backup is not None:
        origin = {"source_db_instance_automated_backups_arn": restore.automated_backup}
    else:
        origin = {"source_db_instance_identifier": restore.source}
    return {"restore_to_point_in_time": {**origin, **time}}


def _end(args: DatabaseArgs) -> dict[str, Any]:
    """The settings for the deletion of the instance: its backups stay, and RDS takes a final snapshot.

    RDS refuses a final snapshot of a database that still replicates, so a stale replica asks for none
    (hashicorp/terraform-provider-aws issue 4276). A replica does ask for one, because its promotion must change nothing
    else.
    """
    stale = args.role is DatabaseRole.STALE
    return {
        "deletion_protection": args.protect,
        "delete_automated_backups": False,
        "copy_tags_to_snapshot": True,
        "skip_final_snapshot": stale,
        "final_snapshot_identifier": None if stale else f"{database_identifier(args.database)}-final",
    }


def arguments(settings: Sequence[Parameter]) -> list[aws.rds.ParameterGroupParameterArgs]:
    """Settings as a parameter group takes them."""
    return [
        aws.rds.ParameterGroupParameterArgs(name=setting.name, value=setting.value, apply_method=setting.apply_method)
        for setting in settings
    ]


def observation(key_arn: pulumi.Input[str]) -> dict[str, Any]:
    """The settings of Performance Insights, with the key for its data, and of Enhanced Monitoring."""
    return {
        "performance_insights_enabled": True,
        "performance_insights_kms_key_id": key_arn,
        "performance_insights_retention_period": INSIGHTS_RETENTION_DAYS,
        "monitoring_interval": MONITORING_SECONDS,
    }
