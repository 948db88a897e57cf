"""Wiring of one site: which components it has, and what each is told of the timeline."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi

from components import permissions
from components.certificate import Certificate, CertificateArgs
from components.cluster import Cluster, ClusterArgs
from components.controllers import CONTROLLER_NAMESPACE, LOAD_BALANCER_CONTROLLER, Controllers, ControllersArgs
from components.database import PORT, Database, DatabaseArgs, Restore
from components.fence import Fence, FenceArgs, Handover, HandoverArgs
from components.identity import PodIdentity, PodIdentityArgs
from components.keys import Keys, KeysArgs
from components.kube.jobs import FENCE, HANDOVER
from components.kube.services import BACKEND, CRISIS_DETECTOR, HOTLINE_GATEWAY, Service
from components.ledger import Claims, ClaimsArgs, Ledger, LedgerArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import Network, NetworkArgs
from components.secrets import DatabasePassword, DatabasePasswordArgs
from components.switch import Switch, SwitchArgs
from components.traffic import Traffic, TrafficArgs
from components.workloads import Workloads, WorkloadsArgs, pause_image
from components.zone import Zone, ZoneArgs
from recovery import naming
from recovery import timeline as rules
from recovery.timeline import DatabaseId, DatabaseRole
from stacks.config import SiteConfig
from stacks.sections import Replicas, RestoreConfig


def build(config: SiteConfig) -> None:
    """Build one site. The last lines are the order of a flip: claim, database, workloads, traffic."""
    keys = Keys(
        "keys",
        KeysArgs(
            site=config.site, account=config.account, region=config.region, tags=config.tags, protect=config.protect
        ),
    )
    network = Network(
        "network",
        NetworkArgs(
            cidr=config.network.cidr,
            zones=config.network.zones,
            region=config.region,
            logs_key_arn=keys.logs_arn,
            tags=config.tags,
        ),
    )
    cluster = _cluster(config, keys, network)
    zone_id, ledger = _globals(config)
    front = _front(config, network, cluster, zone_id)
    claims = _claims(config, ledger, _handover(config, cluster))
    databases = _databases(config, keys, network, cluster, claims)
    workloads = _workloads(config, keys, network, cluster, front, databases)
    _fence(config, keys, cluster, databases, workloads)
    _switch(config, workloads, databases)
    _traffic(config, zone_id, front)
    _export(config, zone_id, databases, cluster, front)


def _cluster(config: SiteConfig, keys: Keys, network: Network) -> Cluster:
    wanted = config.cluster
    return Cluster(
        f"cluster-{wanted.generation}",
        ClusterArgs(
            cluster_name=naming.cluster_name(config.site, wanted.generation),
            version=wanted.version,
            region=config.region,
            account=config.account,
            vpc_id=network.vpc_id,
            public_subnet_ids=tuple(network.public_subnet_ids),
            private_subnet_ids=tuple(network.private_subnet_ids),
            key_arn=keys.cluster_arn,
            logs_key_arn=keys.logs_arn,
            public_access_cidrs=wanted.public_access_cidrs,
            node_instance_type=wanted.nodes.instance_type,
            node_minimum=wanted.nodes.minimum,
            node_maximum=wanted.nodes.maximum,
            node_disk_gib=wanted.nodes.disk_gib,
            tags=config.tags,
            protect=config.protect,
        ),
    )


def _globals(config: SiteConfig) -> tuple[pulumi.Input[str], Ledger | None]:
    """The zone's id, and the ledger if this stack declares it: what exists once belongs to one stack."""
    if config.globals == "use":
        assert config.zone_id is not None, "the configuration was checked"
        return config.zone_id, None
    zone = Zone("zone", ZoneArgs(domain=config.domain, tags=config.tags, protect=config.protect))
    ledger = Ledger(
        "ledger",
        LedgerArgs(
            region=config.region,
            peer_region=config.peer.region,
            witness_region=config.ledger.witness,
            tags=config.tags,
            protect=config.protect,
        ),
    )
    return zone.zone_id, ledger


