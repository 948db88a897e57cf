"""A leader and its replica, started once per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.world.postgres import PostgresServers, Server
from tests.operations.world import set_by_hand


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServers]:
    with PostgresServers(tmp_path_factory.mktemp("logs")) as running:
        running.create("primary-1", "not-for-logs")
        running.replicate("secondary-1", "primary-1")
        yield running


@pytest.fixture
def leader(servers: PostgresServers) -> Server:
    """The leader, writable again after each test."""
    set_by_hand(servers["primary-1"], read_only=False)
    return servers["primary-1"]


@pytest.fixture
def replica(servers: PostgresServers, leader: Server) -> Server:
    """The leader's replica, caught up."""
    servers.wait_caught_up("secondary-1")
    return servers["secondary-1"]
