"""What the scenarios are made of: provisioning, recovering, waiting and counting."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from engine.deployment import Step
from engine.program import PROGRAM_ROOT
from recovery import objectives
from recovery.naming import database_identifier, handover_key
from rehearsal.assumptions import BY_TIER, Assumption
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Check, Loss, Outcome, StackStep, TierOutcome
from rehearsal.world.client import BlackBoxClient

WARM_UP_SECONDS = 45
"""Simulated. A new check counts only after its first results: threshold times interval, and some."""
LOAD_SECONDS = 30
"""Simulated seconds of ordinary days before the disaster."""
SETTLE_SECONDS = 30
"""Simulated seconds for which nothing may fail before a tier counts as back."""
PATIENCE_SECONDS = 600.0
"""Simulated seconds after which what has not come is reported as missing."""


class Reporter(Protocol):
    """Who shows what is going on."""

    def phase(self, text: str) -> None:
        """A new phase begins."""
        ...

    def step(self, step: Step) -> None:
        """An engine took a step."""
        ...

    def say(self, text: str) -> None:
        """Something worth a line happened."""
        ...


Scenario = Callable[[Environment, Reporter], Outcome]


class Phases:
    """Wall-clock seconds by phase."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Generator[None]:
        """Time a phase and announce it."""
        self._reporter.phase(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def build_both(environment: Environment, reporter: Reporter) -> tuple[SiteWorld, SiteWorld]:
    """Provision both sites from their committed stack files; the second needs the first one's zone."""
    first = environment.account.add_site(PROGRAM_ROOT / "Pulumi.primary.yaml")
    made = environment.account.up(first, on_step=reporter.step)
    reporter.say(f"primary in {first.region}: {len(made.steps)} steps")
    second = environment.account.add_site(PROGRAM_ROOT / "Pulumi.secondary.yaml")
    second.file.set("lifeline:zoneId", made.outputs["zoneId"])
    second.file.save()
    followed = environment.account.up(second, on_step=reporter.step)
    reporter.say(f"secondary in {second.region}: {len(followed.steps)} steps")
    balancers = {"primary": made.outputs["loadBalancer"], "secondary": followed.outputs["loadBalancer"]}
    environment.open_doors(balancers, str(made.outputs["zoneId"]))
    return first, second


def people_near(environment: Environment, site: SiteWorld) -> BlackBoxClient:
    """People who begin to use the platform, once the health checks have made up their minds."""
    environment.clock.sleep(WARM_UP_SECONDS)
    client = environment.client(site)
    environment.clock.sleep(LOAD_SECONDS)
    return client


def apply(environment: Environment, reporter: Reporter, site: SiteWorld, **changes: Any) -> tuple[StackStep, ...]:
    """Edit a site's stack file and run `up`: what an engineer does, and all that one does."""
    for key, value in changes.items():
        site.file.set(f"lifeline:{key}", value)
    site.file.save()
    edit = ", ".join(f"{key}: {value}" for key, value in changes.items()) or "no edit"
    done = environment.account.up(site, on_step=reporter.step)
    reporter.say(f"Pulumi.{site.name}.yaml: {edit}: {len(done.steps)} steps")
    return tuple(StackStep(site.name, step.op, step.type, step.name) for step in done.steps)


def flip(
    environment: Environment, reporter: Reporter, survivor: SiteWorld
) -> tuple[tuple[StackStep, ...], tuple[Check, ...]]:
    """The recovery itself: one appended line and `up`, then `up` again, which must find nothing to do."""
    reporter.say(f"Pulumi.{survivor.name}.yaml: lifeline:timeline gets one more entry, {survivor.config.own_database}")
    survivor.file.append_to_timeline(str(survivor.config.own_database))
    survivor.file.save()
    before = survivor.aws.clients.calls.copy()
    done = environment.account.up(survivor, on_step=reporter.step)
    calls = survivor.aws.clients.calls - before
    again = environment.account.up(survivor, on_step=reporter.step)
    elsewhere = sorted(
        f"{service} {operation} in {region}" for service, operation, region in calls if region != survivor.region
    )
    made = ", ".join(sorted({f"{service} {operation}" for service, operation, _ in calls}))
    checks = (
        Check("the same flip again does nothing", passed=not again.steps, detail=f"{len(again.steps)} steps"),
        Check(
            "the flip calls nothing outside its own region", passed=not elsewhere, detail=", ".join(elsewhere) or made
        ),
    )
    return tuple(StackStep(survivor.name, step.op, step.type, step.name) for step in done.steps), checks


def handover_record(environment: Environment, epoch: int, region: str) -> Mapping[str, Any] | None:
    """Wait for the token that a draining site leaves in the ledger; None if it does not come."""
    ledger = environment.account.ledger
    assert ledger is not None, "a site was added, and the ledger with it"
    until(environment, lambda: ledger.get(region, handover_key(epoch)) is not None)
    return ledger.get(region, handover_key(epoch))


def switchover(
    environment: Environment, reporter: Reporter, leader: SiteWorld, taker: SiteWorld
) -> tuple[StackStep, ...]:
    """A planned change of leader: drain the one, let the other take over, tell the first one.

    Raises:
        DeploymentError: if the gate refuses.
    """
    timeline = [str(entry) for entry in leader.config.history]
    ending, beginning = len(timeline), [*timeline, str(taker.config.own_database)]
    steps = apply(environment, reporter, leader, switchover={"drain": ending})
    token = handover_record(environment, ending, taker.region)
    reporter.say(f"drained: {token['position'] if token else 'no position was recorded'}")
    steps += apply(environment, reporter, taker, timeline=beginning, switchover={"take": ending + 1})
    return steps + apply(environment, reporter, leader, timeline=beginning)


def seeded_at(site: SiteWorld, epoch: int) -> dict[str, Any]:
    """The database section of a site's stack file, with another epoch to be seeded at."""
    return {**site.file.config["lifeline:database"], "seeded": epoch}


def until(environment: Environment, holds: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> float:
    """Wait until something holds; the simulated seconds that it took, infinite if it did not come to hold."""
    began = environment.clock.now()
    while not holds():
        if environment.clock.now() - began > patience:
            return float("inf")
        environment.clock.sleep(0.5)
    return environment.clock.now() - began


def wait_until_back(
    environment: Environment, client: BlackBoxClient, disaster: float, patience: float = PATIENCE_SECONDS
) -> None:
    """Wait until every tier answered for a while without a failure, or until patience (simulated seconds) is over."""

    def back(tier: str) -> bool:
        outage = client.outage(tier, disaster)
        return environment.clock.now() - disaster > outage + SETTLE_SECONDS

    deadline = environment.clock.now() + patience
    while environment.clock.now() < deadline and not all(back(tier.name) for tier in objectives.TIERS):
        environment.clock.sleep(2)


@dataclass(frozen=True)
class Losses:
    """Data that was acknowledged to clients, compared with the data that the leading site has."""

    crisis_events: Loss
    user_rows: Loss
    missing_rows: tuple[float, ...]
    """When each lost user row was acknowledged. Simulated seconds."""

    def oldest_missing(self, at: float) -> float:
        """The age, at a moment, of the oldest lost user row; 0 if none was lost."""
        return max((at - acknowledged for acknowledged in self.missing_rows), default=0.0)


def losses(environment: Environment, client: BlackBoxClient, leader: SiteWorld) -> Losses:
    """Compare everything that clients were told is saved with the ledger and the database of the leading site."""
    assert environment.account.ledger is not None, "the account has sites, and so a ledger"
    stored = {str(item["pk"]) for item in environment.account.ledger.scan(leader.region)}
    events = [event.id for event in client.events]
    rows = environment.rows(database_identifier(leader.config.own_database))
    missing = tuple(user.at for user in client.users if user.id not in rows)
    return Losses(
        Loss(len(events), sum(f"event#{id_}" in stored for id_ in events)),
        Loss(len(client.users), len(client.users) - len(missing)),
        missing,
    )


def tier_outcomes(
    client: BlackBoxClient,
    began: float,
    assumptions: Mapping[str, tuple[Assumption, ...]] = BY_TIER,
    ended: float = math.inf,
) -> tuple[TierOutcome, ...]:
    """Each tier's outage between two moments (simulated seconds), with the terms that are assumed for it."""
    return tuple(
        TierOutcome(tier, client.outage(tier.name, began, ended), assumptions[tier.name]) for tier in objectives.TIERS
    )


def outcome(
    scenario: str,
    environment: Environment,
    *,
    tiers: tuple[TierOutcome, ...],
    losses: Losses,
    writes_ended: float,
    steps: tuple[StackStep, ...],
    checks: tuple[Check, ...],
    phases: Phases,
    user_data_rpo_seconds: int = objectives.RPO_USER_DATA_SECONDS,
) -> Outcome:
    """The outcome of a scenario.

    Args:
        scenario: its name.
        environment: where it was played.
        tiers: the outage of each tier.
        losses: what was lost of the acknowledged data.
        writes_ended: the moment from which the age of lost user rows is counted. Simulated seconds.
        steps: every step of every stack.
        checks: the scenario's own checks and the plan's.
        phases: the wall-clock time of each phase.
        user_data_rpo_seconds: the limit for the age of a lost user row.
    """
    return Outcome(
        scenario=scenario,
        engine=environment.engine,
        tiers=tiers,
        crisis_events=losses.crisis_events,
        user_rows=losses.user_rows,
        user_data_loss_seconds=losses.oldest_missing(writes_ended),
        user_data_rpo_seconds=user_data_rpo_seconds,
        steps=steps,
        checks=checks,
        phases=phases.seconds,
    )
