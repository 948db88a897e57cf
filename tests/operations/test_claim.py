"""The job that claims an epoch: absent or its own."""

from __future__ import annotations

import json
from typing import Any

import boto3
import moto
import pytest
from botocore.exceptions import ClientError

from operations import claim
from operations.environment import SettingError
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.instance import OwnInstance
from operations.records import Claim
from recovery.naming import LEDGER_KEY
from recovery.timeline import DatabaseId
from tests.operations.world import REFUSED as DENIED
from tests.operations.world import SILENT, Instances, Table, instance, ledger

OURS, THEIRS = Claim(2, DatabaseId("secondary", 1)), Claim(2, DatabaseId("primary", 2))
Capture = pytest.CaptureFixture[str]


def claimed(table: Table, wanted: Claim = OURS) -> int:
    return claim.claim(ledger(table), wanted)


def test_an_epoch_is_claimed_for_a_database(capsys: Capture) -> None:
    table = Table("primary-1")
    assert claimed(table) == SUCCESS
    assert table.items["epoch#2"] == {
        "pk": {"S": "epoch#2"},
        "epoch": {"N": "2"},
        "site": {"S": "secondary"},
        "database": {"S": "secondary-1"},
    }
    (line,) = capsys.readouterr().out.splitlines()
    assert {"step": "claimed", "epoch": 2, "database": "secondary-1"}.items() <= json.loads(line).items()


def test_an_owner_is_never_refused_its_own_epoch_and_changes_nothing() -> None:
    """A run that died after the write, and a new cluster, claim again."""
    table = Table("primary-1")
    assert claimed(table) == SUCCESS
    before = dict(table.items)
    assert claimed(table) == SUCCESS
    assert table.items == before


def test_a_lost_answer_does_not_refuse_the_next_attempt() -> None:
    table = Table("primary-1")
    table.lost_answers = 1
    assert claimed(table) == FAILURE
    assert table.items["epoch#2"] == OURS.item
    assert claimed(table) == SUCCESS


def test_an_epoch_of_another_database_is_refused_with_its_owner(capsys: Capture) -> None:
    table = Table("primary-1", "primary-2")
    assert claimed(table) == REFUSED
    assert table.items["epoch#2"] == THEIRS.item
    (line,) = capsys.readouterr().out.splitlines()
    assert {"step": "refused", "owner": "primary-2"}.items() <= json.loads(line).items()


def test_of_two_sites_that_claim_at_once_the_first_write_wins() -> None:
    table = Table("primary-1")
    codes: list[int] = []

    def other() -> None:
        table.before_write = lambda: None
        codes.append(claimed(table, THEIRS))

    table.before_write = other
    codes.append(claimed(table))
    assert codes == [SUCCESS, REFUSED]
    assert table.items["epoch#2"] == THEIRS.item


@pytest.mark.parametrize("failure", [SILENT, DENIED])
def test_a_ledger_that_does_not_answer_claims_nothing(failure: Exception, capsys: Capture) -> None:
    table = Table("primary-1")
    table.failure = failure
    assert claimed(table) == FAILURE
    assert "epoch#2" not in table.items
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["step"] == "not claimed"


