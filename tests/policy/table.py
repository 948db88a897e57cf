"""`make mutate`: every change that breaks a recovery, the rule that catches it, and the changes that no rule minds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache

from rich.console import Console
from rich.table import Table

from policy.catalogue import BY_NAME
from policy.judge import judge, judge_change, judge_steps
from policy.rule import Level, PairRule
from policy.settings import Settings, read_settings
from tests.policy.draft import PEER, TODAY, Change, changed, clean
from tests.policy.harmless import HARMLESS
from tests.policy.mutation import Mutation
from tests.policy.mutations.catalogue import MUTATIONS
from tests.policy.mutations.changes import CHANGES, ChangeMutation
from tests.policy.mutations.config import EDITS, refusing
from tests.policy.mutations.steps import STEPS, failover


def catching(mutation: Mutation) -> set[str]:
    """The rules that a mutation breaks. A rule on two sites judges the mutated one beside the other."""
    sites = [changed(mutation.stack, mutation.change)]
    if isinstance(BY_NAME[mutation.rule], PairRule):
        sites.append(clean(PEER[mutation.stack]))
    return {finding.policy for finding in judge(*sites, settings=alone(mutation.rule), today=TODAY).findings}


@cache
def alone(name: str) -> Settings:
    """The settings with one rule only: the others need not judge each mutation."""
    others = {rule: Level.DISABLED for rule in BY_NAME if rule != name}
    return read_settings().model_copy(update={"levels": others})


def catching_change(mutation: ChangeMutation) -> set[str]:
    """The rules that a faulty change breaks."""
    before, after = clean(mutation.stack, mutation.before), changed(mutation.stack, mutation.change, mutation.after)
    return {finding.policy for finding in judge_change(before, after, settings=Settings(), today=TODAY).findings}


def minding(change: Change) -> set[str]:
    """The rules that say something about a harmless change of the primary."""
    return {
        finding.policy for finding in judge(changed("primary", change), settings=read_settings(), today=TODAY).findings
    }


def caught() -> Iterator[tuple[str, str, bool]]:
    """Each breaking change: its outage, its rule, and whether the rule catches it."""
    for mutation in MUTATIONS:
        yield mutation.outage, mutation.rule, mutation.rule in catching(mutation)
    for step in STEPS:
        findings = judge_steps(step.change(failover()), settings=Settings()).findings
        yield step.outage, step.rule, step.rule in {finding.policy for finding in findings}
    for edit in EDITS:
        yield edit.outage, edit.rule, edit.rule in refusing(edit)
    for change in CHANGES:
        yield change.outage, change.rule, change.rule in catching_change(change)


def main() -> int:
    table = Table("outage", "rule", "caught", title="Changes that break a recovery")
    results = list(caught())
    for outage, rule, is_caught in results:
        table.add_row(outage, rule, "yes" if is_caught else "NO")
    total, missed = len(results), sum(not is_caught for _, _, is_caught in results)
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
