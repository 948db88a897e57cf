"""Performance figures, as ratios within one run: `python -m rehearsal.bench`. Writes bench.json.

(a) Rendering a site, compared with a program that registers the same number of plain resources in the same process.
(b) Backing up and restoring a generated database, compared with plain streaming (rehearsal/bench_backups.py).
(c) Evaluating all alerting rules for 1,000 workloads, compared with the platform alone (rehearsal/bench_alerts.py).
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pulumi_aws as aws

from engine.program import checked_config, recorded
from engine.recorder import record
from engine.root import PROGRAM_ROOT
from rehearsal import bench_alerts, bench_backups

RUNS = 9


def median_seconds(run: Callable[[], object]) -> float:
    """The median time of several runs, after one run that fills the caches."""
    run()
    times: list[float] = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def bare(count: int) -> Callable[[], object]:
    """A program of plain resources with a few inputs each."""

    def program() -> None:
        for number in range(count):
            aws.ec2.Vpc(f"vpc-{number}", cidr_block="10.0.0.0/16", tags={"Name": f"vpc-{number}"})

    return lambda: record(program)


def main() -> None:
    """Measure, print and write the figures."""
    config = checked_config(PROGRAM_ROOT, "primary")
    count = len(recorded(PROGRAM_ROOT, "primary", config))
    site = median_seconds(lambda: recorded(PROGRAM_ROOT, "primary", config))
    plain = median_seconds(bare(count))
    figures = {
        "resources": count,
        "render_seconds": round(site, 3),
        "bare_seconds": round(plain, 3),
        "render_to_bare": round(site / plain, 2),
        **bench_backups.figures(),
        **bench_alerts.figures(),
    }
    Path("bench.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
