"""A leader and its replica, started once per module, and buckets in moto, started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from operations import retry
from operations.backup_store import BackupStore
from operations.environment import Place
from operations.fence import Fence
from recovery.naming import LEDGER_TABLE
from recovery.timeline import DatabaseId
from rehearsal.world import binaries
from rehearsal.world.cloud import empty_account
from rehearsal.world.postgres import PostgresServers, Server
from tests.operations.backups import REGION, locked_bucket, s3
from tests.operations.world import FenceOf, Table, database, forget_closings, ledger


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServers]:
    with PostgresServers(tmp_path_factory.mktemp("logs")) as running:
        running.create("primary-1", "not-for-logs")
        running.replicate("secondary-1", "primary-1")
        yield running


@pytest.fixture
def leader(servers: PostgresServers) -> Server:
    """The leader, as new in each test."""
    forget_closings(servers["primary-1"])
    return servers["primary-1"]


@pytest.fixture
def replica(servers: PostgresServers, leader: Server) -> Server:
    """The leader's replica, caught up."""
    servers.wait_caught_up("secondary-1")
    return servers["secondary-1"]


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of AWS."""
    with empty_account() as address:
        yield address


@pytest.fixture(scope="session")
def client(endpoint: str) -> Any:
    return s3(endpoint)


@pytest.fixture
def dynamodb(endpoint: str) -> Any:
    return boto3.session.Session("test", "test").client("dynamodb", REGION, endpoint_url=endpoint)


@pytest.fixture
def bucket(client: Any) -> str:
    return locked_bucket(client)


@pytest.fixture
def store(client: Any, bucket: str) -> BackupStore:
    return BackupStore(client, bucket)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's programs on the path, and short waits before a retry."""
    monkeypatch.setenv("PATH", str(binaries.programs()), prepend=":")
    monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)


@pytest.fixture
def fence_of(tmp_path: Path, leader: Server) -> FenceOf:
    """The fence of one pod. A site's two pods, and those of its next rollout, are several objects."""

    def make(table: Table, *, of: str = "primary-1", at: Server = leader, epoch: int = 0, drain: bool = False) -> Fence:
        place = Place(DatabaseId.parse(of), "us-east-2", LEDGER_TABLE)
        return Fence(place, ledger(table), database(at, tmp_path), epoch, drain)

    return make
