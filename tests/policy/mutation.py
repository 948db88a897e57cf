"""A single change of a site that breaks a recovery."""

from __future__ import annotations

from dataclasses import dataclass

from tests.policy.draft import Change

DB = "database-1-instance"
TABLE = "ledger-table"
EKS = "cluster-1-eks"
POD = ("spec", "template", "spec")
BOX = (*POD, "containers", 0)
BACKEND = "platform-backend"
DETECTOR = "platform-crisis-detector"


@dataclass(frozen=True)
class Mutation:
    """A change, and its consequence."""

    rule: str
    outage: str
    change: Change
    stack: str = "primary"

    def __str__(self) -> str:
        return f"{self.rule}: {self.outage}"
