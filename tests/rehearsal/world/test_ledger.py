from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.world.cloud import empty_account
from rehearsal.world.faults import Faults, Impairment, RegionUnavailableError, ThrottledError
from rehearsal.world.ledger import GlobalTable
from tests.rehearsal.world.tables import make_ledger

EAST, WEST, WITNESS = "us-east-2", "us-west-2", "us-east-1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with empty_account() as url:
        yield url


@pytest.fixture(scope="module")
def tables(endpoint: str) -> Iterator[dict[str, DynamoDBClient]]:
    session = boto3.session.Session("rehearsal", "rehearsal")
    clients = {region: session.client("dynamodb", region, endpoint_url=endpoint) for region in (EAST, WEST)}
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def ledger(tables: dict[str, DynamoDBClient], faults: Faults) -> Iterator[GlobalTable]:
    for client in tables.values():
        make_ledger(client)
    yield GlobalTable(replicas=(EAST, WEST), witness=WITNESS, faults=faults)
    for client in tables.values():
        client.delete_table(TableName=LEDGER_TABLE)


def test_what_is_written_in_one_region_is_read_in_the_other(ledger: GlobalTable) -> None:
    event = {LEDGER_KEY: "event#1", "site": "primary", "attempt": 2, "kept": True}
    ledger.put_if_absent(EAST, event)

    assert ledger.get(WEST, "event#1") == event
    assert ledger.scan(WEST) == [event]
    assert ledger.get(EAST, "event#2") is None


def test_an_epoch_is_claimed_once_whatever_the_region(ledger: GlobalTable) -> None:
    assert ledger.put_if_absent(EAST, {LEDGER_KEY: "epoch#2", "site": "primary"})
    assert not ledger.put_if_absent(WEST, {LEDGER_KEY: "epoch#2", "site": "secondary"})

    assert ledger.get(WEST, "epoch#2") == {LEDGER_KEY: "epoch#2", "site": "primary"}


