"""The judgement of one site or two that the command line asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.program import checked_config, recorded
from policy.judge import judge, judge_steps
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


def judged(sites: Sequence[Site], form: str, *, source: str) -> tuple[str, bool]:
    """The judgement as text, and whether it refuses a site."""
    judgement = judge(*sites, settings=read_settings(), today=datetime.now(UTC).date())
    return report(judgement, form, source=source), judgement.refuses


def judged_steps(file: Path, form: str) -> tuple[str, bool]:
    """The judgement of the steps in a file as text, and whether it refuses them."""
    judgement = judge_steps(steps_from_file(file), settings=read_settings())
    return report(judgement, form, source=str(file)), judgement.refuses
