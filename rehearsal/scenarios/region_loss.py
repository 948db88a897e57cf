"""Scenario 4 of the plan: the region of the leading site is lost, and the control planes in us-east-1 with it."""

from __future__ import annotations

from pathlib import Path

from engine.up import PROGRAM_ROOT
from recovery import objectives
from rehearsal.environment import Environment
from rehearsal.report import Outcome, outcome_of
from rehearsal.scenarios import actions
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.verification import verify


def region_loss(environment: Environment, reporter: Reporter, engine: str, root: Path = PROGRAM_ROOT) -> Outcome:
    """Build both sites, lose the leading one's region, flip, verify, and count."""
    phases = Phases(reporter)
    with phases("build both sites"):
        lost, survivor = actions.build_both(environment, reporter, root)
    with phases("people use the platform"):
        client = actions.people_near(environment, lost)
    disaster = environment.clock.now()
    with phases("the region is lost"):
        environment.faults.lose_control_planes("us-east-1")
        environment.lose_region(lost)
        reporter.say(f"{lost.region} answers nothing; Route 53, IAM and S3 configuration cannot be changed anywhere")
    with phases("flip"):
        steps, checks = actions.flip(environment, reporter, survivor)
    with phases("until everything is back"):
        actions.wait_until_back(environment, client, disaster)
    with phases("verify"):
        checks = (*checks, *verify(client, survivor.config.domain))
        client.stop()
    rows, missing = actions.rows_kept(environment, client, survivor)
    return Outcome(
        scenario="region-loss",
        engine=engine,
        tiers=tuple(outcome_of(tier, client.outage(tier.name, disaster)) for tier in objectives.TIERS),
        crisis_events=actions.events_kept(environment, client, survivor),
        user_rows=rows,
        user_data_loss_seconds=max((disaster - at for at in missing), default=0.0),
        user_data_rpo_seconds=objectives.RPO_USER_DATA_SECONDS,
        steps=steps,
        checks=checks,
        phases=phases.seconds,
    )
