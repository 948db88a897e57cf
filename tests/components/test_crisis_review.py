"""The daily review of the crisis events, in both sites."""

from __future__ import annotations

import pytest

from components.kube import backup_jobs, configuration_export, crisis_review, ledger_export
from engine.registration import Registration
from operations import crisis_review as job
from operations.environment import Reader
from recovery import objectives
from tests.components.test_backups import CheckedError, checked_only
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy


def made(stack: str, timeline: tuple[str, ...] = PRIMARY_LEADS) -> dict[str, Registration]:
    found = (entry for entry in deploy(stack, timeline) if entry.custom)
    return {entry.name: entry for entry in found if entry.name.startswith("crisis-review")}


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_the_job_is_told_everything_that_it_reads(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = made(stack)["crisis-review-job"].inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["command"] == ["python", "-m", "operations", "crisis-review"]
    settings = {entry["name"]: str(entry.get("value", "us-east-2")) for entry in container["env"]}
    monkeypatch.setattr(Reader, "done", checked_only(Reader.done))
    with pytest.raises(CheckedError):
        job.main(settings)
    assert settings["ALERT_SECONDS"] == str(objectives.CRISIS.rto_seconds)


def test_no_two_daily_jobs_begin_together() -> None:
    schedules = [
        backup_jobs.BACKUP_SCHEDULE,
        backup_jobs.RESTORE_CHECK_SCHEDULE,
        configuration_export.SCHEDULE,
        crisis_review.SCHEDULE,
        ledger_export.SCHEDULE,
    ]
    assert len({*schedules}) == len(schedules)


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_flip_does_not_touch_it(stack: str) -> None:
    before = {name: entry.inputs for name, entry in made(stack).items()}
    assert {"crisis-review-account", "crisis-review-job", "crisis-review-identity-policy"} <= before.keys()
    assert {name: entry.inputs for name, entry in made(stack, FAILED_OVER).items()} == before
