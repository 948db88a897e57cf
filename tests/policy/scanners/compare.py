"""Runs two public scanners over the mutations, and records which they find in policy/scanners.json.

Usage: `python -m tests.policy.scanners.compare CHECKOV CHECKOUT MODULES`, with the Python of an environment that has
checkov, a clone of github.com/pulumi/compliance-policies, and a folder of node modules with typescript. It takes twelve
minutes.
A scanner finds a mutation if one of its checks fails that does not fail without the mutation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from policy.model import Site
from policy.scanners import FILE
from tests.harness import ROOT
from tests.policy.draft import changed, clean
from tests.policy.mutations.catalogue import MUTATIONS
from tests.policy.scanners.terraform import manifests, plan

HERE = ROOT / "tests" / "policy" / "scanners"
Failed = dict[str, list[list[str]]]


def write(folder: Path, site: Site) -> None:
    """Write a site in the forms that the scanners read."""
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan(site), default=str))
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(json.loads(json.dumps(manifests(site), default=str))))
    resources = [{"type": entry.type, "name": entry.name, "inputs": entry.inputs} for entry in site.resources]
    (folder / "resources.json").write_text(json.dumps(resources, default=str))


def output(command: list[str], **variables: str) -> dict[str, Any]:
    """The JSON that a command prints."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **variables})
    return json.loads(done.stdout)


def newly(failed: Failed, stack: str, case: str) -> list[str]:
    """The checks that fail in a case, and not on the unchanged stack."""
    known = {tuple(entry) for entry in failed[f"base-{stack}"]}
    return sorted({check for check, resource in failed[case] if (check, resource) not in known})


def main(checkov: str, checkout: str, modules: str) -> None:
    """Run both scanners, and write the record."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for stack in ("primary", "secondary"):
            write(folder / f"base-{stack}", clean(stack))
        for number, mutation in enumerate(MUTATIONS):
            write(folder / f"case-{number}", changed(mutation.stack, mutation.change))
        first = output([checkov, str(HERE / "checkov_runner.py"), temporary])
        second = output(["node", str(HERE / "compliance.cjs"), checkout, temporary], NODE_PATH=modules)
    assert second["errors"] == [], second["errors"]
    commit = output_text(["git", "-C", checkout, "rev-parse", "HEAD"])
    entries = [
        {
            "rule": mutation.rule,
            "outage": mutation.outage,
            "checkov": newly(first["failed"], mutation.stack, f"case-{number}"),
            "compliance": newly(second["failed"], mutation.stack, f"case-{number}"),
        }
        for number, mutation in enumerate(MUTATIONS)
    ]
    versions = {"checkov": first["version"], "compliance": commit}
    record = {"versions": versions, "policies": second["policies"], "mutations": entries}
    FILE.write_text(json.dumps(record, indent=1) + "\n")


def output_text(command: list[str]) -> str:
    """The text that a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
