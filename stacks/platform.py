"""The wiring of a site's platform: keys, network and cluster, and everything that runs in the cluster."""

from __future__ import annotations

import json

import pulumi

from components import job_permissions, permissions, service_permissions
from components.cluster import Cluster, ClusterArgs
from components.controllers import CONTROLLER_NAMESPACE, LOAD_BALANCER_CONTROLLER, Controllers, ControllersArgs
from components.database import PORT
from components.fence import Fence, FenceArgs
from components.identity import PodIdentity, PodIdentityArgs
from components.keys import Keys, KeysArgs
from components.kube.jobs import FENCE, HANDOVER
from components.kube.services import BACKEND, CRISIS_DETECTOR, HOTLINE_GATEWAY, SHORT_NAMES, SWITCH, Service
from components.namespace import Namespace, NamespaceArgs
from components.network import Network, NetworkArgs
from components.node_autoscaler import CLUSTER_AUTOSCALER, NodeAutoscaler, NodeAutoscalerArgs
from components.site import Site
from components.switch import Switch, SwitchArgs
from components.targets import Targets
from components.workloads import Workloads, WorkloadsArgs, pause_image
from recovery import naming
from recovery import timeline as rules
from stacks.config import SiteConfig
from stacks.context import Context, Databases, site_of
from stacks.sections import Replicas


def foundation(config: SiteConfig) -> Context:
    """The keys, the network, the clusters and the platform's namespace, which all other parts use."""
    site = site_of(config)
    keys = Keys("keys", KeysArgs(site=site))
    network = Network(
        "network",
        NetworkArgs(
            cidr=config.network.cidr,
            zones=config.network.zones,
            encryption=config.network.encryption,
            logs_key_arn=keys.logs_arn,
            site=site,
        ),
    )
    clusters = {number: _cluster(number, config, site, keys, network) for number in config.cluster.generations}
    serving = config.cluster.serving_generation
    namespace = Namespace(
        naming.of_generation("platform", serving),
        NamespaceArgs(
            vpc_cidr=config.network.cidr,
            database_cidrs=network.database_cidrs,
            site=site,
            drivers=tuple(clusters[serving].nodes),
        ),
        pulumi.ResourceOptions(provider=clusters[serving].provider),
    )
    return Context(config=config, site=site, keys=keys, network=network, clusters=clusters, namespace=namespace)


def _cluster(generation: int, config: SiteConfig, site: Site, keys: Keys, network: Network) -> Cluster:
    cluster = config.cluster
    return Cluster(
        f"cluster-{generation}",
        ClusterArgs(
            cluster_name=naming.cluster_name(config.site, generation),
            version=cluster.version,
            vpc_id=network.vpc_id,
            public_subnet_ids=tuple(network.public_subnet_ids),
            private_subnet_ids=tuple(network.private_subnet_ids),
            key_arn=keys.cluster_arn,
            logs_key_arn=keys.logs_arn,
            public_access_cidrs=cluster.public_access_cidrs,
            operator_cidrs=cluster.operator_cidrs,
            protect=config.protect and generation == cluster.serving_generation,
            delete_unreachable=generation in cluster.unreachable,
            node_instance_type=cluster.nodes.instance_type,
            node_minimum=cluster.nodes.minimum,
            node_maximum=cluster.nodes.maximum,
            node_disk_gib=cluster.nodes.disk_gib,
            node_release_version=cluster.nodes.release_version,
            addon_versions=cluster.addon_versions,
            site=site,
        ),
    )


def workloads(
    context: Context, targets: Targets, databases: Databases, restores: tuple[pulumi.Resource, ...]
) -> Workloads:
    """The platform's services, the load balancer controller, and the identities of their pods."""
    config, site = context.config, context.site
    controllers = Controllers(
        context.of_cluster("controllers"),
        ControllersArgs(
            cluster_name=context.cluster.name,
            vpc_id=context.network.vpc_id,
            after=(*context.cluster.nodes, *_service_identities(context, targets)),
            site=site,
        ),
        context.in_cluster,
    )
    _node_autoscaler(context)
    return Workloads(
        context.of_cluster("platform"),
        WorkloadsArgs(
            config=settings(config, databases[config.own_database].address),
            replicas=by_service(config.replicas),
            active_replicas=by_service(config.capacity.active),
            images=_images(context),
            placeholder_image=pause_image(site.region),
            target_group_arns={name: targets.group_arns[name] for name in sorted(SHORT_NAMES)},
            namespace=context.namespace.resources,
            site=site,
            # A pod with the new role must find a database that takes its writes.
            after=(
                controllers.release,
                *targets.ways,
                *(database.instance for database in databases.values()),
                *restores,
            ),
        ),
        context.in_cluster,
    )


def _node_autoscaler(context: Context) -> None:
    cluster = context.cluster
    own = {"account": context.site.account, "region": context.site.region}
    policy = cluster.name.apply(lambda name: json.dumps(permissions.cluster_autoscaler(name, **own)))
    role = identity(context, "node-autoscaler-identity", CLUSTER_AUTOSCALER, policy, namespace=CONTROLLER_NAMESPACE)
    NodeAutoscaler(
        context.of_cluster("node-autoscaler"),
        NodeAutoscalerArgs(
            cluster_name=cluster.name,
            cluster_version=context.config.cluster.version,
            after=(*cluster.nodes, role),
            site=context.site,
        ),
        context.in_cluster,
    )


