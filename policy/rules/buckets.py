"""Rules on buckets. A bucket's settings are resources of their own, so most rules read a relation."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, must_be, must_be_at_least, must_be_protected, resource_rule, shown, site_rule

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
EXPIRY = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_GUIDE = "Amazon S3 User Guide"
_DATA = ("credentials", "phi", "operational")
"""The classes of data that a loss of a bucket would lose."""


def holds_data(bucket: Resource) -> bool:
    """Whether its tags say that it holds data."""
    return bucket.get("tags", "lifeline:data") in _DATA


def access_logs(site: Site) -> set[str]:
    """The buckets that load balancers write to.

    Elastic Load Balancing writes with S3's own keys only (Application Load Balancers, "Enable access logs"). The pods
    log the same requests, and their logs are copied.
    """
    return {urn for entry in site.of(BALANCER) for urn in entry.links.get("accessLogs", ())}


def settings(site: Site, bucket: Resource, type_: str) -> list[Resource]:
    """The resources of a type that configure a bucket."""
    name = bucket.get("bucket")
    return [
        entry
        for entry in site.of(type_)
        if bucket.urn in entry.links.get("bucket", ()) or (isinstance(name, str) and entry.get("bucket") == name)
    ]


def is_in_another_region(site: Site, bucket: Resource) -> bool:
    """Whether a bucket is a copy in the other site's region."""
    region = bucket.get("region")
    return isinstance(region, str) and region != site.region


@site_rule(
    "s3-bucket-versioned",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(c)(1)", "164.308(a)(7)(ii)(A)"),
        remediation="Enable versioning.",
        reference=f"{_GUIDE}, 'Retaining multiple versions of objects with S3 Versioning'",
        incident="atlassian-2022",
        also=("CKV_AWS_21", "HIPAA.Security-S3BucketVersioningEnabled", "s3-bucket-versioning-enabled"),
    ),
)
def versioned(site: Site) -> Iterator[tuple[Resource, str]]:
    """An overwritten or deleted object can be had back."""
    for bucket in site.of(BUCKET):
        states = [entry.get("versioningConfiguration", "status") for entry in settings(site, bucket, VERSIONING)]
        if states not in (["Enabled"], [UNKNOWN]):
            yield bucket, f"versioning is {shown(states)}, expected one that is Enabled"


@site_rule(
    "s3-bucket-encrypted",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(2)(iv)",),
        remediation="Encrypt a bucket of data with a KMS key of its own region.",
        reference=f"{_GUIDE}, 'Using server-side encryption with AWS KMS keys'",
        also=("CKV_AWS_145", "HIPAA.Security-S3DefaultEncryptionKMS", "s3-default-encryption-kms"),
    ),
)
def encrypted(site: Site) -> Iterator[tuple[Resource, str]]:
    """A bucket of data is encrypted with a key of ours, in its own region. Access logs can have S3's own key only."""
    access = access_logs(site)
    for bucket in site.of(BUCKET):
        matches = settings(site, bucket, ENCRYPTION)
        if not matches:
            yield bucket, "it has no encryption"
        for entry in matches if holds_data(bucket) else ():
            default = entry.items("rules")[0]["applyServerSideEncryptionByDefault"]
            if bucket.urn in access:
                yield from ((bucket, message) for message in must_be(default, "AES256", "sseAlgorithm"))
                continue
            yield from ((bucket, message) for message in must_be(default, "aws:kms", "sseAlgorithm"))
            key, region = default.get("kmsMasterKeyId"), bucket.get("region") or site.region
            if key is not UNKNOWN and f":{region}:" not in str(key):
                yield bucket, f"kmsMasterKeyId is {shown(key)}, expected a key in {region}"


@site_rule(
    "s3-bucket-no-public-access",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(a)(1)",),
        remediation="Block all four kinds of public access.",
        reference=f"{_GUIDE}, 'Blocking public access to your Amazon S3 storage'",
        also=("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "s3-bucket-level-public-access-prohibited"),
    ),
)
def no_public_access(site: Site) -> Iterator[tuple[Resource, str]]:
    """No bucket can be made public."""
    for bucket in site.of(BUCKET):
        matches = settings(site, bucket, ACCESS)
        if not matches:
            yield bucket, "it does not block public access"
        for entry in matches:
            for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
                yield from ((bucket, message) for message in must_be(entry, True, key))


@site_rule(
    "s3-bucket-no-acls",
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(a)(1)",),
        remediation="Set `objectOwnership: BucketOwnerEnforced`.",
        reference=f"{_GUIDE}, 'Controlling ownership of objects and disabling ACLs for your bucket'",
        also=("CKV2_AWS_65", "s3-bucket-acl-prohibited"),
    ),
)
def no_acls(site: Site) -> Iterator[tuple[Resource, str]]:
    """Policies alone decide who may read a bucket."""
    for bucket in site.of(BUCKET):
        rules = [entry.get("rule", "objectOwnership") for entry in settings(site, bucket, OWNERSHIP)]
        if rules not in (["BucketOwnerEnforced"], [UNKNOWN]):
            yield bucket, f"objectOwnership is {shown(rules)}, expected BucketOwnerEnforced"


@site_rule(
    "s3-bucket-tls-only",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(e)(1)",),
        remediation="Deny every request without TLS in the bucket's policy.",
        reference=f"{_GUIDE}, 'Security best practices for Amazon S3'",
        also=("HIPAA.Security-S3BucketSSLRequestsOnly", "s3-bucket-ssl-requests-only"),
    ),
)
def tls_only(site: Site) -> Iterator[tuple[Resource, str]]:
    """A bucket refuses requests without TLS."""
    for bucket in site.of(BUCKET):
        documents = [entry.document("policy") for entry in settings(site, bucket, POLICY)]
        if UNKNOWN not in documents and not any(_denies_plain_text(document) for document in documents):
            yield bucket, "no statement of its policy denies requests without TLS"


