"""The alarms as a site declares them: their topics, their regions, and that what they watch exists."""

from __future__ import annotations

import json

import pytest

from components.backup_events import PATTERN
from engine.registration import Registration
from recovery import objectives
from tests.alarms.cases import ALARMS
from tests.harness import FAILED_OVER, PRIMARY_LEADS, ROOT, deploy, only

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
PAGES = {
    "CrisisUnreachable",
    "DatabaseReplicaLag",
    "DatabaseSilent",
    "DatabaseStorageLow",
    "LedgerSilent",
    "LedgerSlow",
    "LedgerWritesFailing",
    "RecoveryPointMissing",
    "SiteUnreachable",
}
TICKETS = {"CopyFailed", "LogDeliveryBehind", "LogsMissing"}
OWN_REGION = {"primary": "us-east-2", "secondary": "us-west-2"}

every_site = pytest.mark.parametrize("stack", OWN_REGION)


def alarms(stack: str, timeline: tuple[str, ...] = PRIMARY_LEADS) -> dict[str, Registration]:
    return {entry.inputs["name"]: entry for entry in deploy(stack, timeline) if entry.type == ALARM}


def short(name: str) -> str:
    return name.rpartition("-")[2]


def inputs(stack: str, type_: str, key: str) -> set[str]:
    return {entry.inputs[key] for entry in deploy(stack) if entry.type == type_}


@every_site
def test_each_alarm_publishes_its_begin_and_its_end_to_a_topic_of_its_severity_and_region(stack: str) -> None:
    account, region = "123456789012", OWN_REGION[stack]
    topics = {
        f"arn:aws:sns:{region}:{account}:lifeline-{stack}-pages": PAGES - {"CrisisUnreachable", "SiteUnreachable"},
        f"arn:aws:sns:{region}:{account}:lifeline-{stack}-tickets": TICKETS,
        f"arn:aws:sns:us-east-1:{account}:lifeline-{stack}-outside": {"CrisisUnreachable", "SiteUnreachable"},
    }
    declared: dict[str, set[str]] = {}
    for name, alarm in alarms(stack).items():
        (topic,) = alarm.inputs["alarmActions"]
        assert alarm.inputs["okActions"] == [topic]
        assert alarm.inputs.get("region", region) == topic.split(":")[3]
        declared.setdefault(topic, set()).add(short(name))
    assert declared == topics


