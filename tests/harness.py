"""Whole sites as plain data: the program under the recorder, with the committed stack files as its configuration."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import runpy
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from components.site import Site
from components.targets import PATHS
from engine.recorder import record
from engine.registration import STACK_TYPE, Registration
from recovery.naming import Tags
from stacks.stackfile import StackFile

ROOT = Path(__file__).resolve().parents[1]

PRIMARY_LEADS = ("primary-1",)
FAILED_OVER = ("primary-1", "secondary-1")
SECONDARY_LEADS = ("secondary-1",)
FAILED_OVER_FROM_SECONDARY = ("secondary-1", "primary-1")
FAILED_BACK = ("primary-1", "secondary-1", "primary-2")

shared_folder: Path | None = None
"""A folder of this test run, in which its processes share what they recorded. Set by `tests/conftest.py`."""


def site(name: str = "primary", *, protect: bool = True) -> Site:
    """A site for the arguments of one component, in the region of the committed stack of that name."""
    regions = {"primary": "us-east-2", "secondary": "us-west-2"}
    tags = Tags(owner="platform-team", site=name)
    return Site(account="123456789012", region=regions[name], ledger_region=regions[name], tags=tags, protect=protect)


def stack_config(stack: str, **changes: Any) -> dict[str, Any]:
    """The committed configuration of a stack, with some keys changed. A key without a prefix is one of `lifeline:`."""
    config = copy.deepcopy(StackFile(ROOT / f"Pulumi.{stack}.yaml").config)
    return config | {key if ":" in key else f"lifeline:{key}": value for key, value in changes.items()}


def deploy(stack: str, timeline: tuple[str, ...] = PRIMARY_LEADS, **changes: Any) -> list[Registration]:
    """Every resource that a stack registers in a timeline, without the stack itself.

    Args:
        stack: its name.
        timeline: its timeline.
        changes: values in its file. `of` names the committed file that the file is a copy of, if its name is another.
    """
    return list(_deploy(stack, timeline, json.dumps(changes, sort_keys=True)))


@cache
def _deploy(stack: str, timeline: tuple[str, ...], changes: str) -> tuple[Registration, ...]:
    if shared_folder is None:
        return tuple(deploy_anew(stack, timeline, **json.loads(changes)))
    key = hashlib.sha256(json.dumps([stack, timeline, changes]).encode()).hexdigest()
    file = shared_folder / f"deployment-{key}"
    if file.exists():
        return pickle.loads(file.read_bytes())
    resources = tuple(deploy_anew(stack, timeline, **json.loads(changes)))
    complete = file.with_suffix(f".{os.getpid()}")
    complete.write_bytes(pickle.dumps(resources))
    complete.rename(file)
    return resources


def deploy_anew(stack: str, timeline: tuple[str, ...], **changes: Any) -> list[Registration]:
    """Like `deploy`, but recorded again: `deploy` caches its results."""
    config = stack_config(changes.pop("of", stack), timeline=list(timeline), **changes)
    if timeline[0] != "primary-1":  # the site that led first declares the global resources
        config["lifeline:globals"] = "own" if timeline[0].startswith(f"{stack}-") else "use"
        config["lifeline:zoneId"] = None if config["lifeline:globals"] == "own" else "Z0000000000EXAMPLE"
    resources = record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"), stack=stack, config=config
    )
    return [entry for entry in resources if entry.type != STACK_TYPE]


def only(registrations: list[Registration], type_: str, name: str = "") -> Registration:
    """The one resource of a type (and a name). Fails if there is none, or more than one."""
    resources = [entry for entry in registrations if entry.type == type_ and name in (entry.name, "")]
    assert len(resources) == 1, f"{len(resources)} of {type_} {name}"
    return resources[0]


def route(path: str) -> str:
    """The deployment that the declared routes send a path to."""
    return next(service.name for service, patterns in PATHS if any(fnmatchcase(path, entry) for entry in patterns))
