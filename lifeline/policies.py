"""The judgement of a site that the command line asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.program import checked_config, recorded
from policy.judge import judge
from policy.model import Site
from policy.report import report
from policy.settings import read_settings
from policy.sources import from_file, from_registrations


def site(root: Path, stack: str | None, timeline: Sequence[str] | None, file: Path | None) -> Site:
    """The site in a file, or a recording of the program for a stack."""
    if file is not None:
        return from_file(file)
    assert stack is not None, "the command line was checked"
    return from_registrations(recorded(root, stack, checked_config(root, stack, timeline)))


def judged(site: Site, form: str, *, source: str) -> tuple[str, bool]:
    """The judgement as text, and whether it refuses the site."""
    judgement = judge(site, read_settings(), today=datetime.now(UTC).date())
    return report(judgement, form, source=source), judgement.refuses