@every_site
def test_each_alarm_watches_a_thing_that_the_site_declares(stack: str) -> None:
    (replication,) = {
        rule["id"]
        for entry in deploy(stack)
        if entry.type == "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
        for rule in entry.inputs["rules"]
    }
    buckets = inputs(stack, "aws:s3/bucket:Bucket", "bucket")
    declared = {
        "DBInstanceIdentifier": inputs(stack, "aws:rds/instance:Instance", "identifier"),
        "DeliveryStreamName": inputs(stack, "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "name"),
        "BackupVaultName": inputs(stack, "aws:backup/vault:Vault", "name"),
        "ResourceType": {"RDS", "DynamoDB"},
        "TableName": inputs("primary", "aws:dynamodb/table:Table", "name"),
        "Operation": {"BatchGetItem", "PutItem"},
        "SourceBucket": buckets,
        "DestinationBucket": buckets,
        "RuleId": {replication},
    }
    watched: dict[str, set[str]] = {}
    for alarm in alarms(stack).values():
        for dimension, value in alarm.inputs["dimensions"].items():
            watched.setdefault(dimension, set()).add(value)
    checks = watched.pop("HealthCheckId")
    assert len(checks) == 2
    assert all(check.startswith("traffic-checks-") for check in checks)
    assert watched.keys() == declared.keys()
    assert [dimension for dimension, values in watched.items() if values - declared[dimension]] == []


def test_every_replicated_bucket_of_a_site_has_its_alarm() -> None:
    replicated = inputs("primary", "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "bucket")
    watched = {alarm.inputs["dimensions"].get("SourceBucket") for alarm in alarms("primary").values()} - {None}
    assert watched == replicated


def test_every_database_of_a_site_has_its_alarms_whatever_its_role() -> None:
    names = alarms("primary", FAILED_OVER)
    seeded = {
        entry.inputs["name"] for entry in deploy("primary", FAILED_OVER, database={"seeded": 2}) if entry.type == ALARM
    }
    assert seeded - names.keys() == {
        "lifeline-primary-2-DatabaseReplicaLag",
        "lifeline-primary-2-DatabaseSilent",
        "lifeline-primary-2-DatabaseStorageLow",
    }


@every_site
def test_a_flip_changes_no_alarm(stack: str) -> None:
    before, after = (
        {name: alarm.inputs for name, alarm in alarms(stack, timeline).items()}
        for timeline in (PRIMARY_LEADS, FAILED_OVER)
    )
    assert before == after


@every_site
def test_pages_are_text_messages_to_the_people_on_call_and_warnings_go_to_the_ticket_system(stack: str) -> None:
    on_call = {("sms", "+12025550101"), ("sms", "+12025550107")}
    heard: dict[str, set[tuple[str, str]]] = {}
    for entry in deploy(stack):
        if entry.type == SUBSCRIPTION:
            topic = short(entry.inputs["topic"])
            heard.setdefault(topic, set()).add((entry.inputs["protocol"], entry.inputs["endpoint"]))
    pages = {*on_call, ("email", "emergency@example.org")}
    assert heard == {"pages": pages, "outside": pages, "tickets": {("email", "tickets@example.org")}}


@every_site
def test_only_the_accounts_alarms_publish_and_only_tickets_take_events(stack: str) -> None:
    policies = {
        short(entry.inputs["arn"]): json.loads(entry.inputs["policy"])["Statement"]
        for entry in deploy(stack)
        if entry.type == "aws:sns/topicPolicy:TopicPolicy"
    }
    services = {topic: [entry["Principal"]["Service"] for entry in found] for topic, found in policies.items()}
    alone = ["cloudwatch.amazonaws.com"]
    assert services == {"pages": alone, "outside": alone, "tickets": [*alone, "events.amazonaws.com"]}
    for statements in policies.values():
        assert {tuple(entry["Action"]) for entry in statements} == {("sns:Publish",)}
        assert statements[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_failed_jobs_of_aws_backup_become_tickets() -> None:
    made = deploy("primary")
    rule = only(made, "aws:cloudwatch/eventRule:EventRule").inputs
    target = only(made, "aws:cloudwatch/eventTarget:EventTarget").inputs
    assert json.loads(rule["eventPattern"]) == PATTERN
    assert target["rule"] == rule["name"] == "lifeline-primary-BackupJobFailed"
    assert target["arn"].endswith(":lifeline-primary-tickets")
    assert "roleArn" not in target


@every_site
def test_each_alarm_names_its_page(stack: str) -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks" / "alerts").glob("*.md")}
    for name, alarm in alarms(stack).items():
        assert short(name) in pages
        address = f"https://docs.mentalhealthplatform.com/disaster-recovery/{short(name).lower()}"
        assert alarm.inputs["alarmDescription"].endswith(f": {address}")
        assert len(alarm.inputs["alarmDescription"]) <= 1024


def test_the_docs_table_has_each_alarm_as_it_is() -> None:
    rows = {
        f"| [{alarm.name}](runbooks/alerts/{alarm.name}.md) | {alarm.namespace} `{alarm.metric}`"
        f" | {alarm.period_seconds * alarm.periods // 60} min | {alarm.severity} |"
        for alarm in ALARMS
    }
    lines = (ROOT / "docs" / "alarms.md").read_text().splitlines()
    assert {line for line in lines if line.startswith("| [")} == rows


@pytest.mark.parametrize(
    ("name", "tier"), [("CrisisUnreachable", objectives.CRISIS), ("SiteUnreachable", objectives.CORE)]
)
def test_an_alarm_of_a_health_check_fits_its_tiers_promise(name: str, tier: objectives.Tier) -> None:
    """The check's own time, the periods, one more period for the metric to arrive, and a minute for the message."""
    (alarm,) = [alarm for alarm in ALARMS if alarm.name == name]
    check = objectives.HEALTH_CHECK_INTERVAL_SECONDS * objectives.HEALTH_CHECK_FAILURES
    detection = check + alarm.period_seconds * (alarm.periods + 1) + objectives.MINUTE
    assert detection <= tier.rto_seconds - objectives.MINUTE
