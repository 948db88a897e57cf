"""The sites of a project, from its stack files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from procedures.failover import site_of
from stacks.config import SiteConfig, parse
from stacks.stackfile import StackFile, StackFileError


def sites(root: Path) -> tuple[SiteConfig, ...]:
    """The configuration of every site, in the order of their names.

    Raises:
        StackFileError: if there is no stack file, or one cannot be read.
        ConfigError: if one has mistakes.
    """
    files = [StackFile(path) for path in sorted(root.glob("Pulumi.*.yaml"))]
    if not files:
        raise StackFileError(f"{root}: has no stack file\n  hint: change to the folder with Pulumi.yaml")
    return tuple(parse(file.config, stack=site_of(file)) for file in files)


def leading(configs: Sequence[SiteConfig]) -> SiteConfig:
    """The site that leads according to the file with the longest timeline: the other one may not know it yet.

    Raises:
        StackFileError: if no file is of that site.
    """
    history = max((config.history for config in configs), key=len)
    for config in configs:
        if config.site == history[-1].site:
            return config
    raise StackFileError(f"Pulumi.{history[-1].site}.yaml: no such stack, and its site leads")
