"""The plan's own verification calls, made after a recovery ("System Health Validation")."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from procedures import verification
from procedures.checks import Check, reason
from procedures.web import FAILURES
from recovery.objectives import CRISIS_RESPONSE_SECONDS, Tier
from rehearsal.access import OfflineAccess
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.scenarios.asked import asked
from rehearsal.world.people import People

Answer = Mapping[str, Any]


def verify(environment: Environment, client: People, leader: SiteWorld) -> tuple[Check, ...]:
    """`lifeline status` and the points of `lifeline verify`, and whether every answer to the client came in time."""
    access = OfflineAccess(environment, leader, web=client.browser)
    after = asked(environment, leader, "after", leader=str(leader.config.own_database))
    return (after, *verification.verify(access, leader.config), _responds_in_time(client))


def said(client: People, domain: str, path: str, body: Answer, field: str) -> str:
    """A field of the crisis services' answer to a person, or the reason for which they get none."""
    try:
        return str(client.browser.send(f"api.{domain}", "POST", path, body)[field])
    except FAILURES as error:
        return reason(error)


def none_fails(name: str, client: People, tiers: Iterable[Tier], since: float, until: float = math.inf) -> Check:
    """Whether no request of some tiers failed between two moments, in simulated seconds."""
    failed = [str(sample) for tier in tiers for sample in client.failures(tier.name, since, until)]
    return Check(name, passed=not failed, detail="; ".join(failed))


def _responds_in_time(client: People) -> Check:
    """The checklist's "responding < 2 s", over every answered request of the client that asks often.

    In real seconds, because a simulated one is shorter, and without those for which this machine was behind.
    """
    slowest = max((sample.latency for sample in client.first.samples("crisis") if sample.ok), default=float("inf"))
    return Check(
        "crisis detection responds in time",
        passed=slowest < CRISIS_RESPONSE_SECONDS,
        detail=f"slowest answer {slowest:.3f} s of this machine's time, limit {CRISIS_RESPONSE_SECONDS} s",
    )


def every_stray_was_led(environment: Environment) -> Check:
    """Whether every web request that met a site that cannot take writes was led to the other one, once it was ready."""
    strays = [platform.strays for platform in environment.platforms.values()]
    answered = [request for stray in strays for request in stray.answered]
    led, pages = sum(stray.led for stray in strays), sum(stray.pages for stray in strays)
    text = f"web requests answered by a site that cannot take writes while the other one could: {len(answered)}"
    name = f"{text}, led there: {led}, pages without data: {pages}"
    return Check(name, passed=not answered, detail="; ".join(answered))
