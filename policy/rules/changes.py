"""Rules on a change: a site before it and after it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, change_rule, shown
from policy.rules.availability import AUTOSCALER
from policy.rules.clusters import CLUSTER, COMPONENT, NODES
from policy.rules.databases import INSTANCE
from policy.rules.ledger import claims
from policy.rules.reach import openings
from policy.rules.workloads import DEPLOYMENT, containers
from recovery.naming import PROJECT

KEYS = ("kmsKeyId", "kmsKeyArn", "performanceInsightsKmsKeyId")
_TIMELINE = "docs/architecture.md, 'The timeline decides every role'"


def _both(before: Site, after: Site, *types: str) -> Iterator[tuple[Resource, Resource]]:
    """The resources of some types that exist before and after."""
    for resource in after.of(*types):
        old = before.by_urn.get(resource.urn)
        if old is not None:
            yield old, resource


def _claims(site: Site) -> dict[str, str]:
    """The databases that lead the site's own epochs, by epoch."""
    return {str(variables["EPOCH"]): str(variables["DATABASE"]) for _, variables in claims(site)}


def _stands_by(site: Site) -> bool:
    return site.setting("SITE_ROLE") != "active"


@change_rule(
    "change-database-stays-fenced",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)", "164.308(a)(7)(ii)(A)"),
        remediation="Seed a new database from the leader (`lifeline:database.seeded`), and keep the fenced one.",
        reference="docs/adr/0001-the-timeline-decides-every-role.md; docs/runbooks/failback.md",
        incident="gitlab-2017",
    ),
)
def stays_fenced(before: Site, after: Site) -> Iterator[tuple[Resource, str]]:
    """A database that was written follows no other one, and is opened again by a new claim of its own only."""
    claimed = {f"{PROJECT}-{database}" for epoch, database in _claims(after).items() if epoch not in _claims(before)}
    for old, new in _both(before, after, INSTANCE):
        if old.get("replicateSourceDb") is not None:
            continue
        source = new.get("replicateSourceDb")
        if source is not None:
            yield new, f"replicateSourceDb is {shown(source)}, expected none: this database was written"
        if openings(after, new) and not openings(before, old) and new.get("identifier") not in claimed:
            yield new, "its security group opens, and no new claim names it"


@change_rule(
    "change-cluster-one-version",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Raise `lifeline:cluster.version` by one minor version at a time, and never lower it.",
        reference="Amazon EKS User Guide, 'Update existing cluster to new Kubernetes version'",
    ),
)
def one_version(before: Site, after: Site) -> Iterator[tuple[Resource, str]]:
    """A cluster's version rises by one at most, and does not fall: EKS refuses everything else."""
    for old, new in _both(before, after, COMPONENT, CLUSTER):
        minors = [str(entry.get("version")).rpartition(".")[2] for entry in (old, new)]
        if all(minor.isdigit() for minor in minors) and int(minors[1]) - int(minors[0]) not in (0, 1):
            yield new, f"version is {shown(new.get('version'))}, and was {shown(old.get('version'))}"


@change_rule(
    "change-timeline-only-grows",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Append one entry to `lifeline:timeline`. Never remove, change or reorder entries.",
        reference=_TIMELINE,
        incident="gitlab-2017",
    ),
)
def only_grows(before: Site, after: Site) -> Iterator[tuple[Resource, str]]:
    """A change keeps every epoch and its leader, and claims one epoch at most."""
    stack, old, new = after.place, _claims(before), _claims(after)
    for epoch, database in old.items():
        if new.get(epoch) != database:
            yield stack, f"epoch {epoch} is claimed for {shown(new.get(epoch))}, expected {shown(database)} as before"
    first, last = (str(site.setting("EPOCH")) for site in (before, after))
    # A site that was lost may have missed several epochs. It learns of them as a standby.
    most = int(first) + 1 if first.isdigit() and not _stands_by(after) else math.inf
    if not first.isdigit() or not last.isdigit() or not int(first) <= int(last) <= most:
        yield stack, f"EPOCH goes from {first} to {last}, expected the same or the next one"
    leads = not _stands_by(before) and not _stands_by(after)
    if first == last and leads and before.setting("DATABASE") != after.setting("DATABASE"):
        yield stack, f"epoch {first} goes from {before.setting('DATABASE')} to {after.setting('DATABASE')}"


@change_rule(
    "change-standby-stays-warm",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(C)"),
        remediation="Rehearse with the new values. Then exempt the resource in policy/settings.yaml for this change.",
        reference="AWS Whitepaper 'Disaster Recovery of Workloads on AWS', 'Warm standby'; AWS Fault Isolation"
        " Boundaries, 'Static stability'",
        incident="aws-2021-12",
    ),
)
def stays_warm(before: Site, after: Site) -> Iterator[tuple[Resource, str]]:
    """No change takes pods, kept room or nodes from a standby, and none takes nodes from any site."""
    for old, new in _both(before, after, NODES):
        yield from _not_less(old, new, "scalingConfig", "minSize")
    if not (_stands_by(before) and _stands_by(after)):
        return
    for old, new in _both(before, after, AUTOSCALER):
        yield from _not_less(old, new, "spec", "minReplicas")
    for old, new in _both(before, after, DEPLOYMENT):
        yield from _not_less(old, new, "spec", "replicas")


def _not_less(old: Resource, new: Resource, *path: str) -> Iterator[tuple[Resource, str]]:
    first: Any = old.get(*path)
    last: Any = new.get(*path)
    if isinstance(first, int) and (not isinstance(last, int) or last < first):
        yield new, f"{'.'.join(path)} goes from {first} to {shown(last)}, expected no less"


@change_rule(
    "change-data-keeps-its-key",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)", "164.312(a)(2)(iv)"),
        remediation="Keep the key. Copy the data under a new key first if the old one must go.",
        reference="AWS KMS Developer Guide, 'Delete an AWS KMS key'; engine/rules/aws.json",
        incident="unisuper-2024",
    ),
)
def data_keeps_its_key(before: Site, after: Site) -> Iterator[tuple[Resource, str]]:
    """Data stays under the key that it was written with."""
    for new in after.resources:
        old = before.by_urn.get(new.urn)
        for key in KEYS if old is not None else ():
            first, last = old.get(key) if old else None, new.get(key)
            if first is not None and UNKNOWN not in (first, last) and first != last:
                yield new, f"{key} goes from {shown(first)} to {shown(last)}"


@change_rule(
    "change-flip-same-release",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Flip first. Release the new images when the site serves.",
        reference="docs/architecture.md, 'A flip, step by step'",
        incident="roblox-2021",
    ),
)
def same_release(before: Site, after: Site) -> Iterator[tuple[Resource, str]]:
    """A change of the leader brings no new release: what takes over is what was tested."""
    if before.setting("EPOCH") == after.setting("EPOCH"):
        return
    for old, new in _both(before, after, DEPLOYMENT):
        first, last = ([box.get("image") for box in containers(entry)] for entry in (old, new))
        if first != last:
            yield new, f"its image changes in a flip, to {shown(last[0] if last else None)}"


RULES = (stays_fenced, one_version, only_grows, stays_warm, data_keeps_its_key, same_release)
