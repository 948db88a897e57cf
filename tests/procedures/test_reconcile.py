"""The rows that a fenced database has and the leader never saw."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from procedures.access import ProcedureError
from procedures.lock import Lock
from procedures.pod_rows import PodRows
from procedures.reconcile import MARGIN, Row, query, reachable, reconcile, work_list
from recovery.naming import LEDGER_TABLE, state_bucket
from recovery.timeline import DatabaseId
from rehearsal.world.cloud import empty_account
from stacks.config import parse
from stacks.stackfile import StackFile
from tests.harness import ROOT, stack_config
from tests.procedures.accounts import PRIMARY, SECONDARY, Account, make_ledger
from tests.procedures.fakes import FileStack, MotoAccess, Notes

LOSS = datetime(2026, 12, 1, 3, tzinfo=UTC)
CONFIG = parse(stack_config("primary"), stack="primary")


@dataclass
class Listed:
    """Rows in memory."""

    rows: tuple[Row, ...]
    since: datetime | None = None

    def keys(self, table: str, since: datetime) -> Iterable[Row]:
        """The rows of a table."""
        self.since = since
        return [row for row in self.rows if row.table == table]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with empty_account() as url:
        make_ledger(url, PRIMARY)
        event = {"pk": {"S": "event#e-1"}}
        access = Account({PRIMARY: url})
        access.client("dynamodb", PRIMARY).put_item(TableName=LEDGER_TABLE, Item=event)
        bucket = state_bucket("primary", account="123456789012")
        access.client("s3", PRIMARY).create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": PRIMARY}
        )
        access.client("rds", PRIMARY).create_db_instance(
            DBInstanceIdentifier="lifeline-primary-1", DBInstanceClass="db.r7g.large", Engine="postgres"
        )
        yield url


def users(*rows: tuple[str, str]) -> tuple[Row, ...]:
    return tuple(Row("users", key, "2026-12-01 02:59:58+00", digest) for key, digest in rows)


def test_rows_that_the_leader_lacks_or_has_otherwise_are_listed_by_key(url: str) -> None:
    events = tuple(Row("crisis_events", key, "2026-12-01 02:59:59+00", "d") for key in ("e-1", "e-2"))
    fenced = Listed((*users(("u-1", "a"), ("u-2", "b"), ("u-3", "c")), *events))
    leader = Listed(users(("u-1", "a"), ("u-2", "x"), ("u-4", "y")))
    found = reconcile(fenced, leader, Account({PRIMARY: url}), CONFIG, LOSS)
    assert list(csv.reader(io.StringIO(work_list(found))))[1:] == [
        ["users", "u-2", "2026-12-01 02:59:58+00", "other values", "", "", "", ""],
        ["users", "u-3", "2026-12-01 02:59:58+00", "missing", "", "", "", ""],
        ["crisis_events", "e-1", "2026-12-01 02:59:59+00", "missing", "yes", "", "", ""],
        ["crisis_events", "e-2", "2026-12-01 02:59:59+00", "missing", "no", "", "", ""],
    ]
    assert fenced.since == leader.since == LOSS - MARGIN


def test_databases_that_agree_need_no_decision(url: str) -> None:
    rows = Listed(users(("u-1", "a")))
    assert work_list(reconcile(rows, rows, Account({PRIMARY: url}), CONFIG, LOSS)).count("\n") == 1


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["id", "created_at", "updated_at"], "updated_at >= '2026-12-01T03:00:00+00:00'"),
        (["id", "detected_at"], "detected_at >= '2026-12-01T03:00:00+00:00'"),
        (["id"], "md5(t::text) FROM public.users AS t"),
    ],
)
def test_rows_are_found_by_the_time_that_their_table_has(columns: list[str], expected: str) -> None:
    assert query("users", LOSS, columns).endswith(expected)


def test_the_fenced_database_is_reachable_for_the_time_of_the_list_only(tmp_path: Path, url: str) -> None:
    path = shutil.copy(ROOT / "Pulumi.primary.yaml", tmp_path)
    shutil.copy(ROOT / "Pulumi.secondary.yaml", tmp_path)
    file = StackFile(Path(path))
    file.change({"lifeline:timeline": ["primary-1", "secondary-1"]})
    file.set_within("lifeline:database", "seeded", 2)
    file.save()
    before, stack, access = Path(path).read_text(), FileStack(Path(path)), MotoAccess(url)
    seen: list[Any] = []

    def fail() -> None:
        with reachable(stack, 1, access, Notes()):
            seen.append(StackFile(Path(path)).config["lifeline:database"]["reconciled"])
            seen.append(deployed(Path(path))["reconciled"])
            raise RuntimeError("no answer")

    with pytest.raises(RuntimeError, match="no answer"):
        fail()
    assert seen == [[1], [1]]
    assert Path(path).read_text() == before
    assert "reconciled" not in deployed(Path(path))
    assert Lock(access, CONFIG).holder() is None


def deployed(path: Path) -> dict[str, Any]:
    return json.loads(path.with_suffix(".deployed").read_text())["lifeline:database"]


KUBECTL = """#!/bin/sh
printf '%s\\n' "$@" >>"$0.said"
case "$*" in
  *information_schema*) printf 'id\\ncreated_at\\n' ;;
  *) printf 'u-1\\t2026-12-01 02:59:58+00\\tabc\\n' ;;
esac
"""


def test_rows_are_listed_by_psql_in_a_pod(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("kubectl", KUBECTL), ("aws", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    rows = PodRows(Account({PRIMARY: url, SECONDARY: url}), CONFIG, DatabaseId("primary", 1), tmp_path)
    assert list(rows.keys("users", LOSS)) == [Row("users", "u-1", "2026-12-01 02:59:58+00", "abc")]
    said = (tmp_path / "kubectl.said").read_text()
    assert "deployment/recovery-exporter" in said
    assert "host=lifeline-primary-1." in said


def test_a_pod_that_refuses_is_named(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("kubectl", "#!/bin/sh\necho 'no route' >&2\nexit 2\n"), ("aws", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    rows: Any = PodRows(Account({PRIMARY: url}), CONFIG, DatabaseId("primary", 1), tmp_path)
    with pytest.raises(ProcedureError, match="primary-1: no route"):
        list(rows.keys("users", LOSS))