def test_a_site_whose_region_has_no_copy_claims_in_the_copy_that_the_arn_names(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in (("ENDPOINT_URL", endpoint), ("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(f"AWS_{key}", value)
    copy: Any = boto3.client("dynamodb", region_name="us-west-2")
    arn = copy.create_table(
        TableName="claims-elsewhere",
        KeySchema=[{"AttributeName": LEDGER_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": LEDGER_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]["TableArn"]
    environment = {"DATABASE": "tertiary-2", "AWS_REGION": "ca-central-1", "LEDGER_TABLE": arn, "EPOCH": "2"}
    assert claim.main(environment) == SUCCESS
    assert copy.get_item(TableName="claims-elsewhere", Key={LEDGER_KEY: {"S": "epoch#2"}})["Item"]
    assert claim.main(environment | {"LEDGER_TABLE": "claims-elsewhere"}) == FAILURE


def test_every_missing_setting_is_named() -> None:
    with pytest.raises(SettingError) as caught:
        claim.main({})
    for name in ("DATABASE", "AWS_REGION", "LEDGER_TABLE", "EPOCH"):
        assert name in str(caught.value)


def replica(instances: Instances) -> OwnInstance:
    return instance(instances, "lifeline-secondary-1")


def promised(table: Table, instances: Instances, wanted: Claim = OURS) -> int:
    """A claim that a promotion follows."""
    return claim.claim(ledger(table), wanted, (), replica(instances))


def test_an_epoch_is_not_claimed_for_a_replica_that_does_not_exist(capsys: Capture) -> None:
    """The old leader would be fenced, and nothing could lead."""
    table = Table("primary-1")
    missing = ClientError({"Error": {"Code": "DBInstanceNotFoundFault", "Message": "none"}}, "DescribeDBInstances")
    assert promised(table, Instances(failure=missing)) == REFUSED
    assert "epoch#2" not in table.items
    assert "never built" in capsys.readouterr().out


@pytest.mark.parametrize("failure", [SILENT, DENIED], ids=["silent", "denied"])
def test_an_epoch_is_not_claimed_while_rds_does_not_answer(failure: Exception) -> None:
    """The promotion would not be possible either. The Job tries again."""
    table = Table("primary-1")
    assert promised(table, Instances(failure=failure)) == FAILURE
    assert "epoch#2" not in table.items
    assert promised(table, Instances(status="backing-up")) == SUCCESS


def test_a_run_that_goes_on_late_does_not_claim_an_epoch_that_is_over(capsys: Capture) -> None:
    table = Table("primary-1")
    assert claimed(table, Claim(3, DatabaseId("primary", 1))) == SUCCESS
    assert promised(table, Instances()) == REFUSED
    assert "epoch#2" not in table.items
    assert "epoch 3 is claimed by primary-1 already" in capsys.readouterr().out
    assert claimed(table) == SUCCESS, "a new cluster claims old epochs again, and no promotion follows"


def test_a_timeline_that_the_ledger_does_not_know_claims_nothing(capsys: Capture) -> None:
    """The file was copied from a stack whose own claim was refused. Epochs that were skipped have no claim."""
    table = Table("primary-1", "secondary-1")
    ours, theirs = (DatabaseId("primary", 1), DatabaseId("secondary", 1)), (DatabaseId("primary", 1), THEIRS.database)
    wanted = Claim(3, DatabaseId("primary", 3))
    assert claim.claim(ledger(table), wanted, theirs) == REFUSED
    assert "secondary-1 has claimed epoch 2, and the timeline names primary-2" in capsys.readouterr().out
    assert claim.claim(ledger(table), Claim(4, wanted.database), (*theirs, wanted.database)) == REFUSED
    assert claim.claim(ledger(table), wanted, ours) == SUCCESS
    assert claim.claim(ledger(table), wanted, ours) == SUCCESS


def test_the_timeline_before_a_claim_is_whole() -> None:
    environment = {"EPOCH": "3", "DATABASE": "primary-1", "AWS_REGION": "us-east-2", "LEDGER_TABLE": "t"}
    with pytest.raises(SettingError, match="EARLIER names 1 databases, expected 2"):
        claim.main(environment | {"EARLIER": "primary-1"})
    with pytest.raises(SettingError, match="'first' is not of the form"):
        claim.main(environment | {"EARLIER": "first,second"})


def test_rds_is_asked_by_the_identifier_of_the_database() -> None:
    with moto.mock_aws():
        client = boto3.client("rds", region_name="us-west-2")
        own = OwnInstance(client, "lifeline-secondary-1")
        assert not own.exists()
        client.create_db_instance(
            DBInstanceIdentifier="lifeline-secondary-1", DBInstanceClass="db.t4g.micro", Engine="postgres"
        )
        assert own.exists()
