"""The exact steps of a flip, in both directions, and that it changes nothing else."""

from __future__ import annotations

import pytest

from engine.deployment import Step
from engine.diff import steps_between
from engine.registration import Registration
from tests.harness import (
    FAILED_BACK,
    FAILED_OVER,
    FAILED_OVER_FROM_SECONDARY,
    PRIMARY_LEADS,
    SECONDARY_LEADS,
    deploy,
    deploy_anew,
    only,
)

Flip = tuple[str, tuple[str, ...], tuple[str, ...]]
DIRECTIONS: dict[str, Flip] = {
    "to secondary": ("secondary", PRIMARY_LEADS, FAILED_OVER),
    "to primary": ("primary", SECONDARY_LEADS, FAILED_OVER_FROM_SECONDARY),
}
STAGES = {
    "kubernetes:batch/v1:Job": 0,
    "aws:rds/instance:Instance": 1,
    "kubernetes:core/v1:ConfigMap": 2,
    "kubernetes:apps/v1:Deployment": 3,
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": 3,
}
FENCE = "fence-pods"
"""Its new settings let it write the ready mark, which moves the traffic."""
DEPLOYMENTS = ("mental-health-backend", "mental-health-frontend", "crisis-detector", "hotline-gateway")


def flip(stack: str, before: tuple[str, ...], after: tuple[str, ...]) -> list[Step]:
    return steps_between(deploy(stack, before), deploy(stack, after))


def awaited(registrations: list[Registration], urn: str) -> set[str]:
    """Everything that happens before a resource is created or changed, at any distance."""
    dependencies = {resource.urn: resource.dependencies for resource in registrations}
    seen: set[str] = set()
    ahead = [urn]
    while ahead:
        new = set(dependencies.get(ahead.pop(), ())) - seen
        seen |= new
        ahead.extend(new)
    return seen


@pytest.mark.parametrize(("stack", "before", "after"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_a_flip_touches_only_what_a_recovery_may_touch(
    stack: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    steps = sorted((step.op, step.type, step.keys) for step in flip(stack, before, after))
    assert steps == sorted(
        [
            *[("create", "kubernetes:batch/v1:Job", ())] * 2,
            ("update", "aws:rds/instance:Instance", ("replicateSourceDb",)),
            ("update", "kubernetes:core/v1:ConfigMap", ("data",)),
            # backend, frontend, placeholders and fence: the crisis services and the switch read no key that changes
            *[("update", "kubernetes:apps/v1:Deployment", ("spec",))] * 4,
            *[("update", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", ("spec",))] * 2,
        ]
    )


@pytest.mark.parametrize(("stack", "before", "after"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_a_flip_goes_claim_then_database_then_workloads_then_traffic(
    stack: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """The order by dependencies: an engine does steps without dependencies at once."""
    registrations = deploy(stack, after)
    touched = [only(registrations, step.type, step.name) for step in flip(stack, before, after)]
    early = {
        later.name: names
        for later in touched
        if (names := _earlier(later, touched) - awaited(registrations, later.urn))
    }
    assert early == {}


def _earlier(later: Registration, touched: list[Registration]) -> set[str]:
    return {resource.urn for resource in touched if _stage(resource) < _stage(later)}


def _stage(resource: Registration) -> int:
    return 4 if resource.name == FENCE else STAGES[resource.type]


@pytest.mark.parametrize(("stack", "before", "after"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_the_same_flip_again_is_empty(stack: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    assert steps_between(deploy(stack, after), deploy_anew(stack, after)) == []


@pytest.mark.parametrize(("stack", "before", "after"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_the_promotion_removes_the_source_and_waits_for_the_claim(
    stack: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    replica = only(deploy(stack, before), "aws:rds/instance:Instance")
    promoted = only(deploy(stack, after), "aws:rds/instance:Instance")
    assert replica.inputs["replicateSourceDb"].startswith("arn:aws:rds:")
    assert {key: value for key, value in replica.inputs.items() if key != "replicateSourceDb"} == promoted.inputs
    claims = [resource.urn for resource in deploy(stack, after) if resource.type == "kubernetes:batch/v1:Job"]
    assert set(claims) <= set(promoted.dependencies)


@pytest.mark.parametrize(("stack", "before", "after"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_traffic_waits_for_the_database_and_every_deployment(
    stack: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    registrations = deploy(stack, after)
    fence = only(registrations, "kubernetes:apps/v1:Deployment", FENCE)
    needed = {
        resource.urn
        for resource in registrations
        if resource.type == "aws:rds/instance:Instance"
        or (resource.type == "kubernetes:apps/v1:Deployment" and resource.inputs["metadata"]["name"] in DEPLOYMENTS)
    }
    assert len(needed) == len(DEPLOYMENTS) + 1
    assert needed <= awaited(registrations, fence.urn)


def test_the_old_leader_is_fenced_and_stays_declared() -> None:
    steps = flip("primary", PRIMARY_LEADS, FAILED_OVER)
    assert [step.op for step in steps if step.op != "update"] == []
    database = [step for step in steps if step.type == "aws:rds/instance:Instance"]
    assert [step.keys for step in database] == [("vpcSecurityGroupIds",)]


def test_a_reseed_adds_a_database_and_deletes_nothing() -> None:
    before = deploy("primary", FAILED_OVER)
    after = deploy("primary", FAILED_OVER, database={"seeded": 2})
    steps = steps_between(before, after)
    assert {step.op for step in steps} <= {"create", "update"}
    names = [resource.inputs["identifier"] for resource in after if resource.type == "aws:rds/instance:Instance"]
    assert sorted(names) == ["lifeline-primary-1", "lifeline-primary-2"]


def test_a_failback_promotes_the_reseeded_database_in_place() -> None:
    steps = steps_between(
        deploy("primary", FAILED_OVER, database={"seeded": 2}),
        deploy("primary", FAILED_BACK, database={"seeded": 2}),
    )
    databases = [(step.op, step.keys) for step in steps if step.type == "aws:rds/instance:Instance"]
    assert databases == [("update", ("replicateSourceDb",))]
    assert {step.op for step in steps} <= {"create", "update"}
