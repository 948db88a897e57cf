"""The claims: a Job per epoch that a site leads or led, before its databases."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.claims import Claims, ClaimsArgs
from engine.recorder import record
from engine.registration import Registration
from operations.exit_codes import FAILURE, REFUSED, USAGE
from recovery.timeline import DatabaseId
from tests.harness import FAILED_BACK, FAILED_OVER, PRIMARY_LEADS, deploy, only, site

IMAGE = f"operations@sha256:{'1' * 64}"
JOB, ACCOUNT = "kubernetes:batch/v1:Job", "kubernetes:core/v1:ServiceAccount"
INSTANCE = "aws:rds/instance:Instance"


def made(leaders: dict[int, str], image: str = IMAGE) -> list[Registration]:
    args = ClaimsArgs(
        leaders={epoch: DatabaseId.parse(database) for epoch, database in leaders.items()},
        history=tuple(map(DatabaseId.parse, ("primary-1", "secondary-1"))),
        promoted=None,
        table_name="lifeline-crisis-ledger",
        image=image,
        site=site("secondary"),
        needs=(),
    )

    def program() -> None:
        Claims("claims", args, pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig="{}")))

    return record(program)


def claim(epoch: int, database: str) -> Registration:
    return only(made({epoch: database}), JOB)


def variables(job: Registration) -> dict[str, Any]:
    (container,) = job.inputs["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


def claims(resources: list[Registration]) -> dict[str, Registration]:
    return {entry.name: entry for entry in resources if entry.type == JOB and entry.name.startswith("claims-")}


def test_a_claim_says_which_database_leads_which_epoch_and_needs_no_config_map():
    job = claim(2, "secondary-1")
    assert variables(job) == {
        "EPOCH": "2",
        "DATABASE": "secondary-1",
        "AWS_REGION": "us-west-2",
        "LEDGER_TABLE": "lifeline-crisis-ledger",
        "EARLIER": "primary-1",
        "PROMOTES": "false",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/ssl/rds/global-bundle.pem",
    }
    (container,) = job.inputs["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "operations", "claim"]


def test_a_claim_has_no_password_and_an_identity_of_its_own():
    spec = claim(2, "secondary-1").inputs["spec"]["template"]["spec"]
    assert [volume["name"] for volume in spec["volumes"]] == ["scratch"]
    assert spec["serviceAccountName"] == only(made({1: "secondary-1"}), ACCOUNT).inputs["metadata"]["name"] == "claim"


def test_a_site_claims_each_epoch_that_it_led_and_no_other():
    assert list(claims(deploy("primary", FAILED_BACK, database={"seeded": 2}))) == [
        "claims-epoch-1-primary-1",
        "claims-epoch-3-primary-2",
    ]
    assert list(claims(deploy("secondary", FAILED_BACK, database={"seeded": 3}))) == ["claims-epoch-2-secondary-1"]
    assert claims(deploy("secondary", PRIMARY_LEADS)) == {}


def test_only_the_claim_of_a_promotion_is_refused_if_that_cannot_follow():
    """An old epoch is claimed again in a new cluster, and a database that led first exists only after its claim."""

    def promoting(stack: str, timeline: tuple[str, ...], seeded: int) -> list[str]:
        made = claims(deploy(stack, timeline, database={"seeded": seeded}))
        return [name for name, job in made.items() if variables(job)["PROMOTES"] == "true"]

    assert promoting("secondary", FAILED_OVER, 1) == ["claims-epoch-2-secondary-1"]
    assert promoting("primary", FAILED_BACK, 2) == ["claims-epoch-3-primary-2"]
    assert promoting("secondary", FAILED_BACK, 3) == []
    assert promoting("primary", PRIMARY_LEADS, 1) == []


def test_the_claim_of_another_database_is_another_job():
    """Its specification is ignored when it changes, so a new leader of an epoch must not be the same resource."""
    first, second = claim(2, "secondary-1"), claim(2, "secondary-2")
    assert first.urn != second.urn
    assert first.inputs["metadata"]["name"] != second.inputs["metadata"]["name"]


def test_a_new_image_claims_nothing_again():
    assert claim(2, "secondary-1").ignore_changes == ("spec",)


def test_a_refusal_is_final_and_any_other_failure_is_tried_again():
    spec = claim(2, "secondary-1").inputs["spec"]
    final, evicted = spec["podFailurePolicy"]["rules"]
    assert (final["action"], evicted["action"]) == ("FailJob", "Ignore")
    assert {REFUSED, USAGE} <= set(final["onExitCodes"]["values"])
    assert FAILURE not in final["onExitCodes"]["values"]
    assert spec["backoffLimit"] == 2
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_a_claim_that_failed_is_made_again_at_the_next_run():
    assert claim(2, "secondary-1").inputs["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}


@pytest.mark.parametrize(("stack", "timeline"), [("primary", PRIMARY_LEADS), ("secondary", FAILED_OVER)])
def test_the_database_waits_for_the_claim_and_the_claim_for_what_its_pod_needs(stack, timeline):
    resources = deploy(stack, timeline)
    (job,) = claims(resources).values()
    assert job.urn in only(resources, INSTANCE).dependencies
    by_urn = {entry.urn: entry for entry in resources}
    needed = {by_urn[urn].name for urn in job.dependencies if urn in by_urn}
    assert {
        "claims-account",
        "claim-identity-association",
        "claim-identity-policy",
        "platform-namespace",
        "platform-priority-lifeline-data",
        "platform-policy-allow-aws",
        "cluster-1-nodes-1",
    } <= needed
