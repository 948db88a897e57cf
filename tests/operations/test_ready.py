"""The ready mark, which the fence writes as the last step of a flip."""

from __future__ import annotations

import pytest

from operations.fence import Standing
from operations.records import Claim
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import Server
from tests.operations.world import SILENT, FenceOf, Table, ledger, nothing, said


def fail() -> None:
    raise SILENT


def test_a_leader_marks_the_epoch_of_its_settings_as_ready_once(
    fence_of: FenceOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table("secondary-1", "primary-1")
    fence = fence_of(table, epoch=2)
    assert [fence.look(), fence.look()] == [Standing.LEADS, Standing.LEADS]
    assert ledger(table).newest_ready() == Claim(2, DatabaseId("primary", 1))
    assert [line["step"] for line in said(capsys)] == ["ready"]


def test_a_mark_that_exists_is_never_changed(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    fence_of(table, epoch=1).look()
    before = dict(table.items["ready#1"])
    table.items["ready#1"]["readyAt"] = {"S": "earlier"}
    assert fence_of(table, epoch=1).look() is Standing.LEADS
    assert table.items["ready#1"] == before | {"readyAt": {"S": "earlier"}}


@pytest.mark.parametrize(
    ("claims", "settings"),
    [(("primary-1",), {"epoch": 2}), (("primary-1", "secondary-1"), {"epoch": 2}), (("primary-1",), {"epoch": 0})],
    ids=["before the claim", "superseded", "settings of another epoch"],
)
def test_no_mark_before_the_site_is_built_for_the_epoch_that_it_leads(
    fence_of: FenceOf, leader: Server, claims: tuple[str, ...], settings: dict[str, int]
) -> None:
    table = Table(*claims)
    fence_of(table, **settings).look()
    assert ledger(table).newest_ready() is None


def test_no_mark_while_the_leader_drains(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    assert fence_of(table, epoch=1, drain=True).look() is Standing.DRAINED
    assert ledger(table).newest_ready() is None


def test_no_mark_for_a_replica_that_is_claimed_and_not_yet_promoted(
    fence_of: FenceOf, leader: Server, replica: Server
) -> None:
    table = Table("primary-1", "secondary-1")
    assert fence_of(table, of="secondary-1", at=replica, epoch=2).look() is Standing.FOLLOWS
    assert ledger(table).newest_ready() is None


def test_a_mark_that_the_ledger_refuses_is_tried_again(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    fence = fence_of(table, epoch=1)
    table.before_write = fail
    assert fence.look() is Standing.UNKNOWN
    table.before_write = nothing
    assert fence.look() is Standing.LEADS
    assert ledger(table).newest_ready() == Claim(1, DatabaseId("primary", 1))