def test_of_many_claims_at_once_one_wins(ledger: GlobalTable) -> None:
    won: list[str] = []

    def claim(region: str) -> None:
        if ledger.put_if_absent(region, {LEDGER_KEY: "epoch#2", "site": region}):
            won.append(region)

    threads = [threading.Thread(target=claim, args=(region,)) for region in (EAST, WEST) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    assert ledger.get(EAST, "epoch#2") == {LEDGER_KEY: "epoch#2", "site": won[0]}


def declared_as(faults: Faults, *regions: str, strong: bool, witness: str | None) -> GlobalTable:
    record = {"regions": [*regions], "strong": strong, "witness": witness}
    return GlobalTable(replicas=(EAST, WEST), witness=WITNESS, faults=faults, declared=lambda: record)


@pytest.mark.usefixtures("ledger")
def test_with_eventual_consistency_a_write_is_acknowledged_before_it_is_everywhere(
    faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("rehearsal.world.ledger.time", SimpleNamespace(monotonic=lambda: now[0]))
    ledger = declared_as(faults, EAST, WEST, strong=False, witness=None)
    assert ledger.put_if_absent(EAST, {LEDGER_KEY: "first"})
    assert ledger.get(WEST, "first") is None
    now[0] += 1.0
    assert ledger.get(WEST, "first") == {LEDGER_KEY: "first"}

    assert ledger.put_if_absent(EAST, {LEDGER_KEY: "epoch#2", "site": "primary"})
    assert ledger.put_if_absent(WEST, {LEDGER_KEY: "epoch#2", "site": "secondary"}), "nothing decides between the two"

    assert ledger.put_if_absent(EAST, {LEDGER_KEY: "lost"})
    faults.lose(EAST)
    now[0] += 60.0
    assert ledger.get(WEST, "lost") is None, "what had not arrived is lost with its region"


@pytest.mark.usefixtures("ledger")
def test_a_table_answers_in_its_declared_regions_as_long_as_two_of_them_live(faults: Faults) -> None:
    one = declared_as(faults, EAST, strong=True, witness=None)
    with pytest.raises(RegionUnavailableError, match="the ledger has no copy there"):
        one.get(WEST, "event#1")
    two = declared_as(faults, EAST, WEST, strong=True, witness=None)
    assert two.get(WEST, "event#1") is None
    faults.lose(EAST)
    with pytest.raises(RegionUnavailableError, match="fewer than two"):
        two.get(WEST, "event#1")
    three = declared_as(faults, EAST, WEST, strong=True, witness=WITNESS)
    assert three.get(WEST, "event#1") is None


@pytest.mark.parametrize("lost", [EAST, WITNESS])
def test_the_loss_of_one_region_loses_nothing_and_stops_nothing_elsewhere(
    ledger: GlobalTable, faults: Faults, lost: str
) -> None:
    ledger.put_if_absent(EAST, {LEDGER_KEY: "before"})
    faults.lose(lost)
    ledger.put_if_absent(WEST, {LEDGER_KEY: "after"})

    assert sorted(str(item[LEDGER_KEY]) for item in ledger.scan(WEST)) == ["after", "before"]


def test_a_lost_region_is_refused_and_has_caught_up_when_it_answers_again(
    ledger: GlobalTable, faults: Faults, tables: dict[str, DynamoDBClient]
) -> None:
    faults.lose(EAST)
    with pytest.raises(RegionUnavailableError, match=r"^dynamodb in us-east-2 does not answer: the region is lost$"):
        ledger.get(EAST, "epoch#2")
    assert ledger.put_if_absent(WEST, {LEDGER_KEY: "epoch#2", "site": "secondary"})
    assert ledger.put_if_absent(WEST, {LEDGER_KEY: "event#1", "attempt": 1})
    tables[WEST].put_item(TableName=LEDGER_TABLE, Item={LEDGER_KEY: {"S": "event#1"}, "attempt": {"N": "2"}})
    ledger.mirror(WEST, "event#1")

    faults.restore(EAST)
    faults.lose(WEST)

    assert not ledger.put_if_absent(EAST, {LEDGER_KEY: "epoch#2", "site": "primary"})
    assert ledger.get(EAST, "epoch#2") == {LEDGER_KEY: "epoch#2", "site": "secondary"}
    assert ledger.get(EAST, "event#1") == {LEDGER_KEY: "event#1", "attempt": 2}


def test_without_a_majority_nothing_is_read_or_written(ledger: GlobalTable, faults: Faults) -> None:
    faults.lose(EAST)
    faults.lose(WITNESS)

    with pytest.raises(RegionUnavailableError, match="fewer than two of the ledger's three regions answer"):
        ledger.put_if_absent(WEST, {LEDGER_KEY: "event#1"})
    with pytest.raises(RegionUnavailableError):
        ledger.get(WEST, "event#1")
    faults.restore(WITNESS)
    assert ledger.get(WEST, "event#1") is None


def test_the_witness_answers_nobody(ledger: GlobalTable) -> None:
    with pytest.raises(ValueError, match="no copy in us-east-1, only in us-east-2, us-west-2"):
        ledger.get(WITNESS, "event#1")


def test_an_item_that_a_pod_put_into_one_table_is_carried_to_the_other(
    ledger: GlobalTable, faults: Faults, tables: dict[str, DynamoDBClient]
) -> None:
    faults.lose(EAST)
    tables[WEST].put_item(TableName=LEDGER_TABLE, Item={LEDGER_KEY: {"S": "epoch#2"}, "epoch": {"N": "2"}})
    ledger.mirror(WEST, "epoch#2")
    faults.restore(EAST)

    assert ledger.get(EAST, "epoch#2") == {LEDGER_KEY: "epoch#2", "epoch": 2}
    with pytest.raises(KeyError):
        ledger.mirror(WEST, "epoch#3")


def test_a_put_replaces_an_item_in_both_regions(ledger: GlobalTable) -> None:
    ledger.put(EAST, {LEDGER_KEY: "event#check", "attempt": 1})
    ledger.put(WEST, {LEDGER_KEY: "event#check", "attempt": 2})
    assert ledger.get(EAST, "event#check") == {LEDGER_KEY: "event#check", "attempt": 2}
    assert len(ledger.scan(WEST)) == 1


def test_a_copy_that_returns_gets_any_number_of_items_before_it_answers(ledger: GlobalTable, faults: Faults) -> None:
    """DynamoDB takes 25 items in one call."""
    faults.lose(WEST)
    for number in range(60):
        ledger.put_if_absent(EAST, {LEDGER_KEY: f"event#{number}"})
    ledger.put(EAST, {LEDGER_KEY: "event#7", "changed": True})
    faults.restore(WEST)
    assert ledger.get(WEST, "event#7") == {LEDGER_KEY: "event#7", "changed": True}
    assert len(ledger.scan(WEST)) == 60


def test_an_impaired_copy_answers_nothing_and_gets_what_it_missed(ledger: GlobalTable, faults: Faults) -> None:
    faults.impair("dynamodb", EAST)
    with pytest.raises(RegionUnavailableError, match="it is impaired"):
        ledger.put_if_absent(EAST, {LEDGER_KEY: "event#1"})
    assert ledger.put_if_absent(WEST, {LEDGER_KEY: "event#2"})
    faults.restore(EAST)
    assert ledger.get(EAST, "event#1") is None
    assert ledger.get(EAST, "event#2") is not None


def test_an_impaired_copy_counts_for_no_majority(ledger: GlobalTable, faults: Faults) -> None:
    faults.impair("dynamodb", EAST)
    faults.lose(WITNESS)
    with pytest.raises(RegionUnavailableError, match="fewer than two of the ledger's three regions answer"):
        ledger.get(WEST, "event#1")


def test_a_throttled_copy_refuses_its_own_callers_and_has_every_write(ledger: GlobalTable, faults: Faults) -> None:
    faults.impair("dynamodb", EAST, Impairment.THROTTLED)
    with pytest.raises(ThrottledError):
        ledger.get(EAST, "event#1")
    assert ledger.put_if_absent(WEST, {LEDGER_KEY: "event#1"})
    faults.restore(EAST)
    faults.lose(WEST)
    assert ledger.get(EAST, "event#1") is not None


def test_a_slow_copy_lets_no_caller_of_the_other_one_wait(
    ledger: GlobalTable, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait(_: float) -> None:
        asked.set()
        assert go_on.wait(10)

    monkeypatch.setattr("rehearsal.world.faults.time.sleep", wait)
    faults.impair("dynamodb", EAST, Impairment.SLOW)
    slow = threading.Thread(target=ledger.put_if_absent, args=(EAST, {LEDGER_KEY: "event#1"}))
    slow.start()
    assert asked.wait(10)
    assert ledger.put_if_absent(WEST, {LEDGER_KEY: "event#2"})
    assert ledger.get(WEST, "event#1") is None
    go_on.set()
    slow.join()
    assert ledger.get(WEST, "event#1") is not None
