"""The references between the components of a site: where each value comes from, and which form it has.

A component's tests use invented inputs, so they cannot see that the wiring passes the wrong one. The table has every
reference from one component to another; a reference that it does not have is a violation too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.registration import Registration
from stacks.config import SiteConfig

SERVICE_NAMES = ("backend", "crisis-detector", "frontend", "hotline-gateway", "switch")
SERVICES = rf"(?P<service>{'|'.join(SERVICE_NAMES)})"
CLUSTER = r"lifeline-primary-1"
ARN = r'"arn:aws:{}:us-east-2:123456789012:{}.*"'


@dataclass(frozen=True)
class Link:
    """The references of some resources' input. `sources` are names, which may use groups of `resource`."""

    resource: str
    input: str
    sources: tuple[str, ...]
    value: str = r".*"
    """The form of the whole input, as JSON."""


def _key(resource: str, input_: str, purpose: str) -> Link:
    return Link(resource, input_, (f"keys-{purpose}",), ARN.format("kms", "key/"))


def _zones(tier: str) -> tuple[str, ...]:
    return tuple(f"network-{tier}-{zone}" for zone in (1, 2, 3))


def _policy(identity: str, *sources: str) -> Link:
    return Link(rf"{identity}-identity-policy", "policy", sources)


LINKS: tuple[Link, ...] = (
    # keys
    _key(r"cluster-1-eks", "encryptionConfigKeyArn", "cluster"),
    Link(r"cluster-1-nodes-template", "blockDeviceMappings", ("keys-cluster",), r".*:key/.*"),
    _key(r"database-1-instance", "kmsKeyId", "database"),
    _key(r"(database|delayed)-1-instance", "performanceInsightsKmsKeyId", "database"),
    _key(r"(application-)?password-secret", "kmsKeyId", "secrets"),
    _key(
        r"(cluster-1-logs|network-flow-logs-group|(database|delayed)-1-logs-(postgresql|upgrade))", "kmsKeyId", "logs"
    ),
    _key(r"(front-firewall-log|pod-logs-(platform|system))", "kmsKeyId", "logs"),
    # network
    Link(r"cluster-1-eks", "vpcId", ("network-vpc",), r'"vpc-\w+"'),
    Link(r"cluster-1-eks", "publicSubnetIds", _zones("public"), r'\["subnet-.*\]'),
    Link(r"cluster-1-eks", "privateSubnetIds", _zones("private"), r'\["subnet-.*\]'),
    Link(r"cluster-1-nodes-(?P<zone>[123])", "subnetIds", (r"network-private-\g<zone>",), r'\["subnet-\w+"\]'),
    Link(r"(database-1-network-clients|database-1-network-reconciliation)", "vpcId", ("network-vpc",), r'"vpc-\w+"'),
    Link(
        rf"(front-group|targets-({'|'.join(SERVICE_NAMES)}))",
        "vpcId",
        ("network-vpc",),
        r'"vpc-\w+"',
    ),
    Link(r"database-1-network-subnets", "subnetIds", _zones("database"), r'\["subnet-.*\]'),
    Link(r"front-alb", "subnets", _zones("public"), r'\["subnet-.*\]'),
    # the cluster: name, address, security group
    Link(r".*-identity-association", "clusterName", ("cluster-1-eks",), rf'"{CLUSTER}"'),
    Link(r".*-identity-role", "assumeRolePolicy", ("cluster-1-eks",), rf".*eks-cluster-name\W+{CLUSTER}\W.*"),
    Link(
        r"controllers-load-balancer",
        "values",
        ("cluster-1-eks", "network-vpc"),
        rf'.*"clusterName": "{CLUSTER}".*"vpcId": "vpc-.*',
    ),
    Link(r"node-autoscaler-release", "values", ("cluster-1-eks",), rf'.*"clusterName": "{CLUSTER}".*'),
    Link(r"node-autoscaler-identity-policy", "policy", ("cluster-1-eks",), rf".*cluster-autoscaler/{CLUSTER}\W.*"),
    Link(
        r"configuration-export-job",
        "spec",
        ("cluster-1-eks",),
        r'.*"name": "API_SERVER", "value": "https://[^"]*\.eks.*',
    ),
    Link(r"targets-to-\d+", "securityGroupId", ("front-group",), r'"sg-\w+"'),
    Link(r"targets-to-\d+", "referencedSecurityGroupId", ("cluster-1-eks",), r'"sg-\w+"'),
    Link(r"targets-from-\d+", "securityGroupId", ("cluster-1-eks",), r'"sg-\w+"'),
    Link(r"targets-from-\d+", "referencedSecurityGroupId", ("front-group",), r'"sg-\w+"'),
    Link(r"database-1-network-from-clients", "referencedSecurityGroupId", ("cluster-1-eks",), r'"sg-\w+"'),
    # the load balancer and DNS
    Link(
        rf"(routes|targets-rule)-{SERVICES}",
        "listenerArn",
        ("front-listener-https",),
        r'"arn:aws:lb:.*front-listener-https.*"',
    ),
    Link(rf"routes-{SERVICES}", "actions", (r"targets-\g<service>",), r".*:targetgroup/.*"),
    Link(rf"(platform-)?{SERVICES}-binding", "spec", (r"targets-\g<service>",), r".*:targetgroup/.*"),
    Link(r"front-listener-https", "certificateArn", ("certificate-validation",), r'"arn:aws:acm:.*'),
    Link(
        r"traffic-(alive|site|web)",
        "aliases",
        ("front-alb",),
        r'.*"name": "[^"]*\.elb\.amazonaws\.com".*"zoneId": "Z\w+".*',
    ),
    Link(
        r"(traffic-(alive|api|site|web)|last-resort-(apex|fallback|www)-(first|otherwise)|certificate-proof)",
        "zoneId",
        ("zone-zone",),
        r'"Z\w+"',
    ),
    Link(
        r"last-resort-(apex-first|apex-otherwise|fallback-first|www-first|www-otherwise)",
        "aliases",
        ("zone-zone",),
        r'.*"name": "(web|fallback|alive)\..*"zoneId": "Z\w+".*',
    ),
    Link(r"last-resort-validation", "validationRecordFqdns", ("certificate-proof",), r'\["_.*"\]'),
    # the database and its users
    Link(r"(exporter-pods|fence-pods|platform-backend|roles-1)", "spec", ("database-1-instance",)),
    Link(
        r"platform-config",
        "data",
        ("database-1-instance",),
        r'.*"DB_HOST": "lifeline-primary-1\.[^"]*\.rds\.amazonaws\.com".*',
    ),
    Link(r"database-1-instance", "password", ("password-random",)),
    Link(r"delayed-1-instance", "replicateSourceDb", ("database-1-instance",), r'"lifeline-primary-1"'),
    Link(r"delayed-1-instance", "vpcSecurityGroupIds", ("database-1-network-clients",)),
    Link(r"claims-epoch-1-primary-1", "spec", ("ledger-table",), r'.*"value": "lifeline-crisis-ledger".*'),
    # the rights of pods
    _policy(r"(postgresql-backup|recovery-exporter)", "backups-own-key", "keys-secrets"),
    _policy(r"(restore-check|configuration-export)", "backups-copy-key", "backups-own-key"),
    _policy(r"(backend|fence|handover|promotion-snapshot|promotion-wait|restore|roles)", "keys-secrets"),
    Link(
        r"log-collector-identity-policy",
        "policy",
        ("pod-logs-platform", "pod-logs-system"),
        r".*arn:aws:logs:us-east-2:.*/pods/platform.*arn:aws:logs:us-east-2:.*/pods/system.*",
    ),
    _policy(r"ledger-export", "ledger-exports-copy-key", "ledger-exports-own-key"),
    Link(r"prometheus-identity-policy", "policy", ("metrics-workspace",), r'.*"arn:aws:aps:us-west-2:.*'),
    _policy(r"controller", *(f"targets-{name}" for name in SERVICE_NAMES)),
    # backups, logs and metrics
    Link(
        r"ledger-export-job",
        "spec",
        ("ledger-exports-own-key",),
        r'.*"name": "EXPORT_KEY_ARN", "value": "arn:aws:kms:us-east-2:.*',
    ),
    Link(r"logs-cluster-1-subscription", "logGroup", ("cluster-1-logs",)),
    Link(r"logs-database-1-(?P<log>\w+)-subscription", "logGroup", (r"database-1-logs-\g<log>",)),
    Link(r"logs-pods-(?P<pods>\w+)-subscription", "logGroup", (r"pod-logs-\g<pods>",), r'"/lifeline/primary/pods/\w+"'),
    Link(r"logs-firewall-subscription", "logGroup", ("front-firewall-log",), r'"aws-waf-logs-lifeline-primary"'),
    Link(r"logs-network-subscription", "logGroup", ("network-flow-logs-group",)),
    Link(
        r"monitoring-prometheus", "values", ("metrics-workspace",), r'.*"url": "https://aps-workspaces\.us-west-2\..*'
    ),
    # alarms
    Link(r"alarms-outside-crisis-unreachable", "dimensions", ("traffic-checks-crisis",)),
    Link(r"alarms-outside-site-unreachable", "dimensions", ("traffic-checks-app",)),
    Link(
        r"alarms-(database|delayed|ledger|vault).*",
        "(alarmActions|okActions)",
        ("alarms-pages-topic",),
        r'\["arn:aws:sns:.*',
    ),
    Link(r"alarms-(copies|logs).*", "(alarmActions|okActions)", ("alarms-tickets-topic",), r'\["arn:aws:sns:.*'),
    Link(r"backup-events-target", "arn", ("alarms-tickets-topic",), r'"arn:aws:sns:.*'),
)


