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
from tests.adopted import ADOPTED
from tests.harness import FAILED_OVER, ROOT, deploy, only
from tests.moved import LOST, MOVED, RELEASED
from tests.policy.draft import TODAY
from tests.stacks import test_ledger_elsewhere as elsewhere
from tests.stacks.test_config import accepted, mistakes


def site(**changes: Any) -> list[Registration]:
    return deploy("secondary", FAILED_OVER, **changes)


def judged(resources: list[Registration], key: str | None = None) -> Site:
    own = StackFile(ROOT / "Pulumi.secondary.yaml").secrets_key
    return from_registrations(resources, secrets_key=key or own)


def in_region(resources: list[Registration], region: str) -> dict[str, Registration]:
    return {entry.name: entry for entry in resources if entry.inputs.get("region") == region}


def test_a_release_changes_nothing_but_what_pulumi_may_do_later() -> None:
    before, after = site(), site(**RELEASED)
    assert steps_between(before, after) == []
    there = in_region(after, LOST)
    assert {"backups-copy-bucket", "database-copies-key", "metrics-workspace", "vaults-copy-lock"} <= there.keys()
    assert all(entry.retain_on_delete and not entry.protect for entry in there.values())
    others = [(a, b) for a, b in zip(before, after, strict=True) if a.name not in there]
    assert [(a.protect, a.retain_on_delete) for a, _ in others] == [(b.protect, b.retain_on_delete) for _, b in others]


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
