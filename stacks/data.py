"""The wiring of a site's data: the ledger and the claims, the gate of a switchover, and the databases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import pulumi

from components import job_permissions, secrets
from components.claims import Claims, ClaimsArgs
from components.database import Database, DatabaseArgs, Restore
from components.database_roles import DatabaseRoles, DatabaseRolesArgs
from components.delayed_replica import DelayedReplica, DelayedReplicaArgs
from components.fence import Handover, HandoverArgs
from components.kube.once import CLAIM, PROMOTION_WAIT, PROMOTION_WAIT_SECONDS, ROLES, STRICT_WAIT_SECONDS
from components.ledger import Ledger, LedgerArgs
from components.ownership import made_here
from components.promotion_waits import PromotionWaits, PromotionWaitsArgs
from components.secrets import DatabasePassword, DatabasePasswordArgs
from recovery import naming
from recovery import timeline as rules
from recovery.timeline import DatabaseId, DatabaseRole
from stacks.context import Context, Databases
from stacks.global_sections import AdoptedPassword
from stacks.platform import identity
from stacks.sections import RestoreConfig


def ledger(context: Context) -> Ledger | None:
    """The crisis ledger, or None if another stack declares it, or none does yet."""
    config, adopted = context.config, context.config.adopted
    if not config.owns_globals or (adopted and adopted.ledger == "later"):
        return None
    found = adopted is not None and adopted.ledger == "found"
    (copy_region,) = set(config.ledger_regions) - {config.region}
    args = LedgerArgs(
        copy_region=copy_region,
        witness_region=config.ledger.witness,
        site=context.site,
        ownership=config.ownership if found else made_here(config.ownership),
        adopted=found,
    )
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
    policy = json.dumps(
        job_permissions.claim(account=site.account, region=site.region, ledger=site.ledger_arn, site=site.name)
    )
    return Claims(
        context.of_cluster("claims"),
        ClaimsArgs(
            leaders=context.config.claimed_epochs,
            history=context.config.history,
            promoted=context.config.promoted_epoch,
            table_name=ledger.table_name if ledger else site.ledger_table,
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


@dataclass(frozen=True)
class Passwords:
    """The passwords of the database's roles."""

    owner: DatabasePassword
    application: DatabasePassword


def passwords(context: Context) -> Passwords | None:
    """The passwords, or None if the other stack declares them.

    Declared as long as the site exists, whichever site leads: the replicas of both sites were seeded with them.
    """
    if not context.config.owns_globals:
        return None
    return Passwords(
        owner=_password(context, "password", naming.PASSWORD_SECRET, "the database's owner", "owner_password"),
        application=_password(
            context, "application-password", naming.APPLICATION_SECRET, "the application", "application_password"
        ),
    )


def promotion_waits(context: Context, claims: Claims) -> PromotionWaits:
    """The waits before the promotions of all databases of the site that were replicas.

    Without it, the rows that the old leader commits after the promotion has begun are lost.
    """
    config, site = context.config, context.site
    policy = context.secrets_key_arn.apply(
        lambda key: json.dumps(
            job_permissions.promotion_wait(
                account=site.account, region=site.region, ledger=site.ledger_arn, secrets_key_arn=key
            )
        )
    )
    return PromotionWaits(
        context.of_cluster(PROMOTION_WAIT),
        PromotionWaitsArgs(
            epochs=tuple(
                epoch
                for epoch, database in sorted(rules.led_epochs(site.name, config.history).items())
                if not rules.is_born_leader(database, config.history) and config.cluster.has_job_of(epoch)
            ),
            promoted=config.promoted_epoch,
            seconds=STRICT_WAIT_SECONDS if config.fence == "strict" else PROMOTION_WAIT_SECONDS,
            image=context.operations_image,
            site=site,
            needs=(
                *context.cluster.nodes,
                *context.namespace.resources,
                identity(context, "promotion-wait-identity", PROMOTION_WAIT, policy, tier="data"),
            ),
            after=claims.jobs,
        ),
        context.in_cluster,
    )


