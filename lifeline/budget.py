"""The time budget of a recovery by tier: each term is declared by the program or assumed with its source.

A term that is declared is read from the resources of a site, so a slower health check, a longer TTL or a more patient
probe changes the sum.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from components.kube.services import SERVICES
from policy.model import Resource, Site
from policy.rules.dns import CHECK, RECORD
from policy.rules.workloads import DEPLOYMENT
from procedures.assumptions import BY_TIER, POD_START
from recovery import objectives
from recovery.naming import WEB
from recovery.objectives import Tier


@dataclass(frozen=True)
class Term:
    """One part of a tier's outage, in seconds."""

    name: str
    seconds: int
    source: str


@dataclass(frozen=True)
class Budget:
    """The terms of a tier, and its promise."""

    tier: Tier
    terms: tuple[Term, ...]

    @property
    def seconds(self) -> int:
        """The sum. No overlap is deducted."""
        return sum(term.seconds for term in self.terms)

    @property
    def fits(self) -> bool:
        """Whether the sum is within the promise."""
        return self.seconds <= self.tier.rto_seconds


def budgets(site: Site) -> tuple[Budget, ...]:
    """The budget of each tier in a recovery by a failover.

    Raises:
        ValueError: if the site declares no record or no health check for a tier.
    """
    return tuple(Budget(tier, tuple(_terms(site, tier))) for tier in objectives.TIERS)


def _terms(site: Site, tier: Tier) -> Iterator[Term]:
    record = _entrance(site, tier)
    yield _detection(site, record)
    ttl = record.get("ttl")
    alias = "the TTL of an alias to a load balancer, which Route 53 sets"
    yield Term("clients ask DNS again", ttl or objectives.RECORD_TTL_SECONDS, f"{record.name}: ttl" if ttl else alias)
    for assumption in BY_TIER[tier.name]:
        if assumption is not POD_START:
            yield Term(assumption.name, assumption.seconds, f"assumed: {assumption.source}")
    if BY_TIER[tier.name]:
        yield max(_rollouts(site), key=lambda term: term.seconds)


def _entrance(site: Site, tier: Tier) -> Resource:
    """The record at which the tier's clients arrive. Crisis services have an address of their own."""
    label = "api" if tier in (objectives.CRISIS, objectives.HOTLINE) else WEB
    records = [entry for entry in site.of(RECORD) if str(entry.get("name")).startswith(f"{label}.")]
    if not records:
        raise ValueError(f"{site.name} declares no record for the tier {tier.name}")
    return records[0]


def _detection(site: Site, record: Resource) -> Term:
    checks = list(site.linked(record, "healthCheckId", CHECK))
    leaves = [leaf for check in checks for leaf in (check, *site.linked(check, "childHealthchecks", CHECK))]
    times = {leaf.name: leaf.get("requestInterval") * leaf.get("failureThreshold") for leaf in leaves if _asks(leaf)}
    if not times:
        raise ValueError(f"{record.name} of {site.name} has no health check")
    slowest = max(times, key=lambda name: times[name])
    return Term("health checks fail", times[slowest], f"{slowest}: requestInterval x failureThreshold")


def _asks(check: Resource) -> bool:
    """Whether a check asks an address. A calculated one reads the results of others."""
    return isinstance(check.get("requestInterval"), int)


def _rollouts(site: Site) -> Iterator[Term]:
    """The longest start of new pods that their probes allow. A flip restarts the pods of the core only."""
    names = {service.name for service in SERVICES if service.tier is objectives.CORE}
    for deployment in site.of(DEPLOYMENT):
        if deployment.get("metadata", "name") in names:
            probe = deployment.get("spec", "template", "spec", "containers", 0, "startupProbe")
            seconds = probe["periodSeconds"] * probe["failureThreshold"] + deployment.get("spec", "minReadySeconds")
            yield Term("new pods start", seconds, f"{deployment.name}: startupProbe and minReadySeconds")


def table(entries: Sequence[Budget]) -> str:
    """The budgets as text."""
    rows = Table("tier", "term", "seconds", "source", box=None, header_style="bold")
    for budget in entries:
        for term in budget.terms:
            rows.add_row(budget.tier.name, term.name, str(term.seconds), term.source)
        verdict = "within" if budget.fits else "ABOVE"
        promise = f"{verdict} the promise of {budget.tier.rto_seconds} s"
        rows.add_row(budget.tier.name, "sum", str(budget.seconds), promise, style="bold", end_section=True)
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(rows)
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined]
