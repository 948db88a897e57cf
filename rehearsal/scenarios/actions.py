"""The actions that scenarios share: provisioning, recovering and waiting."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from textwrap import shorten
from typing import Any, Protocol

from engine.deployment import Step
from engine.root import PROGRAM_ROOT
from engine.up import UpResult
from recovery import objectives
from recovery.naming import handover_key
from rehearsal.assumptions import BY_TIER, Assumption
from rehearsal.environment import Environment
from rehearsal.history import Kind
from rehearsal.offline import SiteWorld
from rehearsal.report import Check, Outcome, StackStep, TierOutcome
from rehearsal.scenarios.losses import TWO_WRITERS_SECONDS, Losses, judged, oldest
from rehearsal.scenarios.verification import every_stray_was_led
from rehearsal.world.people import People
from stacks.stackfile import StackFile

WARM_UP_SECONDS = 35
"""Simulated. A new health check counts after its first results: threshold times interval, and a margin."""
LOAD_SECONDS = 20
"""Simulated seconds of normal use before the disaster."""
SETTLE_SECONDS = 30
"""Simulated seconds without a failure after which a tier counts as recovered."""
PATIENCE_SECONDS = 600.0
"""Simulated seconds to wait for an event before it is reported as missing."""


class Reporter(Protocol):
    """Shows the progress of a scenario."""

    def phase(self, text: str) -> None:
        """Show that a phase begins."""
        ...

    def step(self, step: Step) -> None:
        """Show a step of an engine."""
        ...

    def say(self, text: str) -> None:
        """Print one line about an event."""
        ...


Scenario = Callable[[Environment, Reporter], Outcome]


class Phases:
    """The wall-clock seconds of each phase."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Generator[None]:
        """Announce a phase and measure it."""
        self._reporter.phase(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def build_another(
    environment: Environment, reporter: Reporter, file: StackFile
) -> tuple[SiteWorld, tuple[StackStep, ...]]:
    """Provision a site from a new stack file: first its registry, to which images are pushed, then the rest."""
    site = environment.account.add_site(file.path)
    steps: tuple[StackStep, ...] = ()
    for bootstrap in (True, False):
        site.file.set("lifeline:bootstrap", bootstrap)
        site.file.save()
        done = environment.account.up(site, on_step=reporter.step)
        reporter.say(f"{site.name} in {site.region}: {'registry, ' if bootstrap else ''}{len(done.steps)} steps")
        steps += _stack_steps(site, done)
    environment.open_door(site, str(done.outputs["loadBalancer"]))
    return site, steps


def build_both(environment: Environment, reporter: Reporter, **more: Any) -> tuple[SiteWorld, SiteWorld]:
    """Provision both sites from their committed stack files and more settings. The second needs the first's zone."""
    first = _add_committed(environment, "primary", more)
    made = environment.account.up(first, on_step=reporter.step)
    reporter.say(f"primary in {first.region}: {len(made.steps)} steps")
    second = _add_committed(environment, "secondary", {**more, "zoneId": made.outputs["zoneId"]})
    followed = environment.account.up(second, on_step=reporter.step)
    reporter.say(f"secondary in {second.region}: {len(followed.steps)} steps")
    balancers = {"primary": made.outputs["loadBalancer"], "secondary": followed.outputs["loadBalancer"]}
    environment.open_doors(balancers, str(made.outputs["zoneId"]))
    return first, second


def _add_committed(environment: Environment, name: str, settings: Mapping[str, Any]) -> SiteWorld:
    site = environment.account.add_site(PROGRAM_ROOT / f"Pulumi.{name}.yaml")
    for key, value in settings.items():
        site.file.set(f"lifeline:{key}", value)
    site.file.save()
    return site


def people_near(environment: Environment, site: SiteWorld) -> People:
    """Start clients near one site, after the first results of the health checks. Their first writes are old."""
    environment.clock.sleep(WARM_UP_SECONDS)
    client = environment.people(site)
    environment.clock.sleep(LOAD_SECONDS)
    with client.away():
        environment.clock.skip(objectives.RPO_USER_DATA_SECONDS)
    environment.clock.sleep(LOAD_SECONDS)
    return client


def apply(environment: Environment, reporter: Reporter, site: SiteWorld, **changes: Any) -> tuple[StackStep, ...]:
    """Edit a site's stack file and run `up`, which is all that an engineer does."""
    for key, value in changes.items():
        site.file.set(f"lifeline:{key}", value)
    site.file.save()
    edit = shorten(", ".join(f"{key}: {value}" for key, value in changes.items()), 200) or "no edit"
    done = environment.account.up(site, on_step=reporter.step)
    environment.pods_of(site)  # those of a new cluster begin to run
    reporter.say(f"Pulumi.{site.name}.yaml: {edit}: {len(done.steps)} steps")
    return _stack_steps(site, done)


def _stack_steps(site: SiteWorld, done: UpResult) -> tuple[StackStep, ...]:
    return tuple(StackStep(site.name, step.op, step.type, step.name) for step in done.steps)


def flip(
    environment: Environment, reporter: Reporter, survivor: SiteWorld
) -> tuple[tuple[StackStep, ...], tuple[Check, ...]]:
    """Perform the flip: append one entry and run `up`. Then run `up` again, which must change nothing."""
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
    return _stack_steps(survivor, done), checks


def fail_over(
    environment: Environment, reporter: Reporter, client: People, lost: SiteWorld, survivor: SiteWorld
) -> tuple[tuple[StackStep, ...], tuple[Check, ...]]:
    """Lose a region, let the other site lead, and wait until every tier answers."""
    disaster = environment.clock.now()
    environment.lose_region(lost)
    steps, checks = flip(environment, reporter, survivor)
    wait_until_back(environment, client, disaster)
    return steps, checks


def handover_record(environment: Environment, epoch: int, region: str) -> Mapping[str, Any] | None:
    """Wait for the handover record of a draining site. Returns None if it is not written in time."""
    ledger = environment.account.ledger
    until(environment, lambda: ledger.get(region, handover_key(epoch)) is not None)
    return ledger.get(region, handover_key(epoch))


def switchover(
    environment: Environment, reporter: Reporter, leader: SiteWorld, taker: SiteWorld
) -> tuple[StackStep, ...]:
    """Perform a planned switchover: drain the leader, let the other site take over, and update the leader's timeline.

    Raises:
        DeploymentError: if the gate refuses.
    """
    timeline = [str(entry) for entry in leader.config.history]
    ending, beginning = len(timeline), [*timeline, str(taker.config.own_database)]
    steps = apply(environment, reporter, leader, switchover={"drain": ending})
    record = handover_record(environment, ending, taker.config.ledger_region)
    reporter.say(f"drained: {record['position'] if record else 'no handover record was written'}")
    steps += apply(environment, reporter, taker, timeline=beginning, switchover={"take": ending + 1})
    return steps + apply(environment, reporter, leader, timeline=beginning)


def seeded_at(site: SiteWorld, epoch: int) -> dict[str, Any]:
    """The database section of a site's stack file, with another epoch in `seeded`."""
    return {**site.file.config["lifeline:database"], "seeded": epoch}


def until(environment: Environment, holds: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> float:
    """Wait until a condition holds. Returns the simulated seconds that it took, infinite if it did not hold in time."""
    began = environment.clock.now()
    while not holds():
        if environment.clock.now() - began > patience:
            return float("inf")
        environment.clock.sleep(0.5)
    return environment.clock.now() - began


def wait_until_back(
    environment: Environment,
    client: People,
    disaster: float,
    patience: float = PATIENCE_SECONDS,
    tiers: Iterable[objectives.Tier] = objectives.TIERS,
) -> None:
    """Wait until the tiers answer without failures for a while, or for at most `patience` simulated seconds."""

    def back(tier: str) -> bool:
        outage = client.outage(tier, disaster)
        return environment.clock.now() - disaster > outage + SETTLE_SECONDS

    deadline = environment.clock.now() + patience
    while environment.clock.now() < deadline and not all(back(tier.name) for tier in tiers):
        environment.clock.sleep(2)


def tier_outcomes(
    client: People,
    began: float,
    assumptions: Mapping[str, tuple[Assumption, ...]] = BY_TIER,
    ended: float = math.inf,
) -> tuple[TierOutcome, ...]:
    """Each tier's outage between two moments (simulated seconds), with the terms that are assumed for it."""
    return tuple(tier_outcome(client, tier, began, assumptions, ended) for tier in objectives.TIERS)


def tier_outcome(
    client: People,
    tier: objectives.Tier,
    began: float,
    assumptions: Mapping[str, tuple[Assumption, ...]] = BY_TIER,
    ended: float = math.inf,
) -> TierOutcome:
    """One tier's outage."""
    failures = tuple(map(str, client.failures(tier.name, began, ended)))
    people = client.outages(tier.name, began, ended)
    left_behind = client.left_behind(tier.name, began, ended)
    return TierOutcome(tier, people, assumptions[tier.name], failures, left_behind)


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
    crisis_event_rpo_seconds: int = objectives.RPO_CRISIS_EVENTS_SECONDS,
    two_writers_seconds: float = TWO_WRITERS_SECONDS,
) -> Outcome:
    """The outcome of a scenario.

    Args:
        scenario: its name.
        environment: the environment in which it was played.
        tiers: the outage of each tier.
        losses: the acknowledged data that was lost.
        writes_ended: the moment from which the age of lost rows and events is counted. Simulated seconds.
        steps: every step of every stack.
        checks: the scenario's own checks and the plan's.
        phases: the wall-clock time of each phase.
        user_data_rpo_seconds: the limit for the age of a lost user row; 0 if none may be lost.
        crisis_event_rpo_seconds: that of a lost crisis event; 0 if none may be lost.
        two_writers_seconds: the longest for which two databases may take writes; infinite if no bound is promised.
    """
    rpo_seconds = dict.fromkeys(Kind, user_data_rpo_seconds) | {Kind.EVENT: crisis_event_rpo_seconds}
    return Outcome(
        scenario=scenario,
        engine=environment.engine,
        tiers=tiers,
        crisis_events=losses.loss(Kind.EVENT),
        user_rows=losses.loss(Kind.USER),
        event_rows=losses.loss(Kind.EVENT_ROW),
        crisis_event_loss_seconds=oldest(losses.missing(Kind.EVENT), writes_ended),
        crisis_event_rpo_seconds=crisis_event_rpo_seconds,
        user_data_loss_seconds=oldest(losses.missing_rows, writes_ended),
        user_data_rpo_seconds=user_data_rpo_seconds,
        steps=steps,
        checks=(
            *checks,
            *judged(losses, writes_ended, rpo_seconds, two_writers_seconds),
            every_stray_was_led(environment),
        ),
        phases=phases.seconds,
    )
