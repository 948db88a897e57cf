"""The wiring of a site's data: the ledger and the claims, the gate of a switchover, and the databases."""

from __future__ import annotations

import json

import pulumi

from components import job_permissions
from components.claims import Claims, ClaimsArgs
from components.database import Database, DatabaseArgs, Restore
from components.fence import Handover, HandoverArgs
from components.kube.once import CLAIM
from components.ledger import Ledger, LedgerArgs
from components.secrets import DatabasePassword, DatabasePasswordArgs
from recovery import naming
from recovery import timeline as rules
from recovery.timeline import DatabaseId, DatabaseRole
from stacks.context import Context, Databases
from stacks.platform import identity
from stacks.sections import RestoreConfig


def ledger(context: Context) -> Ledger | None:
    """The crisis ledger, or None if the other stack declares it."""
    config = context.config
    if config.globals == "use":
        return None
    args = LedgerArgs(peer_region=config.peer.region, witness_region=config.ledger.witness, site=context.site)
    return Ledger("ledger", args)


def handover(context: Context) -> Handover | None:
    """The gate of a planned switchover. It runs before the claim, so a refusal changes nothing."""
    plan = context.config.switchover
    # It goes when the site no longer leads, so that no flip removes it.
    if plan.take is None or not context.config.is_active or not context.config.cluster.has_job_of(plan.take):
        return None
    args = HandoverArgs(
        ending_epoch=plan.take - 1,
        leader=context.config.history[plan.take - 2],
        accept_loss=plan.accept_loss,
        image=context.operations_image,
        site=context.site,
    )
    return Handover(context.of_cluster(f"handover-{plan.take}"), args, context.in_cluster)


def claims(context: Context, ledger: Ledger | None, gate: Handover | None) -> Claims:
    """The claims of all epochs that the site leads or led.

    A new cluster claims them once more, which changes nothing.
    """
    site = context.site
    policy = json.dumps(job_permissions.claim(account=site.account, region=site.region))
    return Claims(
        context.of_cluster("claims"),
        ClaimsArgs(
            leaders=rules.led_epochs(site.name, context.config.history),
            table_name=ledger.table_name if ledger else naming.LEDGER_TABLE,
            image=context.operations_image,
            site=site,
            needs=(
                *context.cluster.nodes,
                *context.namespace.resources,
                identity(context, "claim-identity", CLAIM, policy, tier="data"),
            ),
            gate=(gate.job,) if gate else (),
        ),
        context.in_cluster,
    )


def databases(context: Context, claims: Claims) -> Databases:
    """Every database that the site keeps.

    Each waits for the claims, because a site must own an epoch before it leads it.
    """
    # Declared as long as the site exists, whichever site leads: the replicas of both sites were seeded with it.
    password = _password(context).value if context.is_first else None
    return {database: _database(context, database, password, claims) for database in context.config.databases}


def _database(context: Context, database: DatabaseId, password: pulumi.Output[str] | None, claims: Claims) -> Database:
    config, history = context.config, context.config.history
    restores = {restore.epoch: restore for restore in config.database.restores}
    restore = _restore(restores.get(database.epoch), history)
    # A database for a dump begins empty, as the first one did.
    begins_empty = rules.is_born_leader(database, history) and restore is None
    return Database(
        f"database-{database.epoch}",
        DatabaseArgs(
            database=database,
            role=rules.database_role(database, history),
            source_arn=_source_arn(context, database),
            born_leader=rules.is_born_leader(database, history),
            restore=restore,
            password=password if begins_empty else None,
            engine_version=config.database.engine_version,
            instance_class=config.database.instance_class,
            storage_gib=config.database.storage_gib,
            max_storage_gib=config.database.max_storage_gib,
            vpc_id=context.network.vpc_id,
            subnet_ids=context.network.database_subnet_ids,
            client_security_group_ids={
                generation: cluster.node_security_group_id for generation, cluster in context.clusters.items()
            },
            reconciled=database.epoch in config.database.reconciled,
            protect=config.protect and database.epoch not in config.database.unprotected,
            key_arn=context.keys.database_arn,
            logs_key_arn=context.keys.logs_arn,
            site=context.site,
            after=claims.jobs,
        ),
    )


def _password(context: Context) -> DatabasePassword:
    args = DatabasePasswordArgs(
        peer_region=context.config.peer.region, key_arn=context.keys.secrets_arn, site=context.site
    )
    return DatabasePassword("password", args)


def _restore(restore: RestoreConfig | None, history: tuple[DatabaseId, ...]) -> Restore | None:
    if restore is None or restore.dump is not None:
        return None
    source = naming.database_identifier(history[restore.epoch - 2])
    return Restore(
        source=source,
        moment=restore.point_in_time,
        snapshot=restore.snapshot,
        automated_backup=restore.automated_backup,
    )


def _source_arn(context: Context, database: DatabaseId) -> str | None:
    """The database that this one replicates. A leader and a fenced database replicate none, however they began."""
    config = context.config
    if rules.database_role(database, config.history) in (DatabaseRole.LEADER, DatabaseRole.FENCED):
        return None
    source = rules.seed_source(database, config.history)
    assert source is not None, "a database that never led was seeded from another one"
    return naming.database_arn(source, account=context.site.account, region=config.regions[source.site])