def _front(config: SiteConfig, network: Network, cluster: Cluster, zone_id: pulumi.Input[str]) -> LoadBalancer:
    certificate = Certificate("certificate", CertificateArgs(domain=config.domain, zone_id=zone_id, tags=config.tags))
    return LoadBalancer(
        "front",
        LoadBalancerArgs(
            vpc_id=network.vpc_id,
            public_subnet_ids=network.public_subnet_ids,
            certificate_arn=certificate.arn,
            pod_security_group_id=cluster.node_security_group_id,
            tags=config.tags,
            protect=config.protect,
        ),
    )


def _handover(config: SiteConfig, cluster: Cluster) -> Handover | None:
    """The gate of a planned switchover, before the claim: what it refuses has changed nothing."""
    plan = config.switchover
    if plan.take is None:
        return None
    args = HandoverArgs(
        ending_epoch=plan.take - 1,
        accept_loss=plan.accept_loss,
        image=_operations_image(config),
        tags=config.tags,
    )
    return Handover(f"handover-{plan.take}", args, pulumi.ResourceOptions(provider=cluster.provider))


def _claims(config: SiteConfig, ledger: Ledger | None, gate: Handover | None) -> Claims:
    return Claims(
        "claims",
        ClaimsArgs(
            leaders=rules.led_epochs(config.site, config.history),
            table_name=ledger.table_name if ledger else naming.LEDGER_TABLE,
            after=(gate.job,) if gate else (),
        ),
    )


def _databases(
    config: SiteConfig, keys: Keys, network: Network, cluster: Cluster, claims: Claims
) -> dict[DatabaseId, Database]:
    """Every database that the site keeps. Each waits for the claims: a leader must own its epoch before it leads."""
    history = config.history
    restores = {restore.epoch: restore for restore in config.database.restores}
    # Declared for as long as the site exists: replicas in both sites were seeded with it, whoever leads now.
    password = _password(config, keys) if _is_first(config) else None
    return {
        database: Database(
            f"database-{database.epoch}",
            DatabaseArgs(
                database=database,
                role=rules.database_role(database, history),
                source_arn=_source_arn(config, database),
                born_leader=rules.is_born_leader(database, history),
                restore=_restored_from(restores.get(database.epoch), history),
                password=password.value if password and database.epoch == 1 else None,
                engine_version=config.database.engine_version,
                instance_class=config.database.instance_class,
                storage_gib=config.database.storage_gib,
                max_storage_gib=config.database.max_storage_gib,
                vpc_id=network.vpc_id,
                subnet_ids=network.database_subnet_ids,
                client_security_group_id=cluster.node_security_group_id,
                key_arn=keys.database_arn,
                logs_key_arn=keys.logs_arn,
                tags=config.tags,
                protect=config.protect,
                after=claims.items,
            ),
        )
        for database in config.databases
    }


def _restored_from(restore: RestoreConfig | None, history: tuple[DatabaseId, ...]) -> Restore | None:
    if restore is None:
        return None
    source = naming.database_identifier(history[restore.epoch - 2])
    return Restore(source=source, moment=restore.point_in_time, snapshot=restore.snapshot)


def _password(config: SiteConfig, keys: Keys) -> DatabasePassword:
    args = DatabasePasswordArgs(
        peer_region=config.peer.region, key_arn=keys.secrets_arn, tags=config.tags, protect=config.protect
    )
    return DatabasePassword("password", args)


def _source_arn(config: SiteConfig, database: DatabaseId) -> str | None:
    """What a replica follows; a leader and a fenced database follow nobody, whatever they were born as."""
    if rules.database_role(database, config.history) in (DatabaseRole.LEADER, DatabaseRole.FENCED):
        return None
    source = rules.seed_source(database, config.history)
    assert source is not None, "what never led was seeded from something"
    return naming.database_arn(source, account=config.account, region=config.regions[source.site])


@dataclass(frozen=True)
class _Pod:
    """Who gets which permissions in the cluster."""

    service: Service
    policy: pulumi.Input[str]