def databases(context: Context, waits: PromotionWaits, claims: Claims, passwords: Passwords | None) -> Databases:
    """Every database that the site keeps.

    Each waits for the claims, because a site must own an epoch before it leads it, and for the waits.
    """
    owner = passwords.owner.value if passwords else None
    after = (*claims.jobs, *waits.jobs)
    return {database: _database(context, database, owner, after) for database in context.config.databases}


def delayed_replica(context: Context, databases: Databases) -> None:
    """The replica that is late on purpose, if there is one. A flip does not touch it."""
    config = context.config
    if config.database.delayed is None:
        return
    source = DatabaseId(config.site, config.database.delayed.epoch)
    args = DelayedReplicaArgs(
        source=source,
        source_identifier=databases[source].instance.identifier,
        minutes=config.database.delayed.minutes,
        engine_version=config.database.engine_version,
        instance_class=config.database.instance_class,
        storage_gib=config.database.storage_gib,
        max_storage_gib=config.database.max_storage_gib,
        security_group_id=databases[source].client_group_id,
        key_arn=context.keys.database_arn,
        logs_key_arn=context.keys.logs_arn,
        site=context.site,
    )
    DelayedReplica(f"delayed-{source.epoch}", args)


def roles(context: Context, passwords: Passwords | None, databases: Databases) -> DatabaseRoles:
    """The Jobs that make the roles of databases that began empty. No other pod may know such a database before."""
    config, site = context.config, context.site
    policy = context.secrets_key_arn.apply(
        lambda key: json.dumps(job_permissions.roles(account=site.account, region=site.region, secrets_key_arn=key))
    )
    empty = [
        database
        for database in config.databases
        if _begins_empty(context, database) and config.cluster.has_job_of(database.epoch)
    ]
    return DatabaseRoles(
        context.of_cluster("roles"),
        DatabaseRolesArgs(
            empty={database: databases[database].address for database in empty},
            image=context.operations_image,
            site=site,
            after=(
                *(databases[database].instance for database in empty),
                *((passwords.owner.version, passwords.application.version) if passwords else ()),
                *context.cluster.nodes,
                *context.namespace.resources,
                identity(context, "roles-identity", ROLES, policy, tier="data"),
            ),
        ),
        context.in_cluster,
    )


def _database(
    context: Context, database: DatabaseId, password: pulumi.Output[str] | None, after: tuple[pulumi.Resource, ...]
) -> Database:
    config, history = context.config, context.config.history
    restores = {restore.epoch: restore for restore in config.database.restores}
    restore = _restore(restores.get(database.epoch), history)
    return Database(
        f"database-{database.epoch}",
        DatabaseArgs(
            database=database,
            role=rules.database_role(database, history),
            source_arn=_source_arn(context, database),
            born_leader=rules.is_born_leader(database, history),
            restore=restore,
            password=password if _begins_empty(context, database) else None,
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
            after=after,
        ),
    )


def _begins_empty(context: Context, database: DatabaseId) -> bool:
    """Whether a database begins empty: the first one, and one for a dump."""
    history, restores = context.config.history, context.config.database.restores
    restored = any(restore.epoch == database.epoch and not restore.begins_empty for restore in restores)
    return rules.is_born_leader(database, history) and not restored


def _password(
    context: Context, name: str, secret: str, of: str, key: Literal["owner_password", "application_password"]
) -> DatabasePassword:
    config = context.config
    adopted: AdoptedPassword | None = getattr(config.adopted, key, None)
    args = DatabasePasswordArgs(
        secret_name=secret,
        description=f"Password of {of}",
        number=getattr(config.database, key),
        peer_region=config.peer.region,
        key_arn=context.keys.secrets_arn,
        site=context.site,
        ownership=config.ownership if adopted else made_here(config.ownership),
        adopted=adopted and secrets.AdoptedPassword(**adopted.model_dump()),
    )
    return DatabasePassword(name, args)


def _restore(restore: RestoreConfig | None, history: tuple[DatabaseId, ...]) -> Restore | None:
    if restore is None or restore.begins_empty:
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
