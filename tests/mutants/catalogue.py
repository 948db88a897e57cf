"""Every mutant, by name. The files beside this one have those of one part of the program each."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.mutants.mutant import Mutant

FOLDER = Path(__file__).parent


def _read(file: Path) -> list[Mutant]:
    return [Mutant(**entry) for entry in yaml.safe_load(file.read_text())]


MUTANTS: dict[str, Mutant] = {mutant.name: mutant for file in sorted(FOLDER.glob("*.yaml")) for mutant in _read(file)}
