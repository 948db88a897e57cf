"""The times of the policy pack, as ratios within one run: the part of `make bench` that adds to bench.json.

(a) Judging a site, compared with checkov on the same resources. checkov runs in an environment of its own, and its
start is not counted.
(b) Judging a site with 1,000 more workloads, compared with 500 more: 2 means linear growth.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from engine.program import checked_config, recorded
from engine.root import PROGRAM_ROOT
from policy.judge import judge
from policy.model import Resource, Site
from policy.settings import read_settings
from policy.sources import from_registrations
from tests.policy.scanners.terraform import manifests, plan

CHECKOV = PROGRAM_ROOT / ".scanners" / "bin" / "python"
RUNNER = Path(__file__).with_name("checkov_runner.py")
TODAY = date(2026, 11, 26)
WORKLOAD = (
    "targets-backend",
    "routes-backend",
    "platform-backend",
    "platform-backend-autoscaler",
    "platform-backend-binding",
    "platform-backend-budget",
    "platform-backend-service",
    "platform-policy-allow-from-backend",
    "platform-policy-allow-to-backend",
    "backend-identity-association",
    "backend-identity-policy",
    "backend-identity-role",
)
"""The resources of one workload, from the load balancer to its role."""


def figures() -> dict[str, Any]:
    """The ratios, and the seconds behind them."""
    site = from_registrations(recorded(PROGRAM_ROOT, "primary", checked_config(PROGRAM_ROOT, "primary")))
    own, other = min(seconds(site) for _ in range(9)), checkov_seconds(site)
    half, whole = (min(seconds(grown(site, count)) for _ in range(2)) for count in (500, 1000))
    return {
        "policy_seconds": round(own, 3),
        "checkov_seconds": other,
        "policy_to_checkov": round(own / other, 3),
        "policy_seconds_1000_workloads": round(whole, 3),
        "policy_1000_to_500_workloads": round(whole / half, 2),
    }


def seconds(site: Site) -> float:
    """The time of one judgement, without what an earlier one has remembered."""
    fresh = replace(site)
    began = time.perf_counter()
    judge(fresh, settings=read_settings(), today=TODAY)
    return time.perf_counter() - began


def checkov_seconds(site: Site) -> float:
    """The time of checkov on the same resources: the second run of one process."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first", "second"):
            case = Path(folder) / name
            case.mkdir()
            (case / "plan.json").write_text(json.dumps(plan(site), default=str))
            (case / "objects.yaml").write_text(yaml.safe_dump_all(json.loads(json.dumps(manifests(site), default=str))))
        done = subprocess.run([CHECKOV, RUNNER, folder], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)["seconds"]["second"]


def grown(site: Site, count: int) -> Site:
    """A site with more workloads, each with names, labels and links of its own."""
    chosen = [entry for entry in site.resources if entry.name in WORKLOAD]
    assert len(chosen) == len(WORKLOAD), sorted({*WORKLOAD} - {entry.name for entry in chosen})
    more = [copied(entry, chosen, f"-{number}") for number in range(count) for entry in chosen]
    return Site(resources=(*site.resources, *more), secrets_key=site.secrets_key)


def copied(resource: Resource, group: list[Resource], end: str) -> Resource:
    """A copy of a resource of a group, whose links lead to the copies of the others."""
    members = {entry.urn for entry in group}
    text = json.dumps(dict(resource.inputs), default=str)
    text = text.replace('"component": "backend"', f'"component": "backend{end}"')
    text = text.replace('"mental-health-backend', f'"mental-health-backend{end}')
    return replace(
        resource,
        name=resource.name + end,
        urn=resource.urn + end,
        inputs=json.loads(text),
        links={
            key: tuple(urn + end if urn in members else urn for urn in urns) for key, urns in resource.links.items()
        },
    )


def main() -> None:
    """Measure, print, and add to the figures of `rehearsal.bench`."""
    measured = figures()
    file = Path("bench.json")
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | measured, indent=2) + "\n")
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
