"""Faults at drawn moments hit both sites, and then the leading region is lost behind a replica that is late."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from components.kube.jobs import FENCE
from procedures.checks import Check
from recovery import objectives
from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import verify
from rehearsal.world.faults import Impairment, people_to, pods_of
from rehearsal.world.lag import held
from rehearsal.world.nemesis import Blow, Fault, Nemesis, blows
from rehearsal.world.people import People
from rehearsal.world.platform import SWITCH

WITHIN_SECONDS, SHORTEST_SECONDS, LONGEST_SECONDS = 150.0, 10.0, 40.0
"""The simulated seconds of the strikes before the disaster, and the shortest and the longest of one fault."""
LAG_SECONDS = (20.0, 40.0)
"""The least and the most by which the replica is late when the region is lost. Simulated seconds."""
LOOK_SECONDS = 5.0
"""The simulated seconds between the loss of the region and a write that was on its way: a client's limit."""


def nemesis(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, strike them, let the replica fall behind, lose the leading region, and fail over."""
    phases = Phases(reporter)
    with phases("build both sites"):
        lost, survivor = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, lost)
    with phases(f"the nemesis strikes, by seed {environment.seed}"):
        before = environment.clock.now()
        strikes, planned = _strike(environment, reporter, lost, survivor)
        actions.wait_until_back(environment, client, before)
    lag = random.Random(environment.seed).uniform(*LAG_SECONDS)
    with phases(f"the replica falls behind by {lag:.0f} s, and the region is lost"):
        with _behind(environment, lost, survivor):
            environment.clock.sleep(lag)
            disaster = environment.clock.now()
            environment.lose_region(lost)
        reporter.say(f"{lost.region} answers nothing")
    with phases("flip, while the survivor is hit as well"), _hit(environment, reporter, survivor):
        steps, checks = actions.flip(environment, reporter, survivor)
        actions.wait_until_back(environment, client, disaster)
    with phases("verify"):
        checks = (*checks, *verify(environment, client, survivor))
        client.stop()
    losses = losses_of(environment, client, survivor)
    oldest = max((disaster - at for at in losses.missing_rows), default=0.0)
    return outcomes.outcome(
        "nemesis",
        environment,
        tiers=outcomes.tier_outcomes(client, disaster),
        losses=losses,
        writes_ended=disaster,
        steps=steps,
        checks=(
            Check(f"every fault was made: {'; '.join(map(str, planned))}", passed=strikes == len(planned)),
            _hurt(client, before, disaster),
            *_no_longer_than_promised(client, before, disaster),
            Check(
                f"rows are lost, and none that is older than the lag of {lag:.1f} s",
                passed=0 < oldest <= lag + LOOK_SECONDS,
                detail=f"the oldest is {oldest:.1f} s old",
            ),
            *checks,
        ),
        phases=phases,
    )


def _strike(
    environment: Environment, reporter: Reporter, leader: SiteWorld, standby: SiteWorld
) -> tuple[int, list[Blow]]:
    """Let every fault hit once. Returns how many were made, and when they were to be."""
    faults = {**_faults(environment, leader), **_faults(environment, standby)}
    faults[f"{_database(standby)} gets no log"] = partial(_behind, environment, leader, standby)
    planned = blows(faults, environment.seed, within=WITHIN_SECONDS, shortest=SHORTEST_SECONDS, longest=LONGEST_SECONDS)
    with Nemesis(faults, planned, environment.clock, reporter.say) as running:
        running.wait()
    return len(running.struck), planned


def _faults(environment: Environment, site: SiteWorld) -> dict[str, Fault]:
    """The faults of one site: its services at AWS, its links, and processes that stop (SIGSTOP) and go on."""
    faults, region = environment.faults, site.region
    chance = random.Random(f"{environment.seed} {site.name}")
    ledger = chance.choice([*Impairment])
    return {
        f"DynamoDB in {region} is {ledger}": partial(faults.impaired, "dynamodb", region, ledger),
        f"Secrets Manager in {region} is silent": partial(faults.impaired, "secretsmanager", region),
        f"people do not reach {region}": partial(faults.severed, people_to(region, near=region)),
        f"the load balancer in {region} does not reach its pods": partial(faults.severed, pods_of(region)),
        f"a fence in {region} stands still": partial(_stopped, environment, site, f"{FENCE}-0"),
        f"a switch in {region} stands still": partial(_stopped, environment, site, f"{SWITCH}-0"),
    }


@contextmanager
def _stopped(environment: Environment, site: SiteWorld, pod: str) -> Generator[None]:
    """Stop a pod's process while the block lasts. Requests to it get no answer meanwhile."""
    pods = environment.pods_of(site)
    pods.signal(pod, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(KeyError):  # it was replaced meanwhile
            pods.signal(pod, signal.SIGCONT)


def _behind(environment: Environment, leader: SiteWorld, standby: SiteWorld) -> contextlib.AbstractContextManager[None]:
    return held(environment.postgres[_database(leader)], _database(standby))


@contextmanager
def _hit(environment: Environment, reporter: Reporter, survivor: SiteWorld) -> Generator[None]:
    """Let the survivor's Secrets Manager be slow, and a pod of its fence and of its switch stand still, in the flip.

    Its ledger is left alone: without any site that can note a crisis, Route 53 answers as if all were healthy.
    """
    reporter.say(f"in {survivor.region}, Secrets Manager is slow, and a fence and a switch stand still")
    with (
        environment.faults.impaired("secretsmanager", survivor.region, Impairment.SLOW),
        _stopped(environment, survivor, f"{FENCE}-0"),
        _stopped(environment, survivor, f"{SWITCH}-0"),
    ):
        yield


def _hurt(client: People, since: float, until: float) -> Check:
    """Whether the faults were felt. If they were not, nothing is shown."""
    failed = sum(len(client.failures(tier.name, since, until)) for tier in objectives.TIERS)
    return Check(f"people felt the faults before the disaster: {failed} requests failed", passed=failed > 0)


def _no_longer_than_promised(client: People, since: float, until: float) -> tuple[Check, ...]:
    """Whether every tier was back in time before the disaster, with nothing done by anyone."""
    outages = {tier: client.outage(tier.name, since, until) for tier in objectives.TIERS}
    return tuple(
        Check(f"{tier.title} was out for {seconds:.0f} s before the disaster", passed=seconds < tier.rto_seconds)
        for tier, seconds in outages.items()
    )


def _database(site: SiteWorld) -> str:
    return database_identifier(site.config.own_database)
