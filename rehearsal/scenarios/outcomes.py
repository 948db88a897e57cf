"""The outcome of a scenario, from what its clients met and what its databases have."""

from __future__ import annotations

import math
from collections.abc import Mapping

from procedures.assumptions import BY_TIER, Assumption
from procedures.checks import Check
from recovery import objectives
from rehearsal.environment import Environment
from rehearsal.history import Kind
from rehearsal.report import Outcome, StackStep, TierOutcome
from rehearsal.scenarios.actions import Phases
from rehearsal.scenarios.losses import TWO_WRITERS_SECONDS, Losses, judged, oldest
from rehearsal.scenarios.verification import every_stray_was_led
from rehearsal.world.people import People


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
