"""A log that does not reach a replica: the source goes on, and the replica can be promoted without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.world.binaries import PostgresError
from rehearsal.world.lag import held
from rehearsal.world.postgres import PostgresServers
from tests.rehearsal.world.rows import add_user, users


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[PostgresServers]:
    """A source and its replica."""
    with PostgresServers(tmp_path / "logs") as running:
        running.create("primary-1", "secret")
        running.replicate("secondary-1", "primary-1")
        yield running


def test_a_replica_gets_what_it_has_missed_unless_it_was_promoted_meanwhile(servers: PostgresServers) -> None:
    source, replica = servers["primary-1"], servers["secondary-1"]
    with held(source, "secondary-1"):
        add_user(source, "ada")
        with pytest.raises(PostgresError, match="secondary-1 has replayed"):
            servers.wait_caught_up("secondary-1", timeout=0.5)
        assert users(replica) == []
    servers.wait_caught_up("secondary-1")
    assert users(replica) == ["ada"]

    with held(source, "secondary-1"):
        add_user(source, "bob")
        servers.promote("secondary-1")
        add_user(replica, "eve")
    assert (users(source), users(replica)) == (["ada", "bob"], ["ada", "eve"])


def test_a_source_may_die_meanwhile(servers: PostgresServers) -> None:
    with held(servers["primary-1"], "secondary-1"):
        servers.kill("primary-1")
    assert not servers.is_running("primary-1")


def test_a_log_that_is_not_sent_cannot_be_held(servers: PostgresServers) -> None:
    with (
        pytest.raises(PostgresError, match="primary-1 sends nothing to primary-2"),
        held(servers["primary-1"], "primary-2"),
    ):
        pass
