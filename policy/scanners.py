"""The comparison with public scanners: how many of the changes that break a recovery each of them finds.

`tests.policy.scanners.compare` runs them and writes the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).with_suffix(".json")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Compared(_Section):
    """One change that breaks a recovery, and the checks of others that fail because of it."""

    rule: str
    outage: str
    checkov: tuple[str, ...]
    compliance: tuple[str, ...]


class Versions(_Section):
    """The versions that were compared."""

    checkov: str
    compliance: str
    """A commit."""


class Comparison(_Section):
    """The record."""

    versions: Versions
    policies: int
    """The number of compliance policies that ran."""
    mutations: tuple[Compared, ...]


def comparison() -> Comparison:
    """The record of the last comparison."""
    return Comparison.model_validate_json(FILE.read_text())


def section() -> Iterator[str]:
    """The comparison as Markdown."""
    record = comparison()
    total = len(record.mutations)
    by_checkov = sum(bool(entry.checkov) for entry in record.mutations)
    by_compliance = sum(bool(entry.compliance) for entry in record.mutations)
    yield "## Beside public scanners\n"
    yield (
        f"Each of {total} changes of one site was also given to checkov {record.versions.checkov}, which ran for real"
        f" on a Terraform plan and on manifests with the same inputs, and to the {record.policies} policies of"
        f" pulumi/compliance-policies at `{record.versions.compliance[:12]}`. A scanner finds a change if a check fails"
        " that does not fail without it. Neither reads steps, two sites, or a site before and after a change.\n"
    )
    yield "| | These rules | checkov | pulumi/compliance-policies |\n|---|---|---|---|"
    yield f"| found of {total} | {total} | {by_checkov} | {by_compliance} |\n"
    yield "| Rule | Changes | checkov | Its checks | compliance-policies |\n|---|---|---|---|---|"
    counts = Counter(entry.rule for entry in record.mutations)
    for rule in sorted(counts):
        own = [entry for entry in record.mutations if entry.rule == rule]
        checks = ", ".join(sorted({check for entry in own for check in entry.checkov})) or "none"
        first, second = (sum(bool(getattr(entry, key)) for entry in own) for key in ("checkov", "compliance"))
        yield f"| `{rule}` | {counts[rule]} | {first} | {checks} | {second} |"
    yield ""
