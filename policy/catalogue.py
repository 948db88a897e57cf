"""All rules: those that judge one site, two sites, steps, or a change."""

from __future__ import annotations

from policy.rule import AnyRule, ChangeRule, PairRule, ResourceRule, SiteRule, StepRule
from policy.rules import (
    availability,
    buckets,
    capacity,
    changes,
    clusters,
    database_upkeep,
    databases,
    dns,
    front,
    identity,
    independence,
    keys,
    ledger,
    network,
    parity,
    proofs,
    reach,
    transitions,
    workloads,
)

SITE_RULES: tuple[ResourceRule | SiteRule, ...] = (
    *databases.RULES,
    *database_upkeep.RULES,
    *ledger.RULES,
    *buckets.RULES,
    *keys.RULES,
    *identity.RULES,
    *network.RULES,
    *clusters.RULES,
    *workloads.RULES,
    *availability.RULES,
    *dns.RULES,
    *front.RULES,
    *independence.RULES,
    *reach.RULES,
    *proofs.RULES,
)
PAIR_RULES: tuple[PairRule, ...] = (*parity.RULES, *capacity.RULES, *database_upkeep.PAIR_RULES)
STEP_RULES: tuple[StepRule, ...] = transitions.RULES
CHANGE_RULES: tuple[ChangeRule, ...] = changes.RULES
RULES: tuple[AnyRule, ...] = (*SITE_RULES, *PAIR_RULES, *STEP_RULES, *CHANGE_RULES)
BY_NAME: dict[str, AnyRule] = {rule.name: rule for rule in RULES}
