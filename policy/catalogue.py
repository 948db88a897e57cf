"""All rules."""

from __future__ import annotations

from policy.rule import AnyRule
from policy.rules import (
    availability,
    buckets,
    clusters,
    database_upkeep,
    databases,
    dns,
    front,
    independence,
    keys,
    ledger,
    workloads,
)

RULES: tuple[AnyRule, ...] = (
    *databases.RULES,
    *database_upkeep.RULES,
    *ledger.RULES,
    *buckets.RULES,
    *keys.RULES,
    *clusters.RULES,
    *workloads.RULES,
    *availability.RULES,
    *dns.RULES,
    *front.RULES,
    *independence.RULES,
)
BY_NAME: dict[str, AnyRule] = {rule.name: rule for rule in RULES}
