"""The state of the stack: its bucket and its key in the site's own region, and what an earlier run left in it."""

from __future__ import annotations

import shlex

from botocore.exceptions import ClientError

from engine.project import BACKEND, backend_of
from procedures import state
from procedures.access import Access
from procedures.live_stack import backend
from procedures.lock import Lock
from procedures.preflight.finding import Finding, aws, failed, impassable, passed, warned
from recovery.naming import PROJECT, database_identifier, state_bucket, state_key
from stacks.config import SiteConfig
from stacks.stackfile import StackFile


def place(access: Access, config: SiteConfig) -> Finding:
    """Whether the bucket is in the site's own region and has the state."""
    bucket, key = state_bucket(config.site, account=config.account), state_key(config.site)
    s3 = access.client("s3", config.region)
    region = s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"
    if region != config.region:
        return impassable(f"{bucket} is in {region}", "docs/runbooks/first-deployment.md, step 2: make one here")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("404", "NoSuchKey"):
            raise
    else:
        return passed(f"s3://{bucket}")
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)
    markers = [entry for entry in versions.get("DeleteMarkers", ()) if entry["IsLatest"] and entry["Key"] == key]
    if not markers:
        source, target = f"s3://{bucket}-copy/{key}", f"s3://{bucket}/{key}"
        copy = ("s3", "cp", source, target, "--source-region", config.peer.region)
        return failed(f"{bucket} has no state of {config.site}", aws(*copy, region=config.region))
    words = ("delete-object", "--bucket", bucket, "--key", key, "--version-id", str(markers[0]["VersionId"]))
    return failed(f"the state of {config.site} was deleted", aws("s3api", *words, region=config.region))


def secrets_key(access: Access, config: SiteConfig, file: StackFile) -> Finding:
    """Whether the key of the state's secrets is in the site's own region, and works.

    Source: Pulumi documentation, "Secrets": `awskms://` addresses.
    """
    address = file.secrets_key or ""
    own = f"awskms://alias/{PROJECT}-{config.site}-state?region={config.region}"
    if f"region={config.region}" not in address:
        command = pulumi(config, "stack", "change-secrets-provider", own)
        return failed(f"the secrets provider is {address or 'a passphrase'}", command)
    key = address.removeprefix("awskms://").partition("?")[0]
    return key_finding(access, config.region, key) or passed(key)


def key_finding(access: Access, region: str, key: str) -> Finding | None:
    """The obstacle if a key cannot be used."""
    found = access.client("kms", region).describe_key(KeyId=key)["KeyMetadata"]
    name = str(found["KeyId"])
    enable = aws("kms", "enable-key", "--key-id", name, region=region)
    match str(found["KeyState"]):
        case "Enabled":
            return None
        case "Disabled":
            return failed(f"{key} is disabled", enable)
        case "PendingDeletion":
            cancel = aws("kms", "cancel-key-deletion", "--key-id", name, region=region)
            return failed(f"{key} is about to be deleted", cancel, enable)
        case other:
            return impassable(f"{key} is {other}", "AWS Key Management Service Developer Guide, 'Key states'")


def operator(access: Access, config: SiteConfig) -> Finding:
    """Whether another operator works on the site."""
    lock = Lock(access, config)
    if (holder := lock.holder()) is None:
        return passed("works on the site: only you")
    busy = f"{holder} runs 'lifeline {holder.procedure}' since {holder.since}"
    if holder.is_gone:
        return warned(f"{busy}, and its process has ended", f"lifeline resume --stack {config.site}")
    return failed(busy, lock.removal)


def engine_lock(access: Access, config: SiteConfig) -> Finding:
    """Whether a run of Pulumi has the state, or had it when it was killed."""
    for lock in state.engine_locks(access, config):
        if lock.is_gone:
            return warned(f"{lock}, and its process has ended", f"lifeline resume --stack {config.site}")
        return failed(str(lock), pulumi(config, "cancel", "--yes"))
    return passed("free")


def interrupted(access: Access, config: SiteConfig) -> Finding:
    """Whether a run was killed in the middle of an operation, so that its result is not in the state."""
    found = state.interrupted(access, config)
    if found.changed:
        return failed(f"interrupted: {names(found.changed)}", refresh(config, found.changed))
    if found.created:
        return warned(f"interrupted, and to be created: {names(found.created)}", "the next run creates them")
    return passed("no operation was interrupted")


def source(access: Access, config: SiteConfig) -> Finding:
    """Whether the state agrees with RDS on the database being a replica."""
    name = database_identifier(config.own_database)
    if (urn := state.stale_source(access, config)) is None:
        return passed(f"{name} is as RDS has it")
    return failed(f"{name} is promoted, and the state says that it is a replica", refresh(config, (urn,)))


def refresh(config: SiteConfig, urns: tuple[str, ...]) -> str:
    """The command that reads these resources, and no other, from AWS into the state."""
    targets = (word for urn in urns for word in ("--target", urn))
    return pulumi(config, "refresh", "--yes", "--skip-preview", *targets)


def pulumi(config: SiteConfig, *words: str) -> str:
    """A command of the engine for the stack of a site, over its own backend, quoted for a shell."""
    return shlex.join(("env", f"{BACKEND}={backend_of(backend(config))}", "pulumi", *words, "--stack", config.site))


def names(urns: tuple[str, ...]) -> str:
    """The names of resources."""
    return ", ".join(urn.rpartition("::")[2] for urn in urns)
