"""The judgement of one site or two that the command line asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.program import checked_config, recorded
from policy.judge import judge, judge_change, judge_steps, together
from policy.model import Site
from policy.report import report
from policy.settings import read_settings
from policy.sources import SourceError, from_file, from_registrations, steps_from_file
from stacks.stackfile import StackFile


def sites(root: Path, stacks: Sequence[str], timeline: Sequence[str] | None, files: Sequence[Path]) -> list[Site]:
    """The sites in files, or recordings of the program for stacks.

    Raises:
        SourceError: if two of them are the same site.
    """
    judged_sites = [from_file(file) for file in files]
    judged_sites += [_recorded(root, name, timeline) for name in stacks]
    if len({site.name for site in judged_sites}) != len(judged_sites):
        raise SourceError(f"the site {judged_sites[0].name} is named twice, expected two different sites")
    return judged_sites


def _recorded(root: Path, stack: str, timeline: Sequence[str] | None) -> Site:
    registrations = recorded(root, stack, checked_config(root, stack, timeline))
    return from_registrations(registrations, secrets_key=StackFile(root / f"Pulumi.{stack}.yaml").secrets_key)


def before(root: Path, stacks: Sequence[str], timeline: Sequence[str] | None, file: Path | None) -> Site | None:
    """The site before a change: of a file, or of a stack as it is configured if another timeline is judged."""
    if file is not None:
        return from_file(file)
    return _recorded(root, stacks[0], None) if timeline is not None and len(stacks) == 1 else None


def judged(sites: Sequence[Site], form: str, *, source: str, before: Site | None = None) -> tuple[str, bool]:
    """The judgement as text, and whether it refuses a site or the change that led to it.

    Raises:
        ChangeError: if the state before is of another site.
    """
    settings, today = read_settings(), datetime.now(UTC).date()
    judgement = judge(*sites, settings=settings, today=today)
    if before is not None:
        judgement = together(judgement, judge_change(before, sites[0], settings=settings, today=today))
    return report(judgement, form, source=source), judgement.refuses


def judged_steps(file: Path, form: str) -> tuple[str, bool]:
    """The judgement of the steps in a file as text, and whether it refuses them."""
    judgement = judge_steps(steps_from_file(file), settings=read_settings())
    return report(judgement, form, source=str(file)), judgement.refuses
