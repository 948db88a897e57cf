"""The region of the site: its database, its room, and what its pods need."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from procedures import readings
from procedures.access import Access
from procedures.preflight.finding import Finding, aws, failed, impassable, passed, warned
from procedures.preflight.stack import key_finding, pulumi
from procedures.status import CERTIFICATE_DAYS
from recovery.naming import (
    ALERTING_SECRET,
    APPLICATION_SECRET,
    PASSWORD_SECRET,
    PROJECT,
    cluster_name,
    database_identifier,
    registry,
    site_host,
)
from recovery.objectives import BACKUP_RETENTION_DAYS, RPO_USER_DATA_SECONDS
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig

CHANGING = (
    "backing-up",
    "configuring-enhanced-monitoring",
    "modifying",
    "rebooting",
    "storage-optimization",
    "upgrading",
)
"""A database in one of these takes no promotion, and leaves it by itself. Source: Amazon RDS User Guide, "Viewing DB
instance status"."""
STANDARD = "acdhimrtz"
"""The letters of the families of instances that share a quota."""
STANDARD_QUOTA = "L-1216C47A"
"""Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances, in vCPUs. Source for both: Amazon EC2 User Guide,
"Amazon EC2 instance type quotas"."""


def database(access: Access, config: SiteConfig) -> Finding:
    """Whether RDS would promote the database now."""
    name = database_identifier(config.own_database)
    found = readings.database(access, config)
    if found.status in CHANGING:
        wait = aws("rds", "wait", "db-instance-available", "--db-instance-identifier", name, region=config.region)
        return failed(f"{name} is {found.status}", wait)
    if found.status != "available":
        return impassable(f"{name} is {found.status}", "Amazon RDS User Guide, 'Viewing DB instance status'")
    if not found.keeps_days:
        # Backups that a promotion turns on take a snapshot, during which RDS refuses changes.
        days = ("--backup-retention-period", str(BACKUP_RETENTION_DAYS), "--apply-immediately")
        modify = ("modify-db-instance", "--db-instance-identifier", name, *days)
        return failed(f"{name} makes no backups", aws("rds", *modify, region=config.region))
    return passed(f"{name} is available, with {found.keeps_days} days of backups")


def age(access: Access, config: SiteConfig) -> Finding:
    """Whether the replica is newer than the objective allows."""
    if config.role is DatabaseRole.LEADER:
        return passed("it leads")
    if config.role is not DatabaseRole.REPLICA:
        command = f"lifeline reseed --stack {config.site}"
        return impassable(f"{config.own_database} is {config.role}, and may not lead", command)
    seconds = readings.replica_age(access, config)
    if seconds is None or seconds < 0:
        return warned("CloudWatch has no lag: it may not replicate", "see its ReplicationState in the RDS console")
    text = f"{seconds:.0f} s; the objective is {RPO_USER_DATA_SECONDS} s"
    return passed(text) if seconds < RPO_USER_DATA_SECONDS else warned(text, "wait, unless the leader is lost")


def claim(access: Access, config: SiteConfig, pull: str) -> Finding:
    """Whether the next epoch is free, or is this site's own already.

    Args:
        access: the account.
        config: of the site.
        pull: the command that brings the stack files of another operator; empty if there is none.
    """
    newest = readings.records(access, config.ledger_region).claim
    if newest is None:
        return impassable("the ledger has no claim", "docs/runbooks/both-regions-lost.md")
    text = f"epoch {newest.epoch} is led by {newest.database}"
    if newest.epoch <= len(config.history) or newest.database == config.own_database:
        return passed(text)
    text = f"{text}; the file's timeline ends with {config.history[-1]}"
    return failed(text, pull) if pull else impassable(text, "use the stack files of the one who let it lead")


def keys(access: Access, config: SiteConfig) -> Finding:
    """Whether every key of the project in the region works."""
    pages = access.client("kms", config.region).get_paginator("list_aliases").paginate()
    aliases = [entry for page in pages for entry in page["Aliases"]]
    names = [str(entry["AliasName"]) for entry in aliases if str(entry["AliasName"]).startswith(f"alias/{PROJECT}-")]
    for name in names:
        if (finding := key_finding(access, config.region, name)) is not None:
            return finding
    return passed(f"keys: {len(names)}")


