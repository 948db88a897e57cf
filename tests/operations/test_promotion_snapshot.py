"""The snapshot after a promotion: when it is taken, once, and when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations.environment import Place
from operations.job import JobFailedError
from operations.promotion_snapshot import PromotionSnapshot
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import Server
from tests.operations.world import SILENT, Instances, Table, database, instance, ledger, said

NAME = "lifeline-secondary-1-epoch-2"
OWN = DatabaseId("secondary", 1)
PROMOTED = ("primary-1", "secondary-1")


def job(folder: Path, server: Server, instances: Instances, *claims: str) -> PromotionSnapshot:
    place = Place(OWN, "us-west-2", "lifeline-crisis-ledger")
    return PromotionSnapshot(place, ledger(Table(*claims)), database(server, folder), instance(instances))


def step(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = said(capsys)
    return str(line["step"])


def test_a_promoted_database_gets_one_snapshot(
    tmp_path: Path, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    instances = Instances()
    own = job(tmp_path, leader, instances, *PROMOTED)
    assert (own.take(), step(capsys)) == (0, "snapshot begun")
    assert instances.snapshots == {NAME: {"lifeline:site": "secondary", "lifeline:epoch": "2"}}
    assert (own.take(), step(capsys)) == (0, "the snapshot exists")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ((), "another database leads"),
        (("primary-1",), "another database leads"),
        (("secondary-1",), "the database leads since it was created, so it has every point in time"),
        ((*PROMOTED, "primary-3"), "another database leads"),
    ],
)
def test_a_database_that_was_not_promoted_or_leads_no_more_gets_none(
    tmp_path: Path, leader: Server, capsys: pytest.CaptureFixture[str], claims: tuple[str, ...], expected: str
) -> None:
    instances = Instances()
    assert job(tmp_path, leader, instances, *claims).take() == 0
    assert (step(capsys), instances.snapshots) == (expected, {})


def test_a_promotion_that_has_not_ended_is_waited_for(
    tmp_path: Path, replica: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    instances = Instances()
    assert job(tmp_path, replica, instances, *PROMOTED).take() == 0
    assert (step(capsys), instances.snapshots) == ("the promotion has not ended", {})


def test_an_instance_that_is_not_available_is_left_alone(
    tmp_path: Path, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    instances = Instances("backing-up")
    assert job(tmp_path, leader, instances, *PROMOTED).take() == 0
    assert (step(capsys), instances.snapshots) == ("the instance is backing-up, expected available", {})


def test_an_rds_that_does_not_answer_fails_the_job(tmp_path: Path, leader: Server) -> None:
    with pytest.raises(JobFailedError, match="Could not connect"):
        job(tmp_path, leader, Instances(failure=SILENT), *PROMOTED).take()
