"""The wait before a promotion: a Job between the claim and the database, only where a replica is promoted."""

from __future__ import annotations

from typing import Any

import pytest

from components.kube import jobs
from components.kube.once import PROMOTION_WAIT_SECONDS, STRICT_WAIT_SECONDS
from engine.registration import Registration
from tests.harness import FAILED_BACK, FAILED_OVER, PRIMARY_LEADS, deploy, only

JOB, DEPLOYMENT, INSTANCE = "kubernetes:batch/v1:Job", "kubernetes:apps/v1:Deployment", "aws:rds/instance:Instance"
RESTORED = ("primary-1", "primary-2")


def waits(resources: list[Registration]) -> list[str]:
    return [entry.name for entry in resources if entry.type == JOB and entry.name.startswith("promotion-wait-")]


def variables(resource: Registration) -> dict[str, Any]:
    (container,) = resource.inputs["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


@pytest.mark.parametrize(
    ("stack", "timeline", "seeded", "expected"),
    [
        ("primary", PRIMARY_LEADS, 1, []),
        ("secondary", PRIMARY_LEADS, 1, []),
        ("secondary", FAILED_OVER, 1, ["promotion-wait-2"]),
        ("primary", FAILED_OVER, 2, []),
        ("primary", FAILED_BACK, 2, ["promotion-wait-3"]),
        ("secondary", FAILED_BACK, 3, ["promotion-wait-2"]),
        ("primary", RESTORED, 2, []),
    ],
)
def test_a_site_waits_before_each_promotion_and_for_nothing_else(
    stack: str, timeline: tuple[str, ...], seeded: int, expected: list[str]
) -> None:
    database: dict[str, Any] = {"seeded": seeded}
    if timeline == RESTORED:
        database["restores"] = [{"epoch": 2, "pointInTime": "latest"}]
    assert waits(deploy(stack, timeline, database=database)) == expected


def test_the_wait_comes_after_the_claim_and_before_the_promotion() -> None:
    resources = deploy("secondary", FAILED_OVER)
    wait = only(resources, JOB, "promotion-wait-2")
    assert only(resources, JOB, "claims-epoch-2-secondary-1").urn in wait.dependencies
    assert wait.urn in only(resources, INSTANCE, "database-1-instance").dependencies


def test_it_needs_nothing_that_comes_after_the_database() -> None:
    """It would wait for itself."""
    resources = deploy("secondary", FAILED_OVER)
    database = only(resources, INSTANCE, "database-1-instance").urn
    earlier = {entry.urn: set(entry.dependencies) for entry in resources}
    seen, ahead = set[str](), {only(resources, JOB, "promotion-wait-2").urn}
    while ahead:
        seen |= ahead
        ahead = {urn for found in ahead for urn in earlier.get(found, set())} - seen
    assert database not in seen


@pytest.mark.parametrize(
    ("fence", "seconds", "lease"),
    [("evidence", PROMOTION_WAIT_SECONDS, None), ("strict", STRICT_WAIT_SECONDS, str(jobs.LEASE_SECONDS))],
)
def test_a_promotion_waits_longer_if_the_other_leader_may_have_a_lease(
    fence: str, seconds: int, lease: str | None
) -> None:
    resources = deploy("secondary", FAILED_OVER, fence=fence)
    wait = variables(only(resources, JOB, "promotion-wait-2"))
    assert (wait["EPOCH_CLAIMED"], wait["PATIENCE_SECONDS"]) == ("2", str(seconds))
    assert variables(only(resources, DEPLOYMENT, "fence-pods")).get("LEASE_SECONDS") == lease


def test_a_later_claim_stops_the_promotion_and_nothing_else() -> None:
    """The site that leads no more keeps the Job, and no promotion follows."""
    assert variables(only(deploy("secondary", FAILED_OVER), JOB, "promotion-wait-2"))["PROMOTES"] == "true"
    later = deploy("secondary", FAILED_BACK, database={"seeded": 3})
    assert variables(only(later, JOB, "promotion-wait-2"))["PROMOTES"] == "false"


def test_a_wait_that_ends_in_vain_does_not_fail() -> None:
    spec = only(deploy("secondary", FAILED_OVER), JOB, "promotion-wait-2").inputs["spec"]
    assert spec["activeDeadlineSeconds"] > PROMOTION_WAIT_SECONDS + 60
    assert spec["backoffLimit"] > 0


def test_a_new_image_does_not_ask_for_a_promotion_that_is_over() -> None:
    assert only(deploy("secondary", FAILED_OVER), JOB, "promotion-wait-2").ignore_changes == ("spec",)