def _identities(config: SiteConfig, keys: Keys, cluster: Cluster, front: LoadBalancer) -> list[pulumi.Resource]:
    own = {"account": config.account, "region": config.region}
    backend: pulumi.Input[str] = json.dumps(permissions.backend(**own, secrets_key_arn=None))
    if _is_first(config):  # the other site's replica of the secret is under a key that AWS manages
        backend = keys.secrets_arn.apply(lambda key: json.dumps(permissions.backend(**own, secrets_key_arn=key)))
    pods = (
        _Pod(BACKEND, backend),
        _Pod(CRISIS_DETECTOR, json.dumps(permissions.crisis_detector(**own))),
        _Pod(HOTLINE_GATEWAY, json.dumps(permissions.hotline_gateway(**own))),
    )
    controller = pulumi.Output.all(*front.target_group_arns.values()).apply(
        lambda arns: json.dumps(permissions.load_balancer_controller([str(arn) for arn in arns]))
    )
    identities = [
        PodIdentity(
            f"{pod.service.component}-identity",
            PodIdentityArgs(
                cluster_name=cluster.name,
                namespace=naming.NAMESPACE,
                service_account=pod.service.name,
                policy=pod.policy,
                tags=config.tags,
                tier=pod.service.tier.name,
            ),
        )
        for pod in pods
    ]
    controller_identity = PodIdentity(
        "controller-identity",
        PodIdentityArgs(
            cluster_name=cluster.name,
            namespace=CONTROLLER_NAMESPACE,
            service_account=LOAD_BALANCER_CONTROLLER,
            policy=controller,
            tags=config.tags,
        ),
    )
    return [*identities, controller_identity]


def _workloads(
    config: SiteConfig,
    keys: Keys,
    network: Network,
    cluster: Cluster,
    front: LoadBalancer,
    databases: dict[DatabaseId, Database],
) -> Workloads:
    in_cluster = pulumi.ResourceOptions(provider=cluster.provider)
    controllers = Controllers(
        "controllers",
        ControllersArgs(
            account=config.account,
            region=config.region,
            cluster_name=cluster.name,
            vpc_id=network.vpc_id,
            after=(*cluster.nodes, *_identities(config, keys, cluster, front)),
        ),
        in_cluster,
    )
    return Workloads(
        "platform",
        WorkloadsArgs(
            config=settings(config, databases[config.own_database].address),
            replicas=by_component(config.replicas),
            active_replicas=by_component(config.capacity.active),
            images=_images(config),
            placeholder_image=pause_image(config.region),
            target_group_arns=front.target_group_arns,
            secret_name=naming.PASSWORD_SECRET,
            region=config.region,
            vpc_cidr=config.network.cidr,
            database_cidrs=network.database_cidrs,
            tags=config.tags,
            # A pod of the new role must find a database that takes its writes.
            after=(controllers.release, *(database.instance for database in databases.values())),
        ),
        in_cluster,
    )


