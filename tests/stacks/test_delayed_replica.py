"""The replica that is late on purpose: an option that changes nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policy.judge import judge
from policy.settings import read_settings
from policy.sources import from_registrations
from recovery.naming import DATABASE_USER
from rehearsal.world.postgres import PostgresServers, Server
from stacks.stackfile import StackFile
from tests.harness import FAILED_OVER, PRIMARY_LEADS, ROOT, deploy, only
from tests.patience import wait_until
from tests.policy.draft import TODAY
from tests.rehearsal.world.rows import add_user, users
from tests.stacks.test_config import accepted, mistakes

PAGE = ROOT / "docs" / "runbooks" / "delayed-replica.md"
INSTANCE = "aws:rds/instance:Instance"
LATE: dict[str, Any] = {"database": {"delayed": {"epoch": 1, "minutes": 90}}}
DELAY_MILLISECONDS = 3_000


def test_it_follows_a_database_of_its_own_region_and_names_what_rds_lets_a_replica_name() -> None:
    inputs = only(deploy("primary", **LATE), INSTANCE, "delayed-1-instance").inputs
    assert (inputs["identifier"], inputs["replicateSourceDb"]) == ("lifeline-primary-1-delayed", "lifeline-primary-1")
    assert inputs.keys().isdisjoint({"kmsKeyId", "dbSubnetGroupName", "engine", "username", "allocatedStorage"})


def test_it_is_late_and_otherwise_set_as_its_source() -> None:
    resources = deploy("primary", **LATE)
    late, source = (
        {
            entry["name"]: entry["value"]
            for entry in only(resources, "aws:rds/parameterGroup:ParameterGroup", name).inputs["parameters"]
        }
        for name in ("delayed-1-parameters", "database-1-parameters")
    )
    assert late == source | {"recovery_min_apply_delay": str(90 * 60 * 1000)}


def test_the_pods_of_the_site_may_reach_it_even_when_its_source_is_fenced() -> None:
    for timeline in (PRIMARY_LEADS, FAILED_OVER):
        resources = deploy("primary", timeline, **LATE)
        late = only(resources, INSTANCE, "delayed-1-instance").inputs
        source = only(resources, INSTANCE, "database-1-instance").inputs
        shared = late["vpcSecurityGroupIds"] == source["vpcSecurityGroupIds"]
        assert shared is (timeline is PRIMARY_LEADS)


@pytest.mark.parametrize("timeline", [PRIMARY_LEADS, FAILED_OVER])
def test_the_policies_find_nothing(timeline: tuple[str, ...]) -> None:
    key = StackFile(ROOT / "Pulumi.primary.yaml").secrets_key
    judged = from_registrations(deploy("primary", timeline, **LATE), secrets_key=key)
    assert judge(judged, settings=read_settings(), today=TODAY).findings == ()


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        (
            {"delayed": {"epoch": 2}},
            "lifeline:database.delayed.epoch: names primary-2, which this site does not declare",
        ),
        (
            {"delayed": {"epoch": 1}, "engineVersion": "17.5"},
            "lifeline:database.delayed: is set, and RDS for PostgreSQL 17.5 cannot delay a replica",
        ),
        ({"delayed": {"epoch": 1, "minutes": 1}}, "lifeline:database.delayed.minutes: "),
    ],
)
def test_a_delayed_replica_that_cannot_be_is_refused(database: dict[str, Any], expected: str) -> None:
    (mistake,) = mistakes("primary", database=database)
    assert mistake.startswith(expected)


@pytest.mark.parametrize("version", ["17.6", "16.10", "18.0"])
def test_a_version_that_can_delay_a_replica_is_accepted(version: str) -> None:
    assert accepted("primary", database={"delayed": {"epoch": 1}, "engineVersion": version}).database.delayed


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[PostgresServers, Server, Server]]:
    """A leader, and its late replica. On RDS, the owner may stop the replay."""
    with PostgresServers(tmp_path / "logs") as servers:
        leader = servers.create("primary-1", "secret")
        with leader.connect_as_admin("mental_health_platform") as admin:
            for name in ("pg_wal_replay_pause()", "pg_wal_replay_resume()"):
                admin.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {DATABASE_USER}")  # pyright: ignore[reportArgumentType]
        yield servers, leader, servers.replicate("primary-1-delayed", "primary-1", delay=DELAY_MILLISECONDS)


def test_the_commands_of_the_page_bring_deleted_rows_back(
    pair: tuple[PostgresServers, Server, Server], tmp_path: Path
) -> None:
    _, leader, late = pair
    for name in ("ada", "grace"):
        add_user(leader, name)
    assert users(late) == []
    wait_until(lambda: users(late) == ["ada", "grace"])
    with leader.connect() as connection:
        connection.execute("DELETE FROM users WHERE id = 'ada'")
    stop, look, copy, go_on = steps()
    assert "pause" in run(stop, leader, late, tmp_path)
    wait_until(lambda: "paused" in run(stop, leader, late, tmp_path))
    add_user(leader, "edith")
    assert "1 missing.txt" in run(look, leader, late, tmp_path)
    assert "INSERT 0 1" in run(copy, leader, late, tmp_path)
    assert users(leader) == ["ada", "edith", "grace"]
    run(go_on, leader, late, tmp_path)
    wait_until(lambda: users(late) == ["ada", "edith", "grace"])
    assert [entry.name for entry in tmp_path.glob("*.txt")] == []


def steps() -> list[str]:
    """The blocks of commands in the page that use the replica, in its order."""
    blocks = re.findall(r"^   ```sh\n(.*?)^   ```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in blocks if 'psql "$LATE"' in block]


def run(commands: str, leader: Server, late: Server, folder: Path) -> str:
    psql = shutil.which("psql")
    assert psql, "the page needs psql"
    environment = {"PATH": os.environ["PATH"], "LATE": late.conninfo(), "LEADER": leader.conninfo()}
    command = ["sh", "-ec", commands]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
