"""Rules on both sites at once: the survivor of a disaster is as capable as the site that it replaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, pair_rule, shown
from policy.rules.clusters import CLUSTER, COMPONENT, NODES, TEMPLATE
from policy.rules.database_upkeep import PARAMETERS
from policy.rules.databases import INSTANCE, is_delayed, replicas
from policy.rules.dns import RECORD, leads_on
from policy.rules.independence import RELEASE
from policy.rules.keys import SECRETS
from policy.rules.ledger import TABLE
from policy.rules.network import VPC
from policy.rules.workloads import DEPLOYMENT, containers

Fault = tuple[Site, Resource, str]
Facts = Mapping[str, tuple[Resource, Any]]
ADDON = "aws:eks/addon:Addon"
_PARITY = "docs/architecture.md, 'Which site may write': a role changes, and nothing else does"


def _parity(severity: Severity, remediation: str) -> About:
    return About(
        severity=severity,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(C)"),
        remediation=remediation,
        reference=_PARITY,
        incident="roblox-2021",
    )


def _differences(first: Site, second: Site, facts: Callable[[Site], Facts]) -> Iterator[Fault]:
    """A fault for each fact that only one site has, or that differs."""
    left, right = facts(first), facts(second)
    for name in sorted(left.keys() | right.keys()):
        if name not in right:
            yield first, left[name][0], f"{name} is missing at {second.name}"
        elif name not in left:
            yield second, right[name][0], f"{name} is missing at {first.name}"
        else:
            (_, one), (resource, other) = left[name], right[name]
            if UNKNOWN not in (one, other) and one != other:
                yield second, resource, f"{name} is {shown(other)} at {second.name} and {shown(one)} at {first.name}"


@pair_rule(
    "rds-instance-same-at-both-sites",
    about=_parity(Severity.HIGH, "Give the databases of both sites the same class, storage and parameters."),
)
def databases_alike(first: Site, second: Site) -> Iterator[Fault]:
    """The database that takes over is as large as the one that is lost, and is set as it was."""
    yield from _differences(first, second, _database_facts)


def _database_facts(site: Site) -> dict[str, tuple[Resource, Any]]:
    keys = ("instanceClass", "maxAllocatedStorage", "storageType", "multiAz", "backupRetentionPeriod")
    newest = [entry for entry in site.of(INSTANCE) if not is_delayed(entry)][-1:]
    facts = {key: (instance, instance.get(key)) for instance in newest for key in keys}
    for group in [entry for entry in site.of(PARAMETERS) if not _delays(entry)][-1:]:
        facts["family"] = group, group.get("family")
        facts["parameters"] = group, sorted((entry["name"], entry["value"]) for entry in group.items("parameters"))
    return facts


def _delays(group: Resource) -> bool:
    return any(entry["name"] == "recovery_min_apply_delay" for entry in group.items("parameters"))


@pair_rule(
    "eks-cluster-same-at-both-sites",
    about=_parity(Severity.HIGH, "Upgrade the clusters, add-ons and charts of both sites to the same versions."),
)
def clusters_alike(first: Site, second: Site) -> Iterator[Fault]:
    """Workloads meet the same Kubernetes, add-ons and charts at the other site."""
    yield from _differences(first, second, _cluster_facts)


def _cluster_facts(site: Site) -> dict[str, tuple[Resource, Any]]:
    clusters = [entry for entry in site.of(COMPONENT, CLUSTER) if entry.inputs]
    facts: dict[str, tuple[Resource, Any]] = {}
    for cluster in clusters[-1:]:
        facts["version of Kubernetes"] = cluster, cluster.get("version")
    for addon in site.of(ADDON):
        facts[f"add-on {addon.get('addonName')}"] = addon, addon.get("addonVersion")
    for release in site.of(RELEASE):
        facts[f"chart {release.get('name')}"] = release, release.get("version")
    return facts


@pair_rule(
    "eks-nodegroup-same-at-both-sites",
    about=_parity(Severity.HIGH, "Give both sites as many nodes of the same type."),
)
def nodes_alike(first: Site, second: Site) -> Iterator[Fault]:
    """The nodes of either site carry all workloads of the other one."""
    yield from _differences(first, second, _node_facts)


def _node_facts(site: Site) -> dict[str, tuple[Resource, Any]]:
    facts: dict[str, tuple[Resource, Any]] = {}
    for number, group in enumerate(site.of(NODES), 1):
        for key in ("minSize", "maxSize"):
            facts[f"{key} of node group {number}"] = group, group.get("scalingConfig", key)
    for template in site.of(TEMPLATE):
        facts["instanceType"] = template, template.get("instanceType")
    return facts


@pair_rule(
    "k8s-deployment-same-at-both-sites",
    about=_parity(Severity.CRITICAL, "Deploy the same images to both sites. ECR copies each to both regions."),
)
def images_alike(first: Site, second: Site) -> Iterator[Fault]:
    """The release that takes over is the release that served."""
    yield from _differences(first, second, _image_facts)


def _image_facts(site: Site) -> dict[str, tuple[Resource, Any]]:
    return {
        f"image of {resource.get('metadata', 'name')}": (resource, str(container.get("image")).partition("/")[2])
        for resource in site.of(DEPLOYMENT)
        for container in containers(resource)
    }


@pair_rule(
    "rds-replica-follows-the-peer",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(A)", "164.308(a)(7)(ii)(B)"),
        remediation="Replicate from a database that the other site declares and backs up.",
        reference="Amazon RDS User Guide, 'Working with DB instance read replicas': the source needs backups",
        incident="gitlab-2017",
    ),
)
def replica_follows_the_peer(first: Site, second: Site) -> Iterator[Fault]:
    """A replica follows a database of the other site, and RDS keeps backups of that database."""
    for site, replica, peer, source in replicas(first, second):
        arn = replica.get("replicateSourceDb")
        if source is None or f":{peer.region}:" not in arn:
            yield site, replica, f"replicateSourceDb is {arn}, expected a database of {peer.name}"
        elif not source.get("backupRetentionPeriod"):
            yield peer, source, "backupRetentionPeriod is 0: RDS stops the replication"


@pair_rule(
    "dynamodb-table-serves-both-sites",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Let one site declare the ledger, with its replica in the region that the other site reads.",
        reference="Amazon DynamoDB Developer Guide, 'How DynamoDB global tables work'",
        incident="aws-2025-10",
    ),
)
def ledger_serves_both(first: Site, second: Site) -> Iterator[Fault]:
    """Each site reads and writes a copy of the ledger that exists."""
    tables = [(site, peer, table) for site, peer in ((first, second), (second, first)) for table in site.of(TABLE)]
    if len(tables) != 1:
        yield first, first.place, f"the sites declare {len(tables)} ledgers, expected 1"
    for site, peer, table in tables:
        regions = [replica.get("regionName") for replica in table.items("replicas")]
        if peer.ledger_region not in (site.region, *regions):
            yield site, table, f"replicas are in {shown(regions)}, expected one in {peer.ledger_region}: {peer.name}"


@pair_rule(
    "secretsmanager-secret-serves-both-sites",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Replicate each secret to the other site's region.",
        reference="AWS Secrets Manager User Guide, 'Replicate secrets across Regions'",
        incident="aws-2025-10",
    ),
)
def secrets_serve_both(first: Site, second: Site) -> Iterator[Fault]:
    """Each site reads the secrets in its own region."""
    for site, peer in ((first, second), (second, first)):
        for secret in site.of(SECRETS):
            regions = [replica.get("region") for replica in secret.items("replicas")]
            if peer.region not in regions:
                yield site, secret, f"replicas are in {shown(regions)}, expected one in {peer.region}: {peer.name}"


@pair_rule(
    "route53-record-opposite",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Declare PRIMARY records at the first site and SECONDARY ones at the other, under the same names.",
        reference="Amazon Route 53 Developer Guide, 'Failover routing'",
        incident="aws-2021-12",
    ),
)
def records_opposite(first: Site, second: Site) -> Iterator[Fault]:
    """Each public name has a first and a second answer, one per site."""
    left, right = _answers(first), _answers(second)
    for name in sorted(left.keys() | right.keys()):
        pair = [answers[name] for answers in (left, right) if name in answers]
        record = pair[0]
        site = first if name in left else second
        kinds = sorted(str(entry.get("failoverRoutingPolicies", 0, "type")) for entry in pair)
        if len(pair) != 2:
            yield site, record, f"{name} has an answer of {site.name} only"
        elif record.get("failoverRoutingPolicies") and kinds != ["PRIMARY", "SECONDARY"]:
            yield site, record, f"{name} has the answers {', '.join(kinds)}, expected PRIMARY and SECONDARY"
        elif pair[0].get("setIdentifier") == pair[1].get("setIdentifier"):
            yield site, record, f"both answers of {name} have the identifier {record.get('setIdentifier')}"


def _answers(site: Site) -> dict[str, Resource]:
    records = (entry for entry in site.of(RECORD) if entry.get("setIdentifier") is not None)
    return {str(entry.get("name")): entry for entry in records if not leads_on(site, entry)}


@pair_rule(
    "site-role-one-leader",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Write the same timeline into both stack files.",
        reference="docs/architecture.md, 'The timeline decides every role'",
        incident="gitlab-2017",
    ),
)
def one_leader(first: Site, second: Site) -> Iterator[Fault]:
    """Exactly one site is active, and both know the same epoch."""
    roles = {site.name: site.setting("SITE_ROLE") for site in (first, second)}
    epochs = {site.name: site.setting("EPOCH") for site in (first, second)}
    anchor = first.of("kubernetes:core/v1:ConfigMap")[0]
    if sorted(map(str, roles.values())) != ["active", "standby"]:
        yield first, anchor, f"the roles are {shown(roles)}, expected one active and one standby site"
    if len(set(epochs.values())) != 1:
        yield first, anchor, f"the epochs are {shown(epochs)}, expected the same"


@pair_rule(
    "site-region-apart",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Put the sites into two regions, with networks that do not overlap.",
        reference="AWS Fault Isolation Boundaries, 'Regions'",
        incident="unisuper-2024",
    ),
)
def regions_apart(first: Site, second: Site) -> Iterator[Fault]:
    """The sites share no region and no address."""
    if first.region == second.region:
        yield first, first.place, f"both sites are in {first.region}"
    for vpc in first.of(VPC):
        for other in second.of(VPC):
            one, two = vpc.get("cidrBlock"), other.get("cidrBlock")
            if isinstance(one, str) and isinstance(two, str) and ip_network(one).overlaps(ip_network(two)):
                yield first, vpc, f"cidrBlock {one} overlaps {two} of {second.name}"


RULES = (
    databases_alike,
    clusters_alike,
    nodes_alike,
    images_alike,
    replica_follows_the_peer,
    ledger_serves_both,
    secrets_serve_both,
    records_opposite,
    one_leader,
    regions_apart,
)
