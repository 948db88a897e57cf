"""Each point of the checklist, when its cause is broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from operations.manifest import backup_name
from procedures.calls import calls
from procedures.checks import Check
from procedures.verification import checklist, verify
from procedures.web import RefusedError
from recovery.naming import backup_bucket
from rehearsal.world.cloud import empty_account
from stacks.config import SiteConfig, parse
from tests.harness import stack_config
from tests.procedures.accounts import ADDRESSES, NOW, PRIMARY, Account, make_ledger, session

POINTS = [
    "every pod is ready",
    "the database is available",
    "crisis detection answers within 2 s",
    "the certificates are valid",
    "the alarms act",
    "backups are made",
    "DNS sends web traffic to the leader",
]
DATABASE = "lifeline-primary-1"
BUCKET = backup_bucket("primary", account="123456789012")
CONFIG: SiteConfig = parse(stack_config("primary"), stack="primary")


@dataclass
class Platform:
    """Every call is answered as the plan expects, except for some paths."""

    wrong: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def send(self, host: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The answer."""
        if path in self.wrong:
            if self.wrong[path] is None:
                raise RefusedError("503: no")
            return self.wrong[path]
        status = "operational" if "crisis" in path else "healthy"
        return {
            "status": status, "crisis_detected": True, "escalation_id": "e-1", "connection_status": "connected",
            "id": (body or {}).get("id"),
        }  # fmt: skip

    def insist(self, host: str, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same."""
        return self.send(host, method, path, body)

    def open_socket(self, host: str, path: str) -> None:
        """It opens."""
        self.send(host, "GET", path)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with empty_account() as url:
        make_ledger(url, PRIMARY)
        client = lambda service: session().client(service, PRIMARY, endpoint_url=url)  # noqa: E731
        client("rds").create_db_instance(
            DBInstanceIdentifier=DATABASE, Engine="postgres", DBInstanceClass="db.r7g.large", BackupRetentionPeriod=35
        )
        client("acm").request_certificate(DomainName="mentalhealthplatform.com", ValidationMethod="DNS")
        client("cloudwatch").put_metric_alarm(
            AlarmName="lifeline-primary-1-DatabaseSilent",
            EvaluationPeriods=1,
            ComparisonOperator="LessThanThreshold",
            Threshold=1,
            MetricName="x",
            Namespace="y",
            Period=60,
            Statistic="Maximum",
            AlarmActions=["arn:aws:sns:us-east-2:123456789012:pages"],
        )
        client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": PRIMARY})
        put_dump(client("s3"), hours=6)
        yield url


def put_dump(s3: Any, hours: int) -> str:
    key = f"manifests/{backup_name(NOW - timedelta(hours=hours), 'abcd1234')}.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    return key


def account(moto: str, names: Mapping[str, str] = ADDRESSES, ready: int = 5, **wrong: Any) -> Account:
    made = Account({PRIMARY: moto}, names, ready)
    made.web = cast("Any", Platform({f"/api/{path}": answer for path, answer in wrong.items()}))
    return made


def failed(checks: Iterator[Check] | tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def test_a_platform_that_works_passes_every_point(moto: str) -> None:
    found = [*checklist(account(moto), CONFIG)]
    assert [check.name for check in found] == POINTS
    assert failed(tuple(found)) == []
    assert failed(verify(account(moto), CONFIG)) == []
    assert len(verify(account(moto), CONFIG)) == len(POINTS) + 10


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        ("crisis/detect", {"crisis_detected": False}, ["POST api.mentalhealthplatform.com/api/crisis/detect"] * 2),
        ("crisis/escalate", {}, ["POST api.mentalhealthplatform.com/api/crisis/escalate"]),
        ("crisis/hotline", {"connection_status": "busy"}, ["POST api.mentalhealthplatform.com/api/crisis/hotline"]),
        ("crisis/health", None, ["GET api.mentalhealthplatform.com/api/crisis/health"]),
        ("users", {"id": "another"}, ["POST api.mentalhealthplatform.com/api/users"]),
    ],
)
def test_a_call_with_another_answer_fails(path: str, answer: Any, expected: list[str]) -> None:
    assert failed(calls(cast("Any", Platform({f"/api/{path}": answer})), CONFIG.domain)) == expected


def test_a_pod_that_is_not_ready_fails_its_point(moto: str) -> None:
    assert failed(checklist(account(moto, ready=4), CONFIG)) == ["every pod is ready"]


def test_traffic_that_goes_elsewhere_fails_its_point(moto: str) -> None:
    names = {**ADDRESSES, "web": "192.0.2.9"}
    assert failed(checklist(account(moto, names), CONFIG)) == ["DNS sends web traffic to the leader"]


def test_a_detector_that_does_not_answer_fails_its_point(moto: str) -> None:
    wrong: dict[str, Any] = {"crisis/detect": None}
    assert failed(checklist(account(moto, **wrong), CONFIG)) == ["crisis detection answers within 2 s"]


def test_a_stopped_database_fails_its_point(moto: str) -> None:
    rds = account(moto).client("rds", PRIMARY)
    rds.stop_db_instance(DBInstanceIdentifier=DATABASE)
    try:
        assert failed(checklist(account(moto), CONFIG)) == ["the database is available"]
    finally:
        rds.start_db_instance(DBInstanceIdentifier=DATABASE)


def test_an_alarm_without_actions_fails_its_point(moto: str) -> None:
    cloudwatch = account(moto).client("cloudwatch", PRIMARY)
    names = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]]
    cloudwatch.disable_alarm_actions(AlarmNames=names)
    try:
        assert failed(checklist(account(moto), CONFIG)) == ["the alarms act"]
    finally:
        cloudwatch.enable_alarm_actions(AlarmNames=names)


def test_dumps_that_are_missing_fail_their_point_once_they_are_due(moto: str) -> None:
    s3 = account(moto).client("s3", PRIMARY)
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    for key in keys:
        s3.delete_object(Bucket=BUCKET, Key=key)
    assert failed(checklist(account(moto), CONFIG)) == ["backups are made"]
    old = put_dump(s3, hours=27)
    assert failed(checklist(account(moto), CONFIG)) == ["backups are made"]
    s3.delete_object(Bucket=BUCKET, Key=old)
    put_dump(s3, hours=25)
    assert failed(checklist(account(moto), CONFIG)) == []


def test_a_site_without_a_certificate_fails_its_point(moto: str) -> None:
    acm = account(moto).client("acm", PRIMARY)
    (listed,) = acm.list_certificates()["CertificateSummaryList"]
    acm.delete_certificate(CertificateArn=listed["CertificateArn"])
    try:
        assert failed(checklist(account(moto), CONFIG)) == ["the certificates are valid"]
    finally:
        acm.request_certificate(DomainName="mentalhealthplatform.com", ValidationMethod="DNS")
