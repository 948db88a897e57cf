"""`make mutate`: every change that breaks a recovery, the rule that catches it, and the changes that no rule minds."""

from __future__ import annotations

import sys
from datetime import date

from rich.console import Console
from rich.table import Table

from policy.catalogue import BY_NAME
from policy.judge import judge, judge_steps
from policy.rule import PairRule
from policy.settings import Settings, read_settings
from tests.policy.draft import Change, changed, clean
from tests.policy.harmless import HARMLESS
from tests.policy.mutation import Mutation
from tests.policy.mutations.catalogue import MUTATIONS
from tests.policy.mutations.steps import STEPS, failover

PEER = {"primary": "secondary", "secondary": "primary"}
TODAY = date(2026, 11, 26)


def catching(mutation: Mutation) -> set[str]:
    """The rules that a mutation breaks. A rule on two sites judges the mutated one beside the other."""
    sites = [changed(mutation.stack, mutation.change)]
    if isinstance(BY_NAME[mutation.rule], PairRule):
        sites.append(clean(PEER[mutation.stack]))
    return {finding.policy for finding in judge(*sites, settings=read_settings(), today=TODAY).findings}


def minding(change: Change) -> set[str]:
    """The rules that say something about a harmless change of the primary."""
    return {
        finding.policy for finding in judge(changed("primary", change), settings=read_settings(), today=TODAY).findings
    }


def main() -> int:
    table = Table("outage", "rule", "caught", title="Changes that break a recovery")
    missed = 0
    for mutation in MUTATIONS:
        caught = mutation.rule in catching(mutation)
        missed += not caught
        table.add_row(mutation.outage, mutation.rule, "yes" if caught else "NO")
    for mutation in STEPS:
        findings = judge_steps(mutation.change(failover()), settings=Settings()).findings
        caught = mutation.rule in {finding.policy for finding in findings}
        missed += not caught
        table.add_row(mutation.outage, mutation.rule, "yes" if caught else "NO")
    total = len(MUTATIONS) + len(STEPS)
    quiet = Table("change", "rules that mind", title="Harmless changes")
    noisy = 0
    for name, change in HARMLESS.items():
        rules = minding(change)
        noisy += bool(rules)
        quiet.add_row(name, ", ".join(sorted(rules)) or "none")
    console = Console(width=150)
    console.print(table, quiet)
    console.print(f"{total - missed} of {total} breaking changes caught", highlight=False)
    console.print(f"{noisy} of {len(HARMLESS)} harmless changes minded", highlight=False)
    return 1 if missed or noisy else 0


if __name__ == "__main__":
    sys.exit(main())
