"""All rules: those that judge one site, and those that judge two, and those that judge steps."""

from __future__ import annotations

from policy.rule import AnyRule, PairRule, ResourceRule, SiteRule, StepRule
from policy.rules import (
    availability,
    buckets,
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
PAIR_RULES: tuple[PairRule, ...] = parity.RULES
STEP_RULES: tuple[StepRule, ...] = transitions.RULES
RULES: tuple[AnyRule, ...] = (*SITE_RULES, *PAIR_RULES, *STEP_RULES)
BY_NAME: dict[str, AnyRule] = {rule.name: rule for rule in RULES}
