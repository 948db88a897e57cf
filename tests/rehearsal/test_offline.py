"""The offline world's own settings."""

from __future__ import annotations

import re

from engine.root import PROGRAM_ROOT
from rehearsal.programs import SERVICES


def test_every_part_of_the_sdk_that_the_program_uses_is_loaded_before() -> None:
    sources = [*(PROGRAM_ROOT / "components").rglob("*.py"), *(PROGRAM_ROOT / "stacks").rglob("*.py")]
    used = {name for source in sources for name in re.findall(r"\baws\.([a-z0-9]+)\.[A-Z]", source.read_text())}
    assert {f"pulumi_aws.{name}" for name in used} == set(SERVICES)