def secrets(access: Access, config: SiteConfig) -> Finding:
    """Whether the secrets of the database and of the alerts can be read in the region."""
    client = access.client("secretsmanager", config.region)
    for name in (PASSWORD_SECRET, APPLICATION_SECRET, ALERTING_SECRET):
        try:
            found = client.describe_secret(SecretId=name)
        except client.exceptions.ResourceNotFoundException:
            return impassable(f"{config.region} has no secret {name}", "docs/runbooks/first-deployment.md, step 2")
        if found.get("DeletedDate"):
            restore = aws("secretsmanager", "restore-secret", "--secret-id", name, region=config.region)
            return failed(f"the secret {name} is about to be deleted", restore)
    return passed("secrets: 3")


def nodes(access: Access, config: SiteConfig) -> Finding:
    """Whether the cluster has its nodes, and may have as many as a site that leads needs."""
    cluster, eks = _cluster(config), access.client("eks", config.region)
    groups = [
        eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
        for name in eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    ]
    if not groups:
        return impassable(f"{cluster} has no nodes", "docs/runbooks/cluster-loss.md")
    if commands := list(_growth(groups, config)):
        most = sum(int(group["scalingConfig"]["maxSize"]) for group in groups)
        return failed(f"{cluster} may have {most} nodes, and needs {config.cluster.nodes.maximum}", *commands)
    if bad := [str(group["nodegroupName"]) for group in groups if group["status"] != "ACTIVE"]:
        return warned(f"not active: {', '.join(bad)}", f"aws eks describe-nodegroup --cluster-name {cluster}")
    return passed(f"groups of nodes: {len(groups)}")


def launches(access: Access, config: SiteConfig) -> Finding:
    """Whether the groups of nodes may start machines."""
    client = access.client("autoscaling", config.region)
    filters = [{"Name": "tag:eks:cluster-name", "Values": [_cluster(config)]}]
    groups = client.describe_auto_scaling_groups(Filters=filters)["AutoScalingGroups"]
    stopped = {
        str(group["AutoScalingGroupName"]): [str(entry["ProcessName"]) for entry in group["SuspendedProcesses"]]
        for group in groups
        if group.get("SuspendedProcesses")
    }
    commands = [
        aws("autoscaling", "resume-processes", "--auto-scaling-group-name", name, region=config.region)
        for name in stopped
    ]
    if stopped:
        names = sorted({name for processes in stopped.values() for name in processes})
        return failed(f"suspended: {', '.join(names)}", *commands)
    return passed(f"Auto Scaling groups: {len(groups)}")


def quota(access: Access, config: SiteConfig) -> Finding:
    """Whether the account may run as many machines as the site may need."""
    kind, most = config.cluster.nodes.instance_type, config.cluster.nodes.maximum
    if kind[0] not in STANDARD:
        return warned(f"no quota is known for {kind}", "Amazon EC2 User Guide, 'Amazon EC2 instance type quotas'")
    types = access.client("ec2", config.region).describe_instance_types(InstanceTypes=[kind])["InstanceTypes"]
    needed = most * int(types[0]["VCpuInfo"]["DefaultVCpus"])
    quotas = access.client("service-quotas", config.region)
    allowed = int(quotas.get_service_quota(ServiceCode="ec2", QuotaCode=STANDARD_QUOTA)["Quota"]["Value"])
    text = f"{allowed} vCPUs are allowed, and {most} nodes have {needed}"
    if allowed >= needed:
        return passed(text)
    words = ("--service-code", "ec2", "--quota-code", STANDARD_QUOTA, "--desired-value", str(needed))
    return failed(text, aws("service-quotas", "request-service-quota-increase", *words, region=config.region))


