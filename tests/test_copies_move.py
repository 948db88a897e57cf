"""A site's copies move to the region of a new peer: nothing in the old region is deleted, nor asked for anything."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from engine.diff import steps_between
from engine.registration import Registration
from policy.judge import judge, judge_change
from policy.model import Site
from policy.settings import Settings
from policy.sources import from_registrations
from stacks.stackfile import StackFile
from tests.harness import FAILED_OVER, ROOT, deploy, only
from tests.policy.draft import TODAY
from tests.stacks import test_ledger_elsewhere as elsewhere
from tests.stacks.test_config import accepted, mistakes
from tests.test_transitions import ADOPTED, short

LOST, NEW = "us-east-2", elsewhere.REGION
RELEASED: dict[str, Any] = {"copies": {"release": True}}
MOVED: dict[str, Any] = {
    "peer": {"site": elsewhere.NAME, "region": NEW, "cidr": "10.30.0.0/16"},
    "lostSites": {"primary": LOST},
    "primaryRecord": elsewhere.NAME,
    "ledger": {"witness": "us-east-1", "regions": elsewhere.COPIES},
    "copies": {"generation": 2},
}
USERS = [
    *(
        f"update iam/rolePolicy:RolePolicy {name}-identity-policy"
        for name in ("configuration-export", "ledger-export", "prometheus", "restore-check", "restore")
    ),
    *(
        f"update {type_} {bucket}-replication{part}"
        for bucket in ("backups", "ledger-exports", "logs", "models")
        for type_, part in (
            ("iam/role:Role", "-role"),
            ("iam/rolePolicy:RolePolicy", "-policy"),
            ("s3/bucketReplicationConfig:BucketReplicationConfig", ""),
        )
    ),
    *(
        f"update cloudwatch/metricAlarm:MetricAlarm alarms-copies-{bucket}-copy-failed"
        for bucket in ("backups", "ledger", "logs", "models")
    ),
    *(
        f"update batch/v1:CronJob {job}"
        for job in ("backup-jobs-restore-check", "configuration-export-job", "ledger-export-job")
    ),
    "update apps/v1:Deployment canary-pods",
    "update backup/plan:Plan vaults-plan",
    "update ecr/replicationConfiguration:ReplicationConfiguration registry-replication",
    "update helm.sh/v3:Release monitoring-prometheus",
    "update monitoring.coreos.com/v1:Probe monitoring-probe-peer",
]
"""What refers to the copies, or to the peer."""


def site(**changes: Any) -> list[Registration]:
    return deploy("secondary", FAILED_OVER, **changes)


def judged(resources: list[Registration], key: str | None = None) -> Site:
    own = StackFile(ROOT / "Pulumi.secondary.yaml").secrets_key
    return from_registrations(resources, secrets_key=key or own)


def in_region(resources: list[Registration], region: str) -> dict[str, Registration]:
    return {entry.name: entry for entry in resources if entry.inputs.get("region") == region}


def second(name: str) -> str:
    """The name of the second generation of a copy."""
    for base in ("database-copies", "metrics", *(f"{pair}-copy" for pair in ("backups", "ledger-exports", "logs"))):
        if name == base or name.startswith(f"{base}-"):
            return name.replace(base, f"{base}-2", 1)
    return name.replace("-copy", "-copy-2", 1)


def test_a_release_changes_nothing_but_what_pulumi_may_do_later() -> None:
    before, after = site(), site(**RELEASED)
    assert steps_between(before, after) == []
    there = in_region(after, LOST)
    assert {"backups-copy-bucket", "database-copies-key", "metrics-workspace", "vaults-copy-lock"} <= there.keys()
    assert all(entry.retain_on_delete and not entry.protect for entry in there.values())
    others = [(a, b) for a, b in zip(before, after, strict=True) if a.name not in there]
    assert [(a.protect, a.retain_on_delete) for a, _ in others] == [(b.protect, b.retain_on_delete) for _, b in others]


def test_the_move_forgets_the_old_copies_makes_new_ones_and_touches_nothing_else() -> None:
    steps = {op: set[str]() for op in ("create", "forget", "delete", "update", "replace")}
    before = site(**RELEASED)
    for step in steps_between(before, site(**MOVED)):
        steps[step.op].add(short(step).partition(" ")[2])
    old = {f"{entry.type.split(':', 1)[1]} {name}" for name, entry in in_region(before, LOST).items()}
    components = {
        "index:DatabaseCopies database-copies",
        "index:MetricsStore metrics",
        "index:Vault vaults-copy",
        *(f"index:LockedBucket {pair}-copy" for pair in ("backups", "ledger-exports", "logs", "models")),
    }
    assert (steps["forget"], steps["delete"], steps["replace"]) == (old, components, set())
    assert steps["create"] == {
        f"{kind} {second(name)}" for kind, name in (entry.split(" ") for entry in old | components)
    }
    assert {f"update {entry}" for entry in steps["update"]} == set(USERS)


def test_the_engine_refuses_to_delete_copies_that_were_not_released() -> None:
    after = {entry.urn for entry in site(**MOVED)}
    guarded = {entry.type for entry in site() if entry.urn not in after and entry.protect}
    assert guarded == {
        "aws:amp/workspace:Workspace",
        "aws:backup/vault:Vault",
        "aws:kms/key:Key",
        "aws:s3/bucket:Bucket",
    }


def test_nothing_is_left_in_the_lost_region_but_what_tells_where_its_site_was() -> None:
    assert in_region(site(**MOVED), LOST) == {}
    naming = {entry.name for entry in site(**MOVED) if f'"{LOST}"' in json.dumps(entry.inputs, default=str)}
    assert naming == set()


def test_no_policy_refuses_the_release_or_the_move() -> None:
    stages = [judged(site(**changes)) for changes in ({}, RELEASED, MOVED)]
    for stage in stages:
        assert judge(stage, settings=Settings(), today=TODAY).findings == ()
    for before, after in itertools.pairwise(stages):
        assert judge_change(before, after, settings=Settings(), today=TODAY).findings == ()


def new_peer() -> list[Registration]:
    peer = {**elsewhere.SITE["peer"], "copies": 2}
    return deploy(elsewhere.NAME, elsewhere.TIMELINE, **{**elsewhere.SITE, "peer": peer})


def test_the_two_sites_fit_together_once_the_survivor_owns_the_ledger() -> None:
    owner = site(**MOVED, globals="own", adopted=ADOPTED)
    findings = judge(judged(owner), judged(new_peer(), elsewhere.KEY), settings=Settings(), today=TODAY).findings
    assert {finding.policy for finding in findings} == {"dynamodb-table-in-own-region"}


def test_both_sites_restore_dumps_from_the_copies_where_they_are_now() -> None:
    for resources in (site(**MOVED), new_peer()):
        policy = only(resources, "aws:iam/rolePolicy:RolePolicy", "restore-identity-policy").inputs["policy"]
        assert '"arn:aws:s3:::lifeline-123456789012-secondary-backups-copy-2"' in policy


@pytest.mark.parametrize("generation", [0, 100])
def test_a_generation_is_a_small_number(generation: int) -> None:
    assert len(mistakes("primary", copies__generation=generation)) == 1
    assert accepted("primary", copies={"generation": 3}).copies.generation == 3