def violations(resources: Sequence[Registration], config: SiteConfig) -> list[str]:
    """Every reference between components that is not the one of the table, and every wrong image or address range."""
    return [*_wrong_links(resources), *_wrong_images(resources, config), *_wrong_ranges(resources)]


def _wrong_links(resources: Sequence[Registration]) -> Iterator[str]:
    by_urn = {resource.urn: resource for resource in resources}
    places = {urn: _component(resource, by_urn) for urn, resource in by_urn.items()}
    for resource in resources:
        for key in sorted(resource.links):
            sources = sorted(by_urn[urn].name for urn in resource.links[key] if _crosses(urn, resource, places))
            yield from _against_table(resource, key, sources)


def _against_table(resource: Registration, key: str, sources: list[str]) -> Iterator[str]:
    rows = [row for row in LINKS if re.fullmatch(row.resource, resource.name) and re.fullmatch(row.input, key)]
    if not rows:
        if sources:
            yield f"{resource.name}.{key} comes from {', '.join(sources)}, and the table has no such reference"
        return
    match = re.fullmatch(rows[0].resource, resource.name)
    assert match is not None
    expected = sorted(match.expand(source) for source in rows[0].sources)
    value = json.dumps(resource.inputs[key], sort_keys=True)
    if sources != expected:
        yield f"{resource.name}.{key} comes from {', '.join(sources)}, expected {', '.join(expected)}"
    elif not re.fullmatch(rows[0].value, value, re.DOTALL):
        yield f"{resource.name}.{key} is {value[:200]}, expected {rows[0].value}"


