"""RDS's backups of databases, replicated to the other region: a point in time that survives the loss of this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.keys import service_key_policy, symmetric_key
from components.site import Site
from recovery import naming, objectives
from recovery.timeline import DatabaseId


@dataclass(frozen=True, kw_only=True)
class DatabaseCopiesArgs:
    """The databases whose backups are replicated, and the region of the copies."""

    databases: Mapping[DatabaseId, pulumi.Resource]
    """Databases that lead or led, with their instances."""
    peer_region: str
    site: Site


class DatabaseCopies(pulumi.ComponentResource):
    """The replication of snapshots and logs, and a key for them in the other region.

    The key exists also without a copy: what was copied stays for its retention, which is longer than the longest time
    for which KMS keeps a deleted key.
    Source: Amazon RDS User Guide, "Replicating automated backups to another AWS Region".
    """

    def __init__(self, name: str, args: DatabaseCopiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DatabaseCopies", name, {}, opts)
        key_arn = symmetric_key(
            f"{name}-key",
            site=args.site,
            purpose=naming.of_generation("database-copies", args.site.copy_generation),
            region=args.peer_region,
            policy=service_key_policy("rds", account=args.site.account, region=args.peer_region),
            tier="data",
            data="phi",
            parent=self,
        )
        for database, instance in args.databases.items():
            aws.rds.InstanceAutomatedBackupsReplication(
                f"{name}-{database.epoch}",
                source_db_instance_arn=naming.database_arn(
                    database, account=args.site.account, region=args.site.region
                ),
                kms_key_id=key_arn,
                retention_period=objectives.BACKUP_RETENTION_DAYS,
                region=args.peer_region,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[instance]),
            )
        self.register_outputs({"keyArn": key_arn})
