"""Cases of alerting rules, and promtool, which decides them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.alerts.model import Rule

DOMAIN = "mentalhealthplatform.com"
NEEDS_PROMTOOL = [
    pytest.mark.alerts,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool: run 'make alerts'"),
]
FOREVER = "x…"
"""Stands in the notation of samples for a repetition to the end of a case."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """The samples of one stretch of time, and the moments at which an alert fires or does not."""

    title: str
    series: Mapping[str, str]
    """Samples in promtool's notation, by series."""
    silent: tuple[int, ...] = ()
    """Seconds from the beginning."""
    fires: tuple[int, ...] = ()
    labels: tuple[Mapping[str, str], ...] = ({},)
    """The labels of each firing alert that come from the samples."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """All cases of one rule."""

    interval: int
    """Seconds between samples, and between evaluations."""
    cases: tuple[Case, ...]


def failures(
    rules: Sequence[Rule], suite: Suite, folder: Path, *, expected: Sequence[Rule] | None = None
) -> dict[str, str]:
    """The reports of the cases that do not hold, by the alert's name. All rules see the same samples.

    Args:
        rules: as they are loaded.
        suite: the cases.
        folder: for the files of promtool.
        expected: the rules whose labels and annotations a firing alert has, if not those that are loaded.
    """
    folder.mkdir(parents=True)
    file, test = folder / "rules.json", folder / "test.json"
    group = {"name": "tested", "interval": f"{suite.interval}s", "rules": list(rules)}
    file.write_text(json.dumps({"groups": [group]}))
    test.write_text(
        json.dumps(
            {
                "rule_files": [str(file)],
                "evaluation_interval": f"{suite.interval}s",
                "tests": [_test(expected or rules, case, suite.interval) for case in suite.cases],
            }
        )
    )
    return run(test)


def _test(rules: Sequence[Rule], case: Case, interval: int) -> dict[str, Any]:
    samples = max((*case.silent, *case.fires)) // interval + 1
    moments = [(second, False) for second in case.silent] + [(second, True) for second in case.fires]
    return {
        "interval": f"{interval}s",
        "name": case.title,
        "input_series": [
            {"series": name, "values": values.replace(FOREVER, f"x{samples}")} for name, values in case.series.items()
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{second}s",
                "alertname": rule["alert"],
                "exp_alerts": [_expected(rule, own) for own in case.labels] if fires else [],
            }
            for second, fires in moments
            for rule in rules
        ],
    }


def _expected(rule: Rule, own: Mapping[str, str]) -> dict[str, Any]:
    return {"exp_labels": {**own, **rule["labels"]}, "exp_annotations": rule["annotations"]}


def run(test: Path) -> dict[str, str]:
    """Run one file of tests. Returns the reports of failures, by the alert's name, or by `error` if it is invalid."""
    done = subprocess.run(["promtool", "test", "rules", str(test)], capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode == 0:
        assert "SUCCESS" in output, output
        return {}
    reports = re.split(r"^ +(?=name: )", output, flags=re.MULTILINE)[1:] or [output]
    # A rule whose evaluation fails is reported under its name too.
    named = [(re.search(r"(?:alertname|rule): (\w+), time", report), report) for report in reports]
    return {name[1] if name else "error": report for name, report in named}


def check(rules: Path) -> subprocess.CompletedProcess[str]:
    """Check a file of rules as promtool does, with its lint."""
    return subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(rules)],
        capture_output=True,
        text=True,
        check=False,
    )
