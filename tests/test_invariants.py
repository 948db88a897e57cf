"""What holds for every resource of every site in every role."""

from __future__ import annotations

import pytest

from rehearsal.engine.registration import Registration
from tests.harness import FAILED_BACK, FAILED_OVER, PRIMARY_LEADS, deploy

SITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "primary leads": ("primary", PRIMARY_LEADS),
    "secondary follows": ("secondary", PRIMARY_LEADS),
    "primary fenced": ("primary", FAILED_OVER),
    "secondary leads": ("secondary", FAILED_OVER),
}
OWN_REGION = {"primary": "us-east-2", "secondary": "us-west-2"}
TAGS = ("lifeline:owner", "lifeline:site", "lifeline:tier", "lifeline:data")
UNTAGGABLE_AWS = {
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:dynamodb/tableItem:TableItem",
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/alias:Alias",
    "aws:route53/record:Record",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:secretsmanager/secretVersion:SecretVersion",
}
"""AWS has no tags for these."""
STATEFUL = {
    "aws:dynamodb/table:Table",
    "aws:kms/key:Key",
    "aws:rds/instance:Instance",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
}

every_site = pytest.mark.parametrize(("stack", "timeline"), SITES.values(), ids=SITES)


def custom(stack: str, timeline: tuple[str, ...]) -> list[Registration]:
    return [found for found in deploy(stack, timeline) if found.custom]


@every_site
def test_a_site_has_at_least_150_resources(stack: str, timeline: tuple[str, ...]) -> None:
    assert len(custom(stack, timeline)) >= 150


@every_site
def test_every_resource_has_a_component_for_a_parent(stack: str, timeline: tuple[str, ...]) -> None:
    assert [found.name for found in custom(stack, timeline) if "lifeline:index:" not in found.parent] == []


@every_site
def test_every_taggable_resource_says_owner_site_tier_and_data(stack: str, timeline: tuple[str, ...]) -> None:
    missing = [
        f"{found.type} {found.name}"
        for found in deploy(stack, timeline)
        if (found.type.startswith("aws:") and found.type not in UNTAGGABLE_AWS) or found.type == "eks:index:Cluster"
        if not set(TAGS) <= found.inputs.get("tags", {}).keys() or found.inputs["tags"]["lifeline:site"] != stack
    ]
    assert missing == []


@every_site
def test_every_kubernetes_object_says_owner_site_tier_and_data(stack: str, timeline: tuple[str, ...]) -> None:
    missing = [
        f"{found.type} {found.name}"
        for found in deploy(stack, timeline)
        if found.type.startswith("kubernetes:") and "metadata" in found.inputs
        if not {"lifeline/owner", "lifeline/site", "lifeline/tier", "lifeline/data"}
        <= found.inputs["metadata"].get("labels", {}).keys()
    ]
    assert missing == []


@every_site
def test_no_resource_names_a_foreign_region_of_its_own(stack: str, timeline: tuple[str, ...]) -> None:
    foreign = [
        f"{found.type} {found.name}"
        for found in custom(stack, timeline)
        if found.inputs.get("region", OWN_REGION[stack]) != OWN_REGION[stack]
    ]
    assert foreign == []


@every_site
def test_everything_stateful_is_protected(stack: str, timeline: tuple[str, ...]) -> None:
    stateful = [found for found in custom(stack, timeline) if found.type in STATEFUL]
    assert len(stateful) >= 5
    assert [found.name for found in stateful if not found.protect] == []
    unprotected = [found.name for found in deploy(stack, timeline, protect=False) if found.protect]
    assert unprotected == []


@every_site
def test_no_secret_is_printed(stack: str, timeline: tuple[str, ...]) -> None:
    for found in deploy(stack, timeline):
        for key in found.secrets:
            assert found.printable_inputs()[key] == "[secret]"


def test_a_third_epoch_keeps_every_resource_of_the_second_but_for_roles() -> None:
    before = {found.urn for found in deploy("primary", FAILED_OVER, database={"seeded": 2})}
    after = {found.urn for found in deploy("primary", FAILED_BACK, database={"seeded": 2})}
    assert before <= after
