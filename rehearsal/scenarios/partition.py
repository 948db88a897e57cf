"""The leading site is cut off from the ledger, its replica and people elsewhere, and serves those who reach it."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager

from procedures.checks import Check
from recovery import objectives
from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.judge import overlap
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import TWO_WRITERS_SECONDS, Losses, left_in, losses_of
from rehearsal.scenarios.split_brain import refuses_write
from rehearsal.scenarios.verification import verify
from rehearsal.world.client import BlackBoxClient
from rehearsal.world.faults import people_to
from rehearsal.world.lag import held

WATCH_SECONDS = 60
"""How long people who are pinned to the old leader are observed after all others are back. Simulated seconds."""


def partition(environment: Environment, reporter: Reporter) -> Outcome:
    """By default, the old leader takes the writes of those who reach it until it reads the ledger, without bound."""
    return _play(environment, reporter, strict=False)


def partition_strict(environment: Environment, reporter: Reporter) -> Outcome:
    """With `lifeline:fence: strict`, the old leader stops before the other one begins. Those who reach only it wait."""
    return _play(environment, reporter, strict=True)


def _play(environment: Environment, reporter: Reporter, *, strict: bool) -> Outcome:
    """Build both sites, cut the leading one off, fail over, watch those who are pinned to it, and heal the links."""
    phases = Phases(reporter)
    with phases("build both sites"):
        old, taker = actions.build_both(environment, reporter, fence="strict" if strict else "evidence")
    with phases("people use the platform, some of them pinned to the leading site"):
        client = actions.people_near(environment, taker)
        pinned = environment.pinned(old, beside=client)
        environment.clock.sleep(actions.LOAD_SECONDS)
    disaster = environment.clock.now()
    with phases("the leading site is cut off, and the other one leads"), _cut_off(environment, old, taker):
        reporter.say(f"{old.name} reaches no ledger and no replica; people near {taker.region} do not reach it")
        steps, checks = actions.flip(environment, reporter, taker)
        actions.wait_until_back(environment, client, disaster)
        environment.clock.sleep(WATCH_SECONDS)
        ended = environment.clock.now()
        pinned.stop()
    with phases("the links heal, and the old leader is fenced"):
        seconds = actions.until(environment, lambda: not environment.postgres.is_writable(_database(old)))
        timeline = [str(entry) for entry in taker.config.history]
        steps += actions.apply(environment, reporter, old, timeline=timeline)
    with phases("verify"):
        checks = (_fenced(environment, old, seconds), *checks, *verify(environment, client, taker))
        client.stop()
    losses = losses_of(environment, client, taker)
    promised = _stopped(pinned, disaster) if strict else _went_on(losses)
    return outcomes.outcome(
        "partition-strict" if strict else "partition",
        environment,
        tiers=outcomes.tier_outcomes(client, disaster, ended=ended),
        losses=losses,
        writes_ended=disaster,
        two_writers_seconds=0.0 if strict else math.inf,
        steps=steps,
        checks=(promised, left_in(environment, _database(old), losses.lost_rows, taker), *checks),
        phases=phases,
    )


@contextmanager
def _cut_off(environment: Environment, old: SiteWorld, taker: SiteWorld) -> Generator[None]:
    """Let the leading site serve only people near it and health checkers. Afterwards every link works again."""
    with held(environment.postgres[_database(old)], _database(taker)):
        environment.faults.impair("dynamodb", old.region)
        environment.faults.cut(people_to(old.region, near=taker.region))
        yield
    environment.faults.restore(old.region)


def _fenced(environment: Environment, old: SiteWorld, seconds: float) -> Check:
    """Whether the old leader was closed soon after the links had healed, and takes no write that is sent to it."""
    refused = refuses_write(environment, old.name)
    return Check(
        f"the old leader takes no writes within {TWO_WRITERS_SECONDS} s after the links have healed",
        passed=seconds <= TWO_WRITERS_SECONDS and refused,
        detail=f"{seconds:.1f} s",
    )


def _went_on(losses: Losses) -> Check:
    """Whether people who reached only the old leader were served there beside the new one."""
    beside = overlap(losses.writes)
    return Check(f"people pinned to the old leader wrote there beside the new one: {beside}", bool(beside.writes))


def _stopped(pinned: BlackBoxClient, disaster: float) -> Check:
    """Whether people who reached only the old leader were refused there. The judge shows that it stopped in time."""
    refused = pinned.failures(objectives.CORE.name, disaster)
    return Check(f"people pinned to the old leader were refused there: {len(refused)} writes", bool(refused))


def _database(site: SiteWorld) -> str:
    return database_identifier(site.config.own_database)
