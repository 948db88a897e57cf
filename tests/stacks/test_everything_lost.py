"""A site that is built from the copies of two lost sites: its ledger, its first claims, its databases, its mistakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.registration import Registration
from policy.judge import judge
from policy.settings import read_settings
from policy.sources import from_registrations
from recovery.naming import LEDGER_TABLE
from stacks.config import ConfigError, parse
from stacks.stackfile import StackFile
from tests.adopted import ADOPTED, PAGE, RECORDS
from tests.harness import ROOT, deploy, only, stack_config
from tests.policy.draft import TODAY
from tests.rebuilt import DATABASE, DUMP, EMPTY, FILLED, NAME, SITE, SOURCE, WITH_DATA, copies_of

JOB = "kubernetes:batch/v1:Job"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
STAGES = {
    "empty": (EMPTY, SITE),
    "restored": (FILLED, WITH_DATA),
    "owned": (FILLED, {**WITH_DATA, "globals": "own"}),
}


def site(stage: str = "empty") -> dict[str, Registration]:
    timeline, changes = STAGES[stage]
    return {entry.name: entry for entry in deploy(NAME, timeline, **changes)}


def variables(job: Registration) -> dict[str, Any]:
    (container,) = job.inputs["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


def mistakes(*, timeline: tuple[str, ...] = EMPTY, **changes: Any) -> list[str]:
    values = {**SITE, **changes}
    config = stack_config(values.pop("of"), timeline=list(timeline), **values)
    try:
        parse(config, stack=NAME)
    except ConfigError as error:
        return [str(problem).partition("\n")[0] for problem in error.problems]
    return []


@pytest.mark.parametrize("stage", STAGES)
def test_the_policies_find_nothing(stage: str) -> None:
    key = StackFile(ROOT / f"Pulumi.{SOURCE}.yaml").secrets_key
    timeline, changes = STAGES[stage]
    judged = from_registrations(deploy(NAME, timeline, **changes), secrets_key=key)
    assert judge(judged, settings=read_settings(), today=TODAY).findings == ()


def test_the_zone_and_the_page_are_adopted_and_everything_else_is_made() -> None:
    imported = {entry.name for entry in site().values() if entry.import_id}
    page = {f"last-resort-{part}" for part in ("distribution", "function", *RECORDS)}
    assert imported == {"zone-zone", "zone-issuers", *page}
    assert {"ledger-table", "password-random", "password-secret", "application-password-version"} <= set(site())
    assert site()["ledger-table"].ignore_changes == ()


def test_a_ledger_that_is_found_is_adopted_while_the_passwords_are_made() -> None:
    resources = {entry.name: entry for entry in deploy(NAME, EMPTY, **{**SITE, "adopted": PAGE, "ledger": {}})}
    assert resources["ledger-table"].import_id
    assert "claims-epoch-1-primary-1" not in resources
    assert resources["password-secret"].import_id in (None, "")


def test_the_new_ledger_has_a_claim_of_every_epoch_because_a_reader_looks_ahead_only_a_little() -> None:
    claimed = {variables(entry)["EPOCH"]: variables(entry)["DATABASE"] for name, entry in site("restored").items()
               if name.startswith("claims-epoch-")}  # fmt: skip
    assert claimed == {"1": "primary-1", "2": "tertiary-2", "3": "tertiary-3"}


def test_the_first_database_begins_empty_and_the_next_one_is_filled_from_the_bucket_of_the_lost_site() -> None:
    empty = site()["database-2-instance"].inputs
    assert (empty["dbName"], empty.keys() & {"snapshotIdentifier", "restoreToPointInTime", "replicateSourceDb"}) == (
        "mental_health_platform",
        set(),
    )
    assert not any(name.startswith("restore-2") for name in site())
    job = variables(site("restored")["restore-3-job"])
    assert (job["RESTORE_BUCKET"], job["RESTORE_REGION"]) == tuple(DUMP["dumpFrom"].values())
    policy = only([*site("restored").values()], ROLE_POLICY, "restore-identity-policy")
    assert DUMP["dumpFrom"]["bucket"] in policy.inputs["policy"]


def test_the_events_of_both_exports_are_added_by_one_job_that_nothing_waits_for() -> None:
    (name,) = (name for name in site() if name == "ledger-restore-job")
    job = site()[name]
    assert {key: text for key, text in variables(job).items() if key.startswith("LEFT_")} == {
        f"LEFT_{key}_{number}": text
        for number, left in enumerate(copies_of("ledger"), 1)
        for key, text in {"BUCKET": left["bucket"], "REGION": left["region"], "EXPORT": "latest"}.items()
    }
    assert [entry.name for entry in site().values() if job.urn in entry.dependencies] == []


def test_a_restored_table_is_read_by_a_role_that_reads_nothing_else() -> None:
    table = {"table": "lifeline-crisis-ledger-old", "region": "us-west-2"}
    changes = {**SITE, "ledger": {"witness": "us-east-1", "restores": [table]}}
    resources = deploy(NAME, EMPTY, **changes)
    document = json.loads(only(resources, ROLE_POLICY, "ledger-restore-identity-policy").inputs["policy"])
    assert {entry["Sid"]: entry["Resource"] for entry in document["Statement"]} == {
        "AddEvents": [f"arn:aws:dynamodb:us-east-2:123456789012:table/{LEDGER_TABLE}"],
        "ReadTables": ["arn:aws:dynamodb:us-west-2:123456789012:table/lifeline-crisis-ledger-old"],
    }
    settings = variables(only(resources, JOB, "ledger-restore-job"))
    assert (settings["LEFT_TABLE_1"], settings["LEFT_REGION_1"]) == tuple(table.values())
    judged = from_registrations(resources, secrets_key=StackFile(ROOT / f"Pulumi.{SOURCE}.yaml").secrets_key)
    assert judge(judged, settings=read_settings(), today=TODAY).findings == ()


def test_the_events_are_added_by_a_role_that_writes_no_claim() -> None:
    document = json.loads(site()["ledger-restore-identity-policy"].inputs["policy"])
    (add,) = [entry for entry in document["Statement"] if entry["Sid"] == "AddEvents"]
    assert (add["Action"], add["Condition"]["ForAllValues:StringLike"]) == (
        ["dynamodb:PutItem"],
        {"dynamodb:LeadingKeys": ["event#*", "escalation#*"]},
    )


def test_the_keys_of_the_exports_and_of_the_dump_have_the_aliases_that_the_lost_sites_gave_them() -> None:
    declared = {
        entry.inputs["name"]
        for stack in ("primary", "secondary")
        for entry in deploy(stack)
        if entry.type == "aws:kms/alias:Alias"
    }
    for role, statement, kind in (
        ("ledger-restore", "DecryptExports", "ledger-exports-copy"),
        ("restore", "DecryptAllBackups", "backups"),
    ):
        document = json.loads(site("restored")[f"{role}-identity-policy"].inputs["policy"])
        (decrypt,) = [entry for entry in document["Statement"] if entry["Sid"] == statement]
        allowed = set(decrypt["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"])
        assert allowed >= {name for name in declared if kind in name}


def test_the_registry_comes_first_as_in_every_new_site() -> None:
    assert mistakes(bootstrap=True) == []
    assert mistakes(timeline=FILLED, bootstrap=True, database=WITH_DATA["database"]) == [
        "lifeline:bootstrap: is true, but this site has led before"
    ]


def database(*restores: dict[str, Any], seeded: int = 2) -> dict[str, Any]:
    return {**DATABASE, "seeded": seeded, "restores": [*restores]}


LEFT_LEDGER = copies_of("ledger")[0]
LEFT = "lifeline:database.restores[1].dumpFrom.bucket"
BUCKETS = "lifeline-123456789012-primary-backups"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        (
            {"lostSites": {"primary": "us-east-2"}, "timeline": (*EMPTY, "tertiary-3"), "switchover": {}}
            | {"database": database({"epoch": 2, "empty": True}, {"epoch": 3, "empty": True}, seeded=3)},
            [
                "lifeline:ledger.restores[1].bucket: is lifeline-123456789012-secondary-ledger-copy",
                "lifeline:database.restores[1].empty: is true, and tertiary-2 led before",
            ],
        ),
        (
            {"database": database({"epoch": 2, "empty": True, "dump": "latest"})},
            ["lifeline:database.restores[0]: names 2 of its sources"],
        ),
        (
            {"globals": "use", "adopted": None, "ledger": {}},
            ["lifeline:database.restores[0].empty: is true, and lifeline:globals is 'use'"],
        ),
        (
            {"ledger": {"restores": [{"region": "us-east-2"}, {"region": "us-east-2", "table": LEDGER_TABLE}]}},
            [
                "lifeline:ledger.restores[0]: names neither a bucket nor a table",
                f"lifeline:ledger.restores[1].table: is {LEDGER_TABLE}, the ledger itself",
            ],
        ),
        (
            {
                "ledger": {
                    "restores": [{**LEFT_LEDGER, "bucket": f"{LEFT_LEDGER['bucket']}{end}"} for end in ("-2", "-x")]
                }
            },
            [f"lifeline:ledger.restores[1].bucket: is {LEFT_LEDGER['bucket']}-x"],
        ),
        (
            {"ledger": {"restores": [{**LEFT_LEDGER, "table": "old"}]}},
            ["lifeline:ledger.restores[0]: names both a bucket and a table"],
        ),
        (
            {"adopted": PAGE},
            [
                "lifeline:ledger.restores[0]: is set, and no ledger is lost",
                "lifeline:ledger.restores[1]: is set, and no ledger is lost",
            ],
        ),
        (
            {"adopted": PAGE | {"ledger": "lost", "ownerPassword": ADOPTED["ownerPassword"]}},
            [
                "lifeline:adopted.applicationPassword: is missing",
                "lifeline:adopted.ownerPassword.secretArn: is arn:aws:secretsmanager:us-west-2:123456789012:secret:"
                "lifeline/database/password-AbCdEf, expected arn:aws:secretsmanager:us-east-2:123456789012:...",
            ],
        ),
        (
            {
                "timeline": FILLED,
                "database": database(
                    {"epoch": 2, "empty": True},
                    {**DUMP, "dumpFrom": {"bucket": "lifeline-123456789012-tertiary-backups", "region": "us-west-2"}},
                    seeded=3,
                ),
            },
            [f"{LEFT}: is lifeline-123456789012-tertiary-backups"],
        ),
    ],
)
def test_a_contradiction_is_refused(changes: dict[str, Any], expected: list[str]) -> None:
    timeline = changes.pop("timeline", EMPTY)
    assert mistakes(timeline=timeline, **changes) == expected