def missing(resources: Sequence[Registration]) -> list[str]:
    """The rows of the table that no reference matches."""
    keys = [(resource.name, key) for resource in resources for key in resource.links]
    return [
        f"{row.resource}.{row.input}"
        for row in LINKS
        if not any(re.fullmatch(row.resource, name) and re.fullmatch(row.input, key) for name, key in keys)
    ]


def _component(resource: Registration, by_urn: dict[str, Registration]) -> str:
    """The component of the wiring that a resource is in: the outermost one."""
    while resource.parent in by_urn:
        resource = by_urn[resource.parent]
    return resource.name


def _crosses(urn: str, resource: Registration, places: dict[str, str]) -> bool:
    return urn in places and places[urn] != places[resource.urn]


def _wrong_images(resources: Sequence[Registration], config: SiteConfig) -> Iterator[str]:
    """A container of the platform runs the image of its repository, with the digest of its own key."""
    digests = {
        str(field.alias): getattr(config.images, name) for name, field in type(config.images).model_fields.items()
    }
    by_repository = {re.sub(r"([A-Z])", lambda letter: f"-{letter[1].lower()}", key): digests[key] for key in digests}
    registry = f"{config.account}.dkr.ecr.{config.region}.amazonaws.com"
    for resource in resources:
        for image in re.findall(rf"{config.account}\.dkr\.ecr[^\"]*@sha256:\w+", json.dumps(resource.inputs)):
            own = resource.inputs["metadata"]["labels"].get("component", "")
            repository = own if own in by_repository else "operations"
            if image != f"{registry}/{repository}@{by_repository[repository]}":
                yield f"{resource.name} runs {image}, expected {repository}"


def _wrong_ranges(resources: Sequence[Registration]) -> Iterator[str]:
    """Network policies name the VPC, and the subnets of the database."""
    by_name = {resource.name: resource.inputs for resource in resources if resource.custom}
    databases = {by_name[f"network-database-{zone}"]["cidrBlock"] for zone in (1, 2, 3)}
    private = {"10.0.0.0/8"}  # left out of the rule that opens the internet
    known = {by_name["network-vpc"]["cidrBlock"], *databases, *private}
    for name, inputs in by_name.items():
        if name.startswith("platform-policy-"):
            ranges = set(re.findall(r"10\.\d+\.\d+\.\d+/\d+", json.dumps(inputs["spec"])))
            expected = databases if name.endswith("-database") else known
            if not ranges <= expected or (name.endswith("-database") and ranges != databases):
                yield f"{name} names {', '.join(sorted(ranges))}"
