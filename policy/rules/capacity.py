"""Rules on capacity: a standby carries the load of the lost site without a new node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policy.model import Resource, Site
from policy.rule import About, Severity, pair_rule, shown
from policy.rules.availability import AUTOSCALER
from policy.rules.workloads import DEPLOYMENT, is_placeholder

ALWAYS = ("crisis", "hotline")
"""The tiers whose pods serve in both sites at all times."""


def _minimums(site: Site) -> dict[str, tuple[Resource, Any, str]]:
    """The autoscalers of a site by the Deployment that they scale: with its fewest pods and its tier."""
    return {
        str(entry.get("spec", "scaleTargetRef", "name")): (
            entry,
            entry.get("spec", "minReplicas"),
            str(entry.get("metadata", "labels", "lifeline/tier")),
        )
        for entry in site.of(AUTOSCALER)
    }


@pair_rule(
    "site-standby-warm",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(C)"),
        remediation="Raise `lifeline:capacity` of the standby: its placeholder pods must be as many as the pods that it"
        " gets in a failover.",
        reference="AWS Fault Isolation Boundaries, 'Static stability'; Kubernetes documentation, 'Pod Priority and"
        " Preemption'",
        incident="aws-2025-10",
    ),
)
def standby_warm(first: Site, second: Site) -> Iterator[tuple[Site, Resource, str]]:
    """The standby has room for every pod that a failover adds, and as many crisis pods as the active site."""
    for active, standby in ((first, second), (second, first)):
        if active.setting("SITE_ROLE") != "active" or standby.setting("SITE_ROLE") == "active":
            continue
        served, warm = _minimums(active), _minimums(standby)
        added = 0
        for name, (_, most, tier) in served.items():
            scaler, least, _ = warm.get(name, (standby.place, 0, tier))
            if tier in ALWAYS and least < most:
                yield standby, scaler, f"{name} has {shown(least)} pods at least, expected {most} as at {active.name}"
            added += max(0, most - least)
        for room in standby.of(DEPLOYMENT):
            if is_placeholder(room) and room.get("spec", "replicas") < added:
                yield standby, room, f"it keeps room for {room.get('spec', 'replicas')} pods, expected {added}"


RULES = (standby_warm,)
