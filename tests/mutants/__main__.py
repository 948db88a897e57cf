"""Play every mutant, in two copies of the project at once, and print those that nothing notices."""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import LINKS, POLICY, REGION_LOSS, Mutant

ROOT = Path(__file__).parents[2]
LANES = 2
REHEARSAL_SECONDS = 300
"""Real seconds after which a rehearsal of a mutant is ended."""
Result = dict[str, Any]


def main() -> int:
    """Play the mutants, and return 1 if one that causes an outage is not noticed, or a harmless one is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="part of the name of each mutant that is played", default="")
    parser.add_argument("--json", type=Path, help="the file for the results")
    parser.add_argument("--sample", type=int, help="the number of mutants that are drawn, of those for all links")
    parser.add_argument("--seed", type=int, default=0, help="draws them")
    arguments = parser.parse_args()
    began = time.monotonic()
    chosen = [mutant for mutant in MUTANTS.values() if arguments.only in mutant.name]
    if arguments.sample:
        chosen = Random(arguments.seed).sample([m for m in chosen if m.noticed_by == LINKS], arguments.sample)
    Random(arguments.seed).shuffle(chosen)  # neighbours would often fail for the same reason, and be played twice
    console = Console()
    with ThreadPoolExecutor(LANES) as pool:
        lanes = [pool.submit(_played, chosen[number::LANES], console) for number in range(LANES)]
        results = {result["mutant"]: result for lane in lanes for result in lane.result()}
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    wrong = [name for name, result in results.items() if _noticed(result) != bool(MUTANTS[name].outage)]
    console.print(_table(results))
    rehearsed = [
        name
        for name, result in results.items()
        if _noticed(result) and MUTANTS[name].noticed_by in (LINKS, REGION_LOSS)
    ]
    said = f"{len(results) - len(wrong)} of {len(results)} as expected, {len(rehearsed)} noticed by a rehearsal"
    console.print(f"{said}, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 1 if wrong or len(results) < len(chosen) else 0


def _played(mutants: Sequence[Mutant], console: Console) -> list[Result]:
    """The results of some mutants, in a copy of the project."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="lifeline-mutants-") as folder:
        copy = Path(folder) / "project"
        _copy(copy)
        for result in itertools.chain(_links(copy, mutants), _others(copy, mutants)):
            console.print(f"{result['verdict']:8} {result['mutant']}: {result['reason'][:200]}", markup=False)
            results.append(result)
    return results


def _copy(folder: Path) -> None:
    """Every file of the project that git knows or would know."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _links(copy: Path, mutants: Sequence[Mutant]) -> Iterator[Result]:
    names = [mutant.name for mutant in mutants if mutant.noticed_by == LINKS]
    command = [sys.executable, "-m", "tests.mutants.lane"]
    with subprocess.Popen(command, cwd=copy, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lane:
        assert lane.stdin is not None
        assert lane.stdout is not None
        lane.stdin.write("\n".join(names))
        lane.stdin.close()
        yield from (json.loads(line) for line in lane.stdout)


def _others(copy: Path, mutants: Sequence[Mutant]) -> Iterator[Result]:
    for mutant in mutants:
        if mutant.noticed_by != LINKS:
            file = copy / mutant.file
            before = file.read_text()
            file.write_text(mutant.text(copy))
            try:
                yield PLAYED.get(mutant.noticed_by, _tested)(copy, mutant)
            finally:
                file.write_text(before)


def _rehearsed(copy: Path, mutant: Mutant) -> Result:
    outcome = copy / "outcome.json"
    outcome.unlink(missing_ok=True)
    words = ["rehearse", REGION_LOSS, "--engine", "in-process", "--json", str(outcome)]
    done = subprocess.run(
        [sys.executable, "-c", "import lifeline; lifeline.main()", *words],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=REHEARSAL_SECONDS,
        check=False,
    )
    if not outcome.exists():
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        return {"mutant": mutant.name, "verdict": "refused", "reason": lines[-1] if lines else done.stderr[-200:]}
    told = json.loads(outcome.read_text())
    late = [
        f"{tier['name']}: {tier['outage_seconds']} s, limit {tier['target_seconds']} s"
        for tier in told["tiers"]
        if not tier["kept"]
    ]
    failed = [f"{check['name']}: {check['detail']}" for check in told["checks"] if not check["passed"]]
    return {"mutant": mutant.name, "verdict": told["verdict"], "reason": "; ".join([*late, *failed])}


def _judged(copy: Path, mutant: Mutant) -> Result:
    words = ["policy", "--stack", "primary", "--stack", "secondary", "--timeline", "primary-1"]
    command = [sys.executable, "-c", "import lifeline; lifeline.main()", *words]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return {"mutant": mutant.name, "verdict": "failed" if done.returncode else "kept", "reason": " ".join(lines[:1])}


def _tested(copy: Path, mutant: Mutant) -> Result:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.noticed_by]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return {"mutant": mutant.name, "verdict": "failed" if failed else "kept", "reason": " ".join(failed)}


PLAYED = {POLICY: _judged, REGION_LOSS: _rehearsed}
"""The ways to play a mutant that is not noticed by links or a test."""


def _noticed(result: Result) -> bool:
    return result["verdict"] not in ("kept", "unplayed")


def _table(results: dict[str, Result]) -> Table:
    table = Table("mutant", "link", "outage", "noticed by", "verdict", title="Not as expected")
    for name, result in results.items():
        mutant = MUTANTS[name]
        if _noticed(result) != bool(mutant.outage):
            table.add_row(name, mutant.link, mutant.outage, mutant.noticed_by, result["verdict"])
    return table


if __name__ == "__main__":
    sys.exit(main())
