"""How often a Job is tried: as often as its manifest says, and no more after a final exit code."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from components.kube import once
from recovery.timeline import DatabaseId
from rehearsal.providers.kubernetes.api import ApiError
from rehearsal.world.pods import Pods

PRIMARY = DatabaseId("primary", 1)
CLAIM = once.claim(
    image="i", epoch=1, earlier=(), database=PRIMARY, region="us-east-2", table="t", promotes=False, labels={}
)
GATE = once.handover(image="i", ending_epoch=1, leader=PRIMARY, accept_loss=False, labels={})


class Attempts(Pods):
    """Pods that end with prescribed exit codes."""

    def __init__(self, folder: Path, *codes: int) -> None:
        self.folder, self.codes, self.made = folder, iter(codes), 0
        self._lost = threading.Event()

    def _run_pod(self, name: str, template: dict[str, Any]) -> int:
        (self.folder / f"{name}.log").write_text(f"attempt {self.made}\n")
        self.made += 1
        return next(self.codes)

    def lose(self) -> None:
        self._lost.set()


@pytest.mark.parametrize(("codes", "made"), [((0,), 1), ((1, 0), 2), ((1, -9, 0), 3)])
def test_a_pod_that_failed_is_followed_by_another_one(tmp_path: Path, codes: tuple[int, ...], made: int) -> None:
    attempts = Attempts(tmp_path, *codes)
    attempts.run(CLAIM)
    assert attempts.made == made


@pytest.mark.parametrize(
    ("job", "codes", "made"),
    [(CLAIM, (1, 1, 1, 0), 3), (CLAIM, (3, 0), 1), (CLAIM, (1, 3, 0), 2), (CLAIM, (2, 0), 1), (GATE, (1, 0), 1)],
)
def test_a_job_fails_with_the_last_words_of_its_last_pod(
    tmp_path: Path, job: dict[str, Any], codes: tuple[int, ...], made: int
) -> None:
    attempts = Attempts(tmp_path, *codes)
    with pytest.raises(ApiError, match=rf"failed with exit code {codes[made - 1]}: attempt {made - 1}$"):
        attempts.run(job)
    assert attempts.made == made


def test_no_pod_starts_in_a_lost_region(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path, -9, 0)
    attempts.lose()
    with pytest.raises(ApiError, match="exit code -9"):
        attempts.run(CLAIM)
    assert attempts.made == 1