def _denies_plain_text(document: dict[str, list[dict[str, object]]]) -> bool:
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    return any(
        statement.get("Effect") == "Deny"
        and statement.get("Principal") == "*"
        and statement.get("Action") == "s3:*"
        and statement.get("Condition") == plain
        for statement in document["Statement"]
    )


@site_rule(
    "s3-bucket-copied-elsewhere",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(A)", "164.310(d)(2)(iv)"),
        remediation="Replicate the bucket to one in the other site's region.",
        reference=f"{_GUIDE}, 'Replicating objects within and across Regions'",
        incident="unisuper-2024",
        also=("CKV_AWS_144", "HIPAA.Security-S3BucketReplicationEnabled", "s3-bucket-replication-enabled"),
    ),
)
def copied_elsewhere(site: Site) -> Iterator[tuple[Resource, str]]:
    """Each bucket of data in the site's own region has a copy in the other one."""
    access = access_logs(site)
    for bucket in site.of(BUCKET):
        if not holds_data(bucket) or is_in_another_region(site, bucket) or bucket.urn in access:
            continue
        matches = settings(site, bucket, REPLICATION)
        if not matches:
            yield bucket, "it is not replicated"
        for entry in matches:
            copies = [target for target in site.linked(entry, "rules", BUCKET) if is_in_another_region(site, target)]
            if not copies:
                yield bucket, "its replication leads to no bucket in another region"


@resource_rule(
    "s3-replication-complete",
    REPLICATION,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(A)",),
        remediation="Enable the rule for all objects, also under KMS keys, with a time and metrics, and no deletions.",
        reference=f"{_GUIDE}, 'What does Amazon S3 replicate?' and 'Meeting compliance requirements with S3 RTC'",
        incident="gitlab-2017",
    ),
)
def replication_complete(config: Resource, *, maximum_minutes: int = 15) -> Iterator[str]:
    """Every object is copied within a quarter of an hour, and no deletion is."""
    for number, rule in enumerate(config.items("rules")):
        yield from must_be(rule, "Enabled", "status")
        yield from must_be(rule, "", "filter", "prefix")
        yield from must_be(rule, "Disabled", "deleteMarkerReplication", "status")
        yield from must_be(rule, "Enabled", "sourceSelectionCriteria", "sseKmsEncryptedObjects", "status")
        yield from must_be(rule, "Enabled", "destination", "replicationTime", "status")
        yield from must_be(rule, "Enabled", "destination", "metrics", "status")
        minutes = config.get("rules", number, "destination", "replicationTime", "time", "minutes")
        if isinstance(minutes, int) and minutes > maximum_minutes:
            yield f"replicationTime is {minutes} minutes, expected at most {maximum_minutes}"
    if not config.items("rules"):
        yield "rules is empty"


@site_rule(
    "s3-copy-locked",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)", "164.308(a)(7)(ii)(A)"),
        remediation="Lock each object of a copy by default, for as long as it is kept.",
        reference=f"{_GUIDE}, 'Locking objects with Object Lock'",
        incident="unisuper-2024",
        also=("s3-bucket-default-lock-enabled",),
    ),
)
def copy_locked(site: Site, *, minimum_days: int = 30) -> Iterator[tuple[Resource, str]]:
    """No one deletes a copy in the other region before its time."""
    for bucket in site.of(BUCKET):
        if not is_in_another_region(site, bucket):
            continue
        yield from ((bucket, message) for message in must_be(bucket, True, "objectLockEnabled"))
        matches = settings(site, bucket, LOCK)
        if not matches:
            yield bucket, "it has no default lock"
        for entry in matches:
            path = ("rule", "defaultRetention", "days")
            yield from ((bucket, message) for message in must_be_at_least(entry, minimum_days, *path))


@site_rule(
    "s3-copy-kept-as-long-as-locked",
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.308(a)(7)(ii)(A)",),
        remediation="Let objects expire no earlier than their lock ends.",
        reference=f"{_GUIDE}, 'Managing Object Lock'",
    ),
)
def kept_as_long_as_locked(site: Site) -> Iterator[tuple[Resource, str]]:
    """Objects expire when their lock ends, and not before."""
    for bucket in site.of(BUCKET):
        locks = [entry.get("rule", "defaultRetention", "days") for entry in settings(site, bucket, LOCK)]
        for entry in settings(site, bucket, EXPIRY):
            for rule in entry.items("rules"):
                days = rule.get("expiration", {}).get("days")
                if days is not None and any(isinstance(lock, int) and days < lock for lock in locks):
                    yield bucket, f"objects expire after {days} days, expected at least {max(locks)}: their lock"


@resource_rule(
    "s3-bucket-not-deletable",
    BUCKET,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(c)(1)",),
        remediation="Set Pulumi's `protect`, and no `forceDestroy`.",
        reference="Pulumi documentation, 'protect'; Terraform AWS provider, `aws_s3_bucket`, `force_destroy`",
        incident="atlassian-2022",
    ),
)
def not_deletable(bucket: Resource) -> Iterator[str]:
    """Pulumi refuses to delete a bucket, with or without objects in it."""
    yield from must_be_protected(bucket)
    if bucket.get("forceDestroy") is True:
        yield "forceDestroy is true, expected not set"


RULES = (
    versioned,
    encrypted,
    no_public_access,
    no_acls,
    tls_only,
    copied_elsewhere,
    replication_complete,
    copy_locked,
    kept_as_long_as_locked,
    not_deletable,
)
