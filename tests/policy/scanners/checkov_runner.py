"""Runs checkov over many small inputs in one process. It needs an environment of its own, with checkov in it.

Usage: `python checkov_runner.py FOLDER`. The folder has one folder per case, with `plan.json` and `objects.yaml`. It
prints one JSON object: the version, and for each case the failed checks, the number of passed ones, and the seconds.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

# pyright: reportMissingImports=false
from checkov.kubernetes.runner import Runner as Objects
from checkov.runner_filter import RunnerFilter
from checkov.terraform.plan_runner import Runner as Plans
from checkov.version import version

RUNNERS = {"plan.json": (Plans, "terraform_plan"), "objects.yaml": (Objects, "kubernetes")}


def main(folder: Path) -> None:
    logging.disable(logging.CRITICAL)
    failed: dict[str, list[list[str]]] = {}
    passed: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for case in sorted(folder.iterdir()):
        began = time.perf_counter()
        checks: list[list[str]] = []
        passed[case.name] = 0
        for name, (runner, framework) in RUNNERS.items():
            file = case / name
            if not file.exists():
                continue
            report = runner().run(
                root_folder=None, files=[str(file)], runner_filter=RunnerFilter(framework=[framework])
            )
            checks += [[entry.check_id, entry.resource] for entry in report.failed_checks]
            passed[case.name] += len(report.passed_checks)
        failed[case.name] = sorted(checks)
        seconds[case.name] = round(time.perf_counter() - began, 3)

    json.dump({"version": version, "failed": failed, "passed": passed, "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