def images(access: Access, config: SiteConfig) -> Finding:
    """Whether the registry of the region has every image of the platform."""
    ecr = access.client("ecr", config.region)
    here, there = (registry(account=config.account, region=region) for region in (config.region, config.peer.region))
    missing: list[str] = []
    for field, digest in config.images:
        name = str(field).replace("_", "-")
        try:
            ecr.describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
        except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
            copy = ("imagetools", "create", "--tag", f"{here}/{name}:recovered", f"{there}/{name}@{digest}")
            missing.append(shlex.join(("docker", "buildx", *copy)))
    if missing:
        return failed(f"{len(missing)} images are missing in {config.region}", *missing)
    return passed("every image is there")


def workloads(access: Access, config: SiteConfig) -> Finding:
    """Whether the API server answers, and every pod that should run is ready."""
    try:
        found = access.workloads(config)
    except OSError as error:
        networks = ", ".join(config.cluster.operator_cidrs) or "a network that reaches the VPC"
        return impassable(f"the API server does not answer: {error}", f"use a machine in {networks}")
    late = [f"{entry.name} {entry.ready} of {entry.wanted}" for entry in found if entry.ready < entry.wanted]
    if late:
        return warned(f"not ready: {', '.join(late)}", f"kubectl get pods --all-namespaces # in {_cluster(config)}")
    return passed(f"Deployments that are ready: {len(found)}")


def health_checks(access: Access, config: SiteConfig) -> Finding:
    """Whether Route 53 looks at the site. Its API is in us-east-1, and may be down."""
    host = site_host(config.site, config.domain)
    client = access.client("route53", config.region)
    pages = client.get_paginator("list_health_checks").paginate()
    checks = [check for page in pages for check in page["HealthChecks"]]
    mine = [check for check in checks if check["HealthCheckConfig"].get("FullyQualifiedDomainName") == host]
    if not mine:
        return impassable(f"Route 53 has no health check of {host}", pulumi(config, "up"))
    disabled = [str(check["Id"]) for check in mine if check["HealthCheckConfig"].get("Disabled")]
    commands = [
        aws("route53", "update-health-check", "--health-check-id", name, "--no-disabled", region=config.region)
        for name in disabled
    ]
    return failed(f"{len(disabled)} health checks of {host} are disabled", *commands) if disabled else passed(host)


def certificate(access: Access, config: SiteConfig) -> Finding:
    """Whether the certificate of the site lasts."""
    days = (readings.certificates_until(access, config) - access.now()).days
    if days >= CERTIFICATE_DAYS:
        return passed(f"{days} days left")
    fix = "see in ACM why it is not renewed: its validation record must be in the zone"
    return warned(f"{days} days left", fix) if days > 0 else impassable("it has ended", fix)


def crisis(access: Access, config: SiteConfig) -> Finding:
    """Whether the crisis services of the site answer people."""
    host = site_host(config.site, config.domain)
    answer = access.web.send(host, "GET", "/api/crisis/health")
    if answer.get("status") == "operational":
        return passed("operational")
    return impassable(f"{host} says {answer.get('status')}", "docs/runbooks/emergency.md")


def emergency(config: SiteConfig) -> Finding:
    """Whether the site is in a degraded mode."""
    if active := config.emergency.active:
        return warned(f"lifeline:emergency has {', '.join(active)}", "docs/runbooks/emergency.md")
    return passed("no degraded mode")


def _cluster(config: SiteConfig) -> str:
    return cluster_name(config.site, config.cluster.serving_generation)


def _growth(groups: list[dict[str, Any]], config: SiteConfig) -> Iterator[str]:
    """The commands that let a cluster have as many nodes as its stack file says."""
    most = config.cluster.nodes.maximum
    if sum(int(group["scalingConfig"]["maxSize"]) for group in groups) >= most:
        return
    share = -(-most // len(groups))
    for group in groups:
        if int(group["scalingConfig"]["maxSize"]) < share:
            words = ("--cluster-name", str(group["clusterName"]), "--nodegroup-name", str(group["nodegroupName"]))
            size = ("--scaling-config", f"maxSize={share}")
            yield aws("eks", "update-nodegroup-config", *words, *size, region=config.region)
