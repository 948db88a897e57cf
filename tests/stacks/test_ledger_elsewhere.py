"""A site whose region has no copy of the ledger: it uses the copy in the peer's region, and says what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.registration import Registration
from policy.judge import judge
from policy.rule import Level
from policy.settings import read_settings
from policy.sources import from_registrations
from tests.harness import deploy, only, stack_config
from tests.policy.draft import TODAY
from tests.stacks.test_config import accepted, mistakes

NAME, REGION, TIMELINE = "tertiary", "ca-central-1", ("primary-1", "secondary-1")
COPIES = ["us-east-2", "us-west-2"]
ARN = "arn:aws:dynamodb:us-west-2:123456789012:table/lifeline-crisis-ledger"
KEY = f"awskms://alias/lifeline-{NAME}-state?region={REGION}"
_OF = stack_config("secondary")
SITE: dict[str, Any] = {
    "of": "secondary",
    "aws:region": REGION,
    "peer": {"site": "secondary", "region": "us-west-2", "cidr": "10.20.0.0/16"},
    "lostSites": {"primary": "us-east-2"},
    "primaryRecord": NAME,
    "network": {**_OF["lifeline:network"], "cidr": "10.30.0.0/16", "zones": [f"{REGION}{zone}" for zone in "abd"]},
    "ledger": {"witness": "us-east-1", "regions": COPIES},
    "database": {**_OF["lifeline:database"], "seeded": 2},
}


def site(*timeline: str) -> list[Registration]:
    return deploy(NAME, (*TIMELINE, *timeline), **SITE)


def environments(resources: list[Registration]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The variables of each container that knows the ledger, with its own text or the ConfigMap's."""
    facts = only(resources, "kubernetes:core/v1:ConfigMap", "platform-config").inputs["data"]
    for entry in resources:
        spec = entry.inputs.get("spec")
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template") if isinstance(spec, dict) else None
        for container in template["spec"]["containers"] if isinstance(template, dict) else ():
            values = {
                variable["name"]: variable.get("value", facts.get(variable["name"]))
                for variable in container.get("env") or ()
            }
            if "LEDGER_TABLE" in values:
                yield entry.name, values


def test_every_pod_uses_the_copy_in_the_peers_region() -> None:
    tables = dict(environments(site("tertiary-2")))
    assert {
        "claims-epoch-3-tertiary-2",
        "fence-pods",
        "ledger-export-job",
        "platform-backend",
        "switch-pods",
    } <= tables.keys()
    assert {values["LEDGER_TABLE"] for values in tables.values()} == {ARN}
    assert {values.get("AWS_REGION", REGION) for values in tables.values()} == {REGION}


def test_every_role_may_use_that_copy_and_no_other() -> None:
    arns: set[str] = set()
    for entry in site("tertiary-2"):
        if entry.type == "aws:iam/rolePolicy:RolePolicy":
            found = json.loads(entry.inputs["policy"])["Statement"]
            arns |= {arn for statement in found for arn in statement["Resource"] if ":table/" in arn}
    assert arns == {ARN, f"{ARN}/export/*"}


def test_it_keeps_exports_of_the_ledger_and_has_no_alarm_and_no_recovery_point_of_a_table_that_is_elsewhere() -> None:
    resources = {entry.name: entry for entry in site()}
    assert "ledger-export-job" in resources
    assert not [name for name in resources if name.startswith(("alarms-ledger", "alarms-vault-dynamodb"))]
    assert "alarms-vault-rds" in resources
    assert resources["vaults-selection"].inputs["resources"] == [
        f"arn:aws:rds:{REGION}:123456789012:db:lifeline-{NAME}-*"
    ]


@pytest.mark.parametrize("timeline", [(), ("tertiary-2",)], ids=["standby", "leader"])
def test_the_policies_say_what_it_cannot_promise_and_refuse_nothing(timeline: tuple[str, ...]) -> None:
    (finding,) = judge(
        from_registrations(site(*timeline), secrets_key=KEY), settings=read_settings(), today=TODAY
    ).findings
    assert (finding.policy, finding.level) == ("dynamodb-table-in-own-region", Level.ADVISORY)
    assert finding.message == (
        "the ledger is in us-west-2: while that region is lost, this site can neither claim an epoch nor note a crisis"
        " event"
    )


def test_the_owner_keeps_the_regions_of_the_table_when_its_peer_is_in_another_region() -> None:
    changes: dict[str, Any] = {
        "peer": {"site": NAME, "region": REGION, "cidr": "10.30.0.0/16"},
        "ledger": {"witness": "us-east-1", "regions": COPIES},
    }
    before = only(deploy("primary"), "aws:dynamodb/table:Table")
    assert only(deploy("primary", **changes), "aws:dynamodb/table:Table").inputs == before.inputs


def test_without_the_line_the_copies_are_where_the_sites_are() -> None:
    assert accepted("primary").ledger_regions == ("us-east-2", "us-west-2")
    assert [accepted(stack).ledger_region for stack in ("primary", "secondary")] == ["us-east-2", "us-west-2"]


ELSEWHERE = {"aws___region": REGION, "globals": "use", "zoneId": "Z0000000000EXAMPLE"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"ledger__regions": ["us-east-2", "us-east-2"]},
            "lifeline:ledger.witness: is us-east-1: the ledger would be in us-east-2, us-east-2, us-east-1",
        ),
        (
            {"ledger__regions": ["us-east-2", "eu-west-1"]},
            "lifeline:ledger.witness: is us-east-1: the ledger would be in us-east-2, eu-west-1, us-east-1",
        ),
        (
            {**ELSEWHERE, "peer__region": "eu-west-1", "ledger__regions": COPIES},
            "lifeline:ledger.regions: are us-east-2, us-west-2, where neither site is",
        ),
        (
            {"aws___region": REGION, "ledger__regions": COPIES},
            "lifeline:globals: is own, but ca-central-1 has no copy of the ledger",
        ),
        (
            ELSEWHERE,
            "lifeline:ledger.witness: is us-east-1: the ledger would be in ca-central-1, us-west-2, us-east-1",
        ),
    ],
    ids=["one region", "another continent", "no copy", "an owner without a copy", "no line"],
)
def test_regions_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    assert message in mistakes("primary", **changes)