def _fence(
    config: SiteConfig, keys: Keys, cluster: Cluster, databases: dict[DatabaseId, Database], workloads: Workloads
) -> None:
    Fence(
        "fence",
        FenceArgs(
            config=settings(config, databases[config.own_database].address),
            image=_operations_image(config),
            switch_bucket=naming.switch_bucket(config.site, account=config.account),
            tags=config.tags,
            after=(workloads.config_map, workloads.password_class, *_job_identities(config, keys, cluster)),
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
    )


def _job_identities(config: SiteConfig, keys: Keys, cluster: Cluster) -> list[pulumi.Resource]:
    own = {"account": config.account, "region": config.region}
    bucket = naming.switch_bucket(config.site, account=config.account)
    # The other site's replica of the secret is under a key that AWS manages, which needs no permission.
    key = keys.secrets_arn if _is_first(config) else pulumi.Output.from_input(None)
    policies: dict[str, pulumi.Input[str]] = {
        FENCE: key.apply(lambda arn: json.dumps(permissions.fence(**own, switch_bucket=bucket, secrets_key_arn=arn))),
        HANDOVER: key.apply(lambda arn: json.dumps(permissions.handover(**own, secrets_key_arn=arn))),
    }
    return [
        PodIdentity(
            f"{job}-identity",
            PodIdentityArgs(
                cluster_name=cluster.name,
                namespace=naming.NAMESPACE,
                service_account=job,
                policy=policy,
                tags=config.tags,
                tier="data",
            ),
        )
        for job, policy in policies.items()
    ]


def _operations_image(config: SiteConfig) -> str:
    return naming.image("operations", config.images.operations, account=config.account, region=config.region)


def settings(config: SiteConfig, database_host: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """The ConfigMap's data: who the site is today, and where its own database and ledger are."""
    return {
        "SITE": config.site,
        "SITE_ROLE": "active" if config.is_active else "standby",
        "EPOCH": str(rules.epoch(config.history)),
        "DATABASE": str(config.own_database),
        "DRAIN": "true" if config.drains else "false",
        "AWS_REGION": config.region,
        "DB_HOST": database_host,
        "DB_PORT": str(PORT),
        "DB_NAME": naming.DATABASE_NAME,
        "DB_USER": naming.DATABASE_USER,
        "LEDGER_TABLE": naming.LEDGER_TABLE,
        "EMERGENCY_READ_ONLY": "false" if config.role is DatabaseRole.LEADER and not config.drains else "true",
        "CRISIS_FALLBACK_MODE": "hybrid",
        "HOTLINE_PROVIDER": "primary",
    }


def by_component(sizes: Replicas) -> dict[str, int]:
    """Sizes by the component label of the deployment."""
    return {
        "backend": sizes.backend,
        "frontend": sizes.frontend,
        "crisis-detector": sizes.crisis_detector,
        "hotline-gateway": sizes.hotline_gateway,
    }


def _images(config: SiteConfig) -> dict[str, str]:
    digests = {
        "backend": config.images.backend,
        "frontend": config.images.frontend,
        "crisis-detector": config.images.crisis_detector,
        "hotline-gateway": config.images.hotline_gateway,
    }
    return {
        component: naming.image(component, digest, account=config.account, region=config.region)
        for component, digest in digests.items()
    }


def _switch(config: SiteConfig, workloads: Workloads, databases: dict[DatabaseId, Database]) -> None:
    """Traffic is taken over only by a site that did not lead first; the first one has it unless another takes it."""
    Switch(
        "switch",
        SwitchArgs(
            site=config.site,
            account=config.account,
            takeover=config.is_active and not _is_first(config),
            after=(*(database.instance for database in databases.values()), *workloads.settled),
            tags=config.tags,
            protect=config.protect,
        ),
    )


def _is_first(config: SiteConfig) -> bool:
    return rules.first_site(config.history) == config.site


def _traffic(config: SiteConfig, zone_id: pulumi.Input[str], front: LoadBalancer) -> None:
    Traffic(
        "traffic",
        TrafficArgs(
            site=config.site,
            peer_site=config.peer.site,
            account=config.account,
            region=config.region,
            peer_region=config.peer.region,
            domain=config.domain,
            zone_id=zone_id,
            is_first=_is_first(config),
            load_balancer_dns_name=front.dns_name,
            load_balancer_zone_id=front.zone_id,
            tags=config.tags,
        ),
    )


def _export(
    config: SiteConfig,
    zone_id: pulumi.Input[str],
    databases: dict[DatabaseId, Database],
    cluster: Cluster,
    front: LoadBalancer,
) -> None:
    pulumi.export("site", config.site)
    pulumi.export("activeSite", rules.active_site(config.history))
    pulumi.export("epoch", rules.epoch(config.history))
    pulumi.export("databaseRole", config.role.value)
    pulumi.export("databaseHost", databases[config.own_database].address)
    pulumi.export("zoneId", zone_id)
    pulumi.export("clusterName", cluster.name)
    pulumi.export("loadBalancer", front.dns_name)
