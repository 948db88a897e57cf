"""The Pulumi program as data: what one stack registers, and the steps from one timeline to another."""

from __future__ import annotations

import runpy
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from engine.deployment import Step
from engine.diff import steps_between
from engine.recorder import record
from engine.registration import Registration
from stacks.config import parse
from stacks.stackfile import StackFile, with_timeline


def checked_config(root: Path, stack: str, timeline: Sequence[str] | None = None) -> dict[str, Any]:
    """A stack's configuration, with another timeline if one is given.

    Raises:
        StackFileError: if the stack file cannot be read.
        ConfigError: with every mistake in it.
    """
    config = with_timeline(StackFile(root / f"Pulumi.{stack}.yaml").config, timeline)
    parse(config, stack=stack)
    return config


def recorded(root: Path, stack: str, config: Mapping[str, Any]) -> list[Registration]:
    """Every resource that the program in `root` registers for a stack."""
    return record(lambda: runpy.run_path(str(root / "__main__.py"), run_name="__main__"), stack=stack, config=config)


def steps_to(
    root: Path, stack: str, timeline: Sequence[str] | None, settings: Mapping[str, Any] | None = None
) -> list[Step]:
    """The steps from a stack's configuration to another timeline and to other values. Both recordings run in parallel.

    Args:
        root: the folder of the program.
        stack: its name.
        timeline: the timeline; None for that of the file.
        settings: other values, by their whole keys.

    Raises:
        StackFileError: if the stack file cannot be read.
        ConfigError: with every mistake in it.
    """
    before = checked_config(root, stack)
    after = {**with_timeline(before, timeline), **(settings or {})}
    parse(after, stack=stack)
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("fork")) as pool:
        other = pool.submit(recorded, root, stack, after)
        return steps_between(recorded(root, stack, before), other.result())
