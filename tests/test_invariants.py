"""Rules for every resource of every site in every role."""

from __future__ import annotations

import json

import pytest

from engine.registration import Registration
from recovery.objectives import TIERS
from tests.harness import FAILED_BACK, FAILED_OVER, PRIMARY_LEADS, deploy, only

SITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "primary leads": ("primary", PRIMARY_LEADS),
    "secondary follows": ("secondary", PRIMARY_LEADS),
    "primary fenced": ("primary", FAILED_OVER),
    "secondary leads": ("secondary", FAILED_OVER),
}
OWN_REGION = {"primary": "us-east-2", "secondary": "us-west-2"}
ALL_REGIONS = {"us-east-1", "us-east-2", "us-west-2"}
EVERY_SITE = {
    ("aws:amp/workspace:Workspace", "region"),
    ("kubernetes:helm.sh/v3:Release", "values"),
    ("aws:backup/plan:Plan", "rules"),
    ("aws:backup/vault:Vault", "region"),
    ("aws:backup/vaultLockConfiguration:VaultLockConfiguration", "region"),
    ("aws:backup/vault:Vault", "kmsKeyArn"),
    ("aws:iam/rolePolicy:RolePolicy", "policy"),
    ("aws:kms/alias:Alias", "region"),
    ("aws:kms/key:Key", "policy"),
    ("aws:kms/key:Key", "region"),
    *(
        (f"aws:s3/{token[0].lower()}{token[1:]}:{token}", "region")
        for token in (
            "Bucket",
            "BucketLifecycleConfiguration",
            "BucketObjectLockConfiguration",
            "BucketOwnershipControls",
            "BucketPolicy",
            "BucketPublicAccessBlock",
            "BucketServerSideEncryptionConfiguration",
            "BucketVersioning",
        )
    ),
    ("aws:ecr/replicationConfiguration:ReplicationConfiguration", "replicationConfiguration"),
    ("aws:s3/bucketReplicationConfig:BucketReplicationConfig", "rules"),
    ("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", "rules"),
    ("kubernetes:batch/v1:CronJob", "spec"),
    *(("aws:cloudwatch/metricAlarm:MetricAlarm", key) for key in ("alarmActions", "okActions", "region")),
    ("aws:sns/topic:Topic", "region"),
    *(("aws:sns/topicPolicy:TopicPolicy", key) for key in ("arn", "policy", "region")),
    *(("aws:sns/topicSubscription:TopicSubscription", key) for key in ("region", "topic")),
}
"""A site owns the copy of its backups in the other region, and the alarms of its health checks, whose metrics are in
us-east-1. No flip changes them."""
RDS_COPY = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
FIRST_SITE = EVERY_SITE | {
    ("aws:acm/certificate:Certificate", "region"),
    ("aws:acm/certificateValidation:CertificateValidation", "certificateArn"),
    ("aws:acm/certificateValidation:CertificateValidation", "region"),
    ("aws:cloudfront/distribution:Distribution", "viewerCertificate"),
    (RDS_COPY, "kmsKeyId"),
    (RDS_COPY, "region"),
    ("aws:dynamodb/table:Table", "globalTableWitness"),
    ("aws:dynamodb/table:Table", "replicas"),
    ("aws:secretsmanager/secret:Secret", "replicas"),
}
FOREIGN: dict[str, set[tuple[str, str]]] = {
    "primary leads": FIRST_SITE,
    "secondary follows": EVERY_SITE | {("aws:rds/instance:Instance", "replicateSourceDb")},
    "primary fenced": FIRST_SITE,
    "secondary leads": EVERY_SITE,
}
"""The inputs that may name a region other than the site's own. After a recovery, only those of the backups' copy do."""
PASSWORD_HOLDERS = {
    "primary": {
        "password-version": ["database-1-instance", "password-version"],
        "application-password-version": ["application-password-version"],
    },
    "secondary": {"password-version": [], "application-password-version": []},
}
TIER_NAMES = {"platform", *(tier.name for tier in TIERS)}
DATA_CLASSES = {"none", "operational", "credentials", "phi"}
UNTAGGABLE_AWS = {
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:backup/selection:Selection",
    "aws:cloudfront/function:Function",
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
    "aws:ec2/route:Route",
    "aws:ecr/replicationConfiguration:ReplicationConfiguration",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/alias:Alias",
    "aws:route53/record:Record",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
}
"""Types for which AWS has no tags."""
STATEFUL = {
    "aws:amp/workspace:Workspace",
    "aws:backup/vault:Vault",
    "aws:dynamodb/table:Table",
    "aws:ecr/repository:Repository",
    "aws:kms/key:Key",
    "aws:rds/instance:Instance",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "random:index/randomPassword:RandomPassword",
}

every_site = pytest.mark.parametrize(("stack", "timeline"), SITES.values(), ids=SITES)


