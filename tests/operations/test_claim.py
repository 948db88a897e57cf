"""The job that claims an epoch: absent or its own."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from operations import claim
from operations.environment import SettingError
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.records import Claim
from recovery.naming import LEDGER_KEY
from recovery.timeline import DatabaseId
from tests.operations.world import REFUSED as DENIED
from tests.operations.world import SILENT, Table, ledger

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
