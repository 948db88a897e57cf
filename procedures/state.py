"""The state of a stack in its bucket, read without the engine: who has locked it, and what a killed run left in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from procedures import readings
from procedures.access import Access, ProcedureError
from procedures.lock import has_ended
from recovery.naming import PROJECT, database_identifier, state_bucket, state_key
from stacks.config import SiteConfig

INSTANCE = "aws:rds/instance:Instance"


@dataclass(frozen=True)
class EngineLock:
    """A run of Pulumi that has the state, or had it when it was killed."""

    user: str
    machine: str
    process: int
    since: str
    """ISO 8601."""

    def __str__(self) -> str:
        return f"{self.user}@{self.machine} runs pulumi since {self.since}"

    @property
    def is_gone(self) -> bool:
        """Whether the run is known to have ended."""
        return has_ended(self.machine, self.process)


def engine_locks(access: Access, config: SiteConfig) -> Iterator[EngineLock]:
    """The locks of the state.

    Source: pulumi/pulumi, `pkg/backend/diy/lock.go`: the keys, and `lockContent`.
    """
    bucket = state_bucket(config.site, account=config.account)
    s3 = access.client("s3", config.region)
    prefix = f".pulumi/locks/organization/{PROJECT}/{config.site}/"
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
        found = json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
        yield EngineLock(str(found["username"]), str(found["hostname"]), int(found["pid"]), str(found["timestamp"]))


@dataclass(frozen=True)
class Interrupted:
    """The operations in whose middle a run was killed, by the URNs of their resources."""

    changed: tuple[str, ...]
    """Their result in AWS is not known: each is to be read from there."""
    created: tuple[str, ...]
    """Not in the state yet. The next run creates them."""


def interrupted(access: Access, config: SiteConfig) -> Interrupted:
    """The operations that a killed run has left."""
    latest = _latest(access, config)
    known = {str(resource["urn"]) for resource in latest.get("resources") or ()}
    pending = [str(entry["resource"]["urn"]) for entry in latest.get("pending_operations") or ()]
    changed = tuple(urn for urn in pending if urn in known)
    return Interrupted(changed, tuple(urn for urn in pending if urn not in known))


def stale_source(access: Access, config: SiteConfig) -> str | None:
    """The URN of the site's database, if it is promoted and the state says that it is a replica.

    A run that was killed after the promotion leaves such a state. A second promotion of the same database is an error.
    """
    name = database_identifier(config.own_database)
    for resource in _latest(access, config).get("resources") or ():
        outputs = cast("Mapping[str, Any]", resource.get("outputs") or {})
        if resource["type"] != INSTANCE or outputs.get("identifier") != name or not outputs.get("replicateSourceDb"):
            continue
        if not readings.database(access, config).source:
            return str(resource["urn"])
    return None


def _latest(access: Access, config: SiteConfig) -> Mapping[str, Any]:
    """The newest checkpoint. Source: pulumi/pulumi, `sdk/go/common/apitype/core.go`, `CheckpointV3`."""
    bucket, key = state_bucket(config.site, account=config.account), state_key(config.site)
    s3 = access.client("s3", config.region)
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        hint = f"lifeline preflight --stack {config.site} shows how to bring it back"
        raise ProcedureError(f"{bucket} has no state of {config.site}", hint) from None
    content = cast("Mapping[str, Any]", json.loads(found["Body"].read()))
    return cast("Mapping[str, Any]", content["checkpoint"].get("latest") or {})