def fence(context: Context, databases: Databases, workloads: Workloads) -> None:
    """The fence, and the identities of the jobs."""
    config = context.config
    Fence(
        context.of_cluster("fence"),
        FenceArgs(
            config=settings(config, databases[config.own_database].address),
            image=context.operations_image,
            strict=config.fence == "strict",
            site=context.site,
            # The ready mark is the last step of a flip: traffic must not come before the pods have the new role.
            after=(*workloads.settled, *_job_identities(context)),
        ),
        context.in_cluster,
    )


def switch(context: Context, targets: Targets, databases: Databases, workloads: Workloads) -> Switch:
    """The answers that move the web traffic, and the identity of their pods."""
    site = context.site
    policy = json.dumps(job_permissions.switch(ledger=site.ledger_arn))
    return Switch(
        context.of_cluster("switch"),
        SwitchArgs(
            config=settings(context.config, databases[context.config.own_database].address),
            image=context.operations_image,
            target_group_arn=targets.group_arns[SWITCH.short_name],
            site=site,
            after=(
                workloads.config_map,
                *targets.ways,
                identity(context, "switch-identity", SWITCH.name, policy, tier=SWITCH.tier.name),
            ),
        ),
        context.in_cluster,
    )


def settings(config: SiteConfig, database_host: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """The ConfigMap's data: the site's present role, and where its own database and ledger are."""
    return {
        "SITE": config.site,
        "SITE_ROLE": "active" if config.is_active else "standby",
        "EPOCH": str(rules.epoch(config.history)),
        "DATABASE": str(config.own_database),
        "DRAIN": "true" if config.drains else "false",
        "AWS_REGION": config.region,
        "DOMAIN": config.domain,
        "DB_HOST": database_host,
        "DB_PORT": str(PORT),
        "DB_NAME": naming.DATABASE_NAME,
        "DB_USER": naming.DATABASE_APPLICATION,
        "LEDGER_TABLE": site_of(config).ledger_table,
        "EMERGENCY_READ_ONLY": "false" if config.takes_writes else "true",
        "CRISIS_ENDPOINTS": ",".join(
            f"https://{naming.site_host(name, config.domain)}" for name in (config.site, config.peer.site)
        ),
        "CRISIS_FALLBACK_MODE": config.emergency.crisis_fallback,
        "HOTLINE_PROVIDER": config.emergency.hotline,
        "MODEL_BUCKET": naming.model_bucket(config.site, account=config.account),
        "MODEL_VERSION": config.emergency.model_version or "",
    }


def by_service(sizes: Replicas) -> dict[str, int]:
    """The sizes by the short name of the service."""
    return {
        "backend": sizes.backend,
        "frontend": sizes.frontend,
        "crisis-detector": sizes.crisis_detector,
        "hotline-gateway": sizes.hotline_gateway,
    }


def _images(context: Context) -> dict[str, str]:
    images = context.config.images
    digests = {
        "backend": images.backend,
        "frontend": images.frontend,
        "crisis-detector": images.crisis_detector,
        "hotline-gateway": images.hotline_gateway,
    }
    return {short_name: context.image(short_name, digest) for short_name, digest in digests.items()}


def _service_identities(context: Context, targets: Targets) -> list[pulumi.Resource]:
    site = context.site
    own = context.place_of_ledger
    backend = context.secrets_key_arn.apply(
        lambda key: json.dumps(service_permissions.backend(**own, secrets_key_arn=key))
    )
    policies: tuple[tuple[Service, pulumi.Input[str]], ...] = (
        (BACKEND, backend),
        (
            CRISIS_DETECTOR,
            json.dumps(
                service_permissions.crisis_detector(**own, bucket=naming.model_bucket(site.name, account=site.account))
            ),
        ),
        (HOTLINE_GATEWAY, json.dumps(service_permissions.hotline_gateway(ledger=site.ledger_arn))),
    )
    controller = pulumi.Output.all(*targets.group_arns.values()).apply(
        lambda arns: json.dumps(permissions.load_balancer_controller([str(arn) for arn in arns]))
    )
    identities: list[pulumi.Resource] = [
        identity(context, f"{service.short_name}-identity", service.name, policy, tier=service.tier.name)
        for service, policy in policies
    ]
    return [
        *identities,
        identity(context, "controller-identity", LOAD_BALANCER_CONTROLLER, controller, namespace=CONTROLLER_NAMESPACE),
    ]


def _job_identities(context: Context) -> list[pulumi.Resource]:
    site, key = context.site, context.secrets_key_arn
    own = context.place_of_ledger
    policies: dict[str, pulumi.Input[str]] = {
        FENCE: key.apply(lambda arn: json.dumps(job_permissions.fence(**own, secrets_key_arn=arn))),
        HANDOVER: key.apply(
            lambda arn: json.dumps(job_permissions.handover(**own, site=site.name, secrets_key_arn=arn))
        ),
    }
    return [identity(context, f"{job}-identity", job, policy, tier="data") for job, policy in policies.items()]


def identity(
    context: Context,
    name: str,
    service_account: str,
    policy: pulumi.Input[str],
    *,
    namespace: str = naming.NAMESPACE,
    tier: str = "platform",
) -> PodIdentity:
    """The role of one service account's pods."""
    return PodIdentity(
        context.of_cluster(name),
        PodIdentityArgs(
            cluster_name=context.cluster.name,
            namespace=namespace,
            service_account=service_account,
            policy=policy,
            site=context.site,
            tier=tier,
        ),
    )
