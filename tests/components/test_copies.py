"""The copies of the ledger and of the logs in the other region."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components import prometheus_chart
from components.log_copies import BUFFER_SECONDS
from engine.registration import Registration
from operations import ledger_export
from operations.environment import Reader
from recovery import naming, objectives
from stacks.config import parse
from stacks.problems import ConfigError
from tests.components.test_backups import CheckedError, checked_only
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy, only, stack_config

PAIRS = ("ledger-exports", "logs")
SUBSCRIPTION = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter"


def named(stack: str = "primary", timeline: tuple[str, ...] = PRIMARY_LEADS, **backups: Any) -> dict[str, Registration]:
    changes = {"backups": stack_config(stack)["lifeline:backups"] | backups} if backups else {}
    return {entry.name: entry for entry in deploy(stack, timeline, **changes) if entry.custom}


@pytest.mark.parametrize("pair", PAIRS)
def test_aws_writes_to_a_bucket_without_a_default_lock_and_its_copy_locks(pair: str) -> None:
    made = named()
    assert f"{pair}-own-lock" not in made
    own, copy = made[f"{pair}-own-bucket"].inputs, made[f"{pair}-copy-bucket"].inputs
    assert (own["objectLockEnabled"], copy["objectLockEnabled"]) == (True, True)
    assert (own.get("region"), copy["region"]) == (None, "us-west-2")
    lock = made[f"{pair}-copy-lock"].inputs["rule"]["defaultRetention"]
    assert lock["mode"] == "GOVERNANCE"
    expiry = {
        rule["expiration"]["days"] for rule in made[f"{pair}-copy-expiry"].inputs["rules"] if "expiration" in rule
    }
    assert expiry == {lock["days"]}
    (rule,) = made[f"{pair}-replication"].inputs["rules"]
    assert (rule["status"], rule["deleteMarkerReplication"]["status"]) == ("Enabled", "Disabled")


def test_each_class_of_data_is_kept_for_its_own_time() -> None:
    days = {"userData": 31, "crisisEvents": 32, "configuration": 93, "logs": 94}
    made = named(keepDays=days)
    locks = [made[f"{name}-copy-lock"].inputs["rule"]["defaultRetention"]["days"] for name in ("backups", *PAIRS)]
    assert locks == [31, 32, 94]
    rules = {rule["filter"]["prefix"]: rule for rule in made["backups-copy-expiry"].inputs["rules"]}
    assert rules["configuration/"]["expiration"]["days"] == 93
    assert made["vaults-own-lock"].inputs["minRetentionDays"] == 32


@pytest.mark.parametrize(("stack", "timeline"), [("primary", FAILED_OVER), ("secondary", FAILED_OVER)])
def test_every_log_group_of_the_site_is_subscribed(stack: str, timeline: tuple[str, ...]) -> None:
    made = deploy(stack, timeline)
    groups = [entry for entry in made if entry.type == "aws:cloudwatch/logGroup:LogGroup"]
    filters = [entry for entry in made if entry.type == SUBSCRIPTION]
    assert len(groups) >= 4
    names = {entry.inputs.get("name") or entry.name for entry in groups}
    subscribed = {entry.inputs["logGroup"] for entry in filters}
    assert {name for name in names if not any(name in group for group in subscribed)} == set()
    assert len(subscribed) == len(groups)


def test_all_events_go_to_one_stream_in_the_sites_own_region() -> None:
    """A stream in the other region would stop a new database while that region is lost."""
    made = named()
    stream = made["logs-stream"]
    assert stream.inputs.get("region") is None
    filters = [entry.inputs for entry in made.values() if entry.type == SUBSCRIPTION]
    assert {entry["filterPattern"] for entry in filters} == {""}
    assert {entry["name"] for entry in filters} == {"lifeline-primary-logs"} == {stream.inputs["name"]}
    assert stream.inputs["serverSideEncryption"] == {"enabled": True, "keyType": "AWS_OWNED_CMK"}


def test_the_buffer_leaves_most_of_the_objective_to_the_way() -> None:
    buffered = named()["logs-stream"].inputs["extendedS3Configuration"]["bufferingInterval"]
    assert buffered == BUFFER_SECONDS
    assert 0 < 2 * buffered < objectives.RPO_LOGS_SECONDS


def test_each_service_can_assume_its_own_role_only_for_this_account() -> None:
    made = named()
    trusts = {
        name: json.loads(made[f"logs-{name}-role"].inputs["assumeRolePolicy"])["Statement"][0]
        for name in ("delivery", "forwarding")
    }
    assert [trust["Principal"]["Service"] for trust in trusts.values()] == [
        "firehose.amazonaws.com",
        "logs.us-east-2.amazonaws.com",
    ]
    assert all("123456789012" in json.dumps(trust["Condition"]) for trust in trusts.values())


def test_the_ledgers_export_is_told_everything_that_its_job_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = named()["ledger-export-job"].inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    settings = {entry["name"]: str(entry.get("value", "us-east-2")) for entry in container["env"]}
    monkeypatch.setattr(Reader, "done", checked_only(Reader.done))
    with pytest.raises(CheckedError):
        ledger_export.main(settings)
    assert settings["LEDGER_ARN"] == "arn:aws:dynamodb:us-east-2:123456789012:table/lifeline-crisis-ledger"


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_flip_changes_no_copy(stack: str) -> None:
    def copies(timeline: tuple[str, ...]) -> dict[str, Any]:
        made = deploy(stack, timeline)
        return {entry.urn: entry.inputs for entry in made if entry.name.startswith(("ledger-export", "logs"))}

    before = copies(PRIMARY_LEADS)
    assert len(before) > 50
    assert before == copies(FAILED_OVER)


REPOSITORY = "aws:ecr/repository:Repository"


@pytest.mark.parametrize(("stack", "other"), [("primary", "us-west-2"), ("secondary", "us-east-2")])
def test_each_site_has_every_repository_and_sends_its_images_to_the_other_region(stack: str, other: str) -> None:
    made = named(stack)
    repositories = [entry.inputs for entry in made.values() if entry.type == REPOSITORY]
    assert sorted(entry["name"] for entry in repositories) == sorted(naming.REPOSITORIES)
    assert {entry.get("region") for entry in repositories} == {None}
    assert {entry["imageTagMutability"] for entry in repositories} == {"IMMUTABLE"}
    assert all(entry["imageScanningConfiguration"]["scanOnPush"] for entry in repositories)
    (rule,) = made["registry-replication"].inputs["replicationConfiguration"]["rules"]
    assert rule["destinations"] == [{"region": other, "registryId": "123456789012"}]
    assert {entry["filter"] for entry in rule["repositoryFilters"]} == set(naming.REPOSITORIES)


def test_every_image_and_chart_comes_from_a_declared_repository() -> None:
    made = deploy("secondary", FAILED_OVER)
    text = json.dumps([entry.inputs for entry in made], default=str)
    used = set(re.findall(r"123456789012\.dkr\.ecr\.us-west-2\.amazonaws\.com/([a-z/-]+)", text))
    assert used | set(prometheus_chart.IMAGES) == set(naming.REPOSITORIES)
    chart = only(made, "kubernetes:helm.sh/v3:Release", "monitoring-prometheus").inputs["values"]
    assert chart["global"]["imageRegistry"] == "123456789012.dkr.ecr.us-west-2.amazonaws.com"


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_models_are_locked_in_both_regions_and_never_expire(stack: str) -> None:
    made = named(stack)
    for kind in ("own", "copy"):
        assert made[f"models-{kind}-lock"].inputs["rule"]["defaultRetention"]["days"] == 365
        assert [rule["id"] for rule in made[f"models-{kind}-expiry"].inputs["rules"]] == ["abort-unfinished-uploads"]


@pytest.mark.parametrize(("stack", "others"), [("primary", ["zone-issuers", "zone-zone"]), ("secondary", [])])
def test_a_bootstrap_declares_the_registry_and_an_owned_zone_and_nothing_else(stack: str, others: list[str]) -> None:
    names = [entry.name for entry in deploy(stack, bootstrap=True) if entry.custom]
    assert [name for name in names if not name.startswith("registry")] == others
    assert len(names) == len(naming.REPOSITORIES) + 3 + len(others)
    full = {entry.urn: entry.inputs for entry in deploy(stack)}
    assert all(full[entry.urn] == entry.inputs for entry in deploy(stack, bootstrap=True))


@pytest.mark.parametrize(
    ("stack", "timeline", "message"),
    [
        ("primary", FAILED_OVER, "is true, but this site has led before"),
        ("secondary", FAILED_OVER, "is true, but this site has led before"),
    ],
)
def test_a_bootstrap_of_a_platform_that_exists_is_refused(stack: str, timeline: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(stack_config(stack, timeline=list(timeline), bootstrap=True), stack=stack)
    (problem,) = refused.value.problems
    assert (problem.path, problem.message) == ("lifeline:bootstrap", message)
    assert problem.hint