def custom(stack: str, timeline: tuple[str, ...]) -> list[Registration]:
    return [resource for resource in deploy(stack, timeline) if resource.custom]


def described(said: dict[str, str], stack: str, separator: str = ":") -> bool:
    """Whether tags or labels name owner, site, tier and data, each with an allowed value."""
    owner, site, tier, data = (said.get(f"lifeline{separator}{key}") for key in ("owner", "site", "tier", "data"))
    return (owner, site) == ("platform-team", stack) and tier in TIER_NAMES and data in DATA_CLASSES


@every_site
def test_a_site_has_at_least_150_resources(stack: str, timeline: tuple[str, ...]) -> None:
    assert len(custom(stack, timeline)) >= 150


@every_site
def test_every_resource_has_a_component_for_a_parent(stack: str, timeline: tuple[str, ...]) -> None:
    assert [resource.name for resource in custom(stack, timeline) if "lifeline:index:" not in resource.parent] == []


@every_site
def test_every_taggable_resource_says_owner_site_tier_and_data(stack: str, timeline: tuple[str, ...]) -> None:
    missing = [
        f"{resource.type} {resource.name}"
        for resource in deploy(stack, timeline)
        if (resource.type.startswith("aws:") and resource.type not in UNTAGGABLE_AWS)
        or resource.type == "eks:index:Cluster"
        if not described(resource.inputs.get("tags", {}), stack)
    ]
    assert missing == []


@every_site
def test_every_kubernetes_object_says_owner_site_tier_and_data(stack: str, timeline: tuple[str, ...]) -> None:
    missing = [
        f"{resource.type} {resource.name}"
        for resource in deploy(stack, timeline)
        if resource.type.startswith("kubernetes:") and "metadata" in resource.inputs
        if not described(resource.inputs["metadata"].get("labels", {}), stack, "/")
    ]
    assert missing == []


@pytest.mark.parametrize("site", SITES)
def test_only_what_joins_the_sites_names_a_foreign_region(site: str) -> None:
    stack, timeline = SITES[site]
    foreign = {
        (resource.type, key)
        for resource in deploy(stack, timeline)
        for key, value in resource.inputs.items()
        if any(region in json.dumps(value) for region in ALL_REGIONS - {OWN_REGION[stack]})
    }
    assert foreign == FOREIGN[site]


@every_site
def test_only_copies_and_alarms_of_health_checks_are_in_another_region(stack: str, timeline: tuple[str, ...]) -> None:
    elsewhere = [resource for resource in custom(stack, timeline) if resource.inputs.get("region") is not None]
    assert len(elsewhere) == {"primary": 57, "secondary": 54}[stack]
    copies = (
        "alarms-outside-",
        "backups-copy-",
        "database-copies-",
        "last-resort-",
        "vaults-copy-",
        "ledger-exports-copy-",
        "logs-copy-",
        "metrics-workspace",
        "models-copy-",
    )
    assert [resource.name for resource in elsewhere if not resource.name.startswith(copies)] == []


@every_site
def test_everything_stateful_is_protected(stack: str, timeline: tuple[str, ...]) -> None:
    stateful = [resource for resource in custom(stack, timeline) if resource.type in STATEFUL]
    assert len(stateful) >= 5
    assert [resource.name for resource in stateful if not resource.protect] == []
    unprotected = [resource.name for resource in deploy(stack, timeline, protect=False) if resource.protect]
    assert unprotected == []


@every_site
def test_no_secret_is_printed(stack: str, timeline: tuple[str, ...]) -> None:
    """Search for the password's value: a value that lost its mark as a secret would be printed."""
    registrations = deploy(stack, timeline)
    for version, holders in PASSWORD_HOLDERS[stack].items():
        password = only(deploy("primary"), "aws:secretsmanager/secretVersion:SecretVersion", version).inputs[
            "secretString"
        ]
        held = [resource.name for resource in registrations if password in json.dumps(resource.inputs)]
        assert sorted(held) == holders
        printed = [entry.name for entry in registrations if password in json.dumps(entry.printable_inputs())]
        assert printed == []
    shown = {resource.printable_inputs()[key] for resource in registrations for key in resource.secrets}
    assert shown == {"[secret]"}


def test_a_third_epoch_keeps_every_resource_of_the_second_and_adds_its_claim_and_its_wait() -> None:
    before = {resource.urn: resource.name for resource in deploy("primary", FAILED_OVER, database={"seeded": 2})}
    after = {resource.urn: resource.name for resource in deploy("primary", FAILED_BACK, database={"seeded": 2})}
    assert before.keys() <= after.keys()
    assert sorted(after[urn] for urn in after.keys() - before.keys()) == [
        "claims-epoch-3-primary-2",
        "promotion-wait-3",
    ]
