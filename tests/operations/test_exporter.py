"""The heartbeat and the metrics, with a real leader, its replica, and buckets in moto."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from operations.backup_store import BackupStore
from operations.database import OwnDatabase
from operations.environment import Place
from operations.exporter import BACKUP_SECONDS, Exporter, Metrics
from operations.session import DatabaseUnreachableError
from recovery.naming import LEDGER_TABLE
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.server import Server
from tests.operations.backups import REGION, address, answers, backup, fill
from tests.operations.world import SILENT, Table, ledger, said, set_by_hand
from tests.patience import wait_until

pytestmark = pytest.mark.usefixtures("quick")


@dataclass
class Running:
    """One site's exporter."""

    exporter: Exporter
    registry: CollectorRegistry
    seconds: float = 0.0

    def look(self) -> None:
        self.exporter.look()

    def value(self, name: str, prefix: str = "lifeline_") -> float:
        sample = self.registry.get_sample_value(f"{prefix}{name}")
        assert sample is not None
        return sample


@pytest.fixture
def start(tmp_path: Path, store: BackupStore) -> Callable[..., Running]:
    def make(server: Server, table: Table | None = None) -> Running:
        registry = CollectorRegistry()
        exporter = Exporter(
            place=Place(DatabaseId.parse(server.name), REGION, LEDGER_TABLE),
            ledger=ledger(table or Table("primary-1")),
            database=OwnDatabase(address(server, tmp_path), fenced=True),
            store=store,
            metrics=Metrics(registry),
        )
        running = Running(exporter, registry)
        exporter.now = lambda: running.seconds
        return running

    return make


@pytest.fixture(autouse=True)
def without_heartbeat(leader: Server) -> None:
    with leader.connect() as connection:
        connection.execute("DROP SCHEMA IF EXISTS lifeline CASCADE")


def heartbeats(server: Server) -> list[Any]:
    with server.connect() as connection:
        try:
            return connection.execute("SELECT database, at FROM lifeline.heartbeat").fetchall()
        except psycopg.errors.UndefinedTable:
            return []


def test_a_leader_writes_one_row_and_renews_it(leader: Server, start: Callable[..., Running]) -> None:
    running = start(leader)
    running.look()
    ((database, first),) = heartbeats(leader)
    running.look()
    ((_, second),) = heartbeats(leader)
    assert database == "primary-1"
    assert second > first
    assert 0 <= running.value("heartbeat_age_seconds") < 60
    assert running.value("database_leads") == 1


def test_the_age_at_a_replica_is_what_has_not_arrived(
    leader: Server, replica: Server, servers: PostgresServers, start: Callable[..., Running]
) -> None:
    start(leader).look()
    servers.wait_caught_up("secondary-1")
    with leader.connect() as connection:
        connection.execute("UPDATE lifeline.heartbeat SET at = at - interval '1 hour'")
    servers.wait_caught_up("secondary-1")
    running = start(replica)
    running.look()
    assert 3600 <= running.value("heartbeat_age_seconds") < 3700
    assert running.value("database_leads") == 0


@pytest.mark.parametrize("claims", [("primary-1", "secondary-1"), ("primary-1", "primary-2")])
def test_a_database_that_the_newest_claim_does_not_name_gets_no_heartbeat(
    leader: Server, start: Callable[..., Running], claims: tuple[str, ...]
) -> None:
    running = start(leader, Table(*claims))
    running.look()
    assert heartbeats(leader) == []
    assert math.isnan(running.value("heartbeat_age_seconds"))
    assert running.value("database_leads") == 0


def test_a_drained_leader_gets_no_heartbeat_and_no_job_but_the_fence_can_write(
    leader: Server, tmp_path: Path, start: Callable[..., Running]
) -> None:
    start(leader).look()
    before = heartbeats(leader)
    set_by_hand(leader, read_only=True)
    running = start(leader)
    running.look()
    assert heartbeats(leader) == before
    assert running.value("heartbeat_age_seconds") > 0
    closed = OwnDatabase(address(leader, tmp_path), fenced=True)
    with pytest.raises(DatabaseUnreachableError, match="read-only"), closed.session() as session:
        session.write_heartbeat("primary-1")


def test_a_ledger_that_does_not_answer_leaves_the_age_measured_and_the_leader_unknown(
    leader: Server, start: Callable[..., Running]
) -> None:
    table = Table("primary-1")
    running = start(leader, table)
    running.look()
    table.failure = SILENT
    before = heartbeats(leader)
    running.look()
    assert heartbeats(leader) == before
    assert running.value("heartbeat_age_seconds") >= 0
    assert running.value("pg_up", prefix="") == 1
    assert math.isnan(running.value("database_leads"))


def test_a_database_that_does_not_answer_makes_its_age_unknown(
    leader: Server, servers: PostgresServers, start: Callable[..., Running], capsys: pytest.CaptureFixture[str]
) -> None:
    running = start(leader)
    running.look()
    servers.kill("primary-1")
    try:
        running.look()
    finally:
        servers.start("primary-1")
    assert running.value("pg_up", prefix="") == 0
    assert math.isnan(running.value("heartbeat_age_seconds"))
    assert running.value("database_leads") == 1
    assert said(capsys)[-1]["step"] == "heartbeat failed"
    wait_until(lambda: servers.is_writable("primary-1"))
    running.look()
    assert running.value("heartbeat_age_seconds") < 60


def test_the_newest_the_offered_and_the_proved_backup_are_told_apart(
    leader: Server, tmp_path: Path, store: BackupStore, start: Callable[..., Running]
) -> None:
    fill(leader, 500)
    proved, offered = backup(leader, tmp_path, store).run(), backup(leader, tmp_path, store).run()
    store.write(f"checks/{proved.name}/20260101T000000000000Z-00000000-passed.json", "{}")
    fill(leader, 10)
    suspect = backup(leader, tmp_path, store).run()
    running = start(leader)
    running.look()
    assert {kind: running.value(f"backup_{kind}_timestamp_seconds") for kind in ("newest", "offered", "proved")} == {
        "newest": suspect.moment.timestamp(),
        "offered": offered.moment.timestamp(),
        "proved": proved.moment.timestamp(),
    }


def test_a_backup_that_failed_a_check_is_not_proved_by_an_earlier_one(
    leader: Server, tmp_path: Path, store: BackupStore, start: Callable[..., Running]
) -> None:
    fill(leader, 500)
    made = backup(leader, tmp_path, store).run()
    store.write(f"checks/{made.name}/20260101T000000000000Z-00000000-passed.json", "{}")
    store.write(f"checks/{made.name}/20260102T000000000000Z-00000000-failed.json", "{}")
    running = start(leader)
    running.look()
    assert math.isnan(running.value("backup_proved_timestamp_seconds"))
    assert math.isnan(running.value("backup_offered_timestamp_seconds"))
    assert running.value("backup_newest_timestamp_seconds") == made.moment.timestamp()


def test_a_bucket_without_a_backup_is_unknown_and_not_zero(leader: Server, start: Callable[..., Running]) -> None:
    running = start(leader)
    running.look()
    assert math.isnan(running.value("backup_newest_timestamp_seconds"))
    assert running.value("backup_listed_timestamp_seconds") == 0.0


def test_a_bucket_that_does_not_answer_is_visible_by_the_age_of_the_listing(
    leader: Server, client: Any, start: Callable[..., Running]
) -> None:
    running = start(leader)
    running.seconds = 1000.0
    running.look()
    running.seconds += BACKUP_SECONDS - 1
    running.look()
    assert running.value("backup_listed_timestamp_seconds") == 1000.0  # not asked again so soon
    running.seconds += 1
    with answers(client, "ListObjectsV2", 503, "SlowDown"):
        running.look()
    assert running.value("backup_listed_timestamp_seconds") == 1000.0
    running.seconds += BACKUP_SECONDS
    running.look()
    assert running.value("backup_listed_timestamp_seconds") == running.seconds
