"""Scenario 4 of the plan: the leading site's region is lost, and us-east-1's control planes are lost with it."""

from __future__ import annotations

from rehearsal.environment import Environment
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.asked import asked
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import verify


def region_loss(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, lose the leading site's region, fail over, verify, and count the losses."""
    phases = Phases(reporter)
    with phases("build both sites"):
        lost, survivor = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, lost)
        first = str(lost.config.own_database)
        before = asked(environment, survivor, "before", leader=first)
    disaster = environment.clock.now()
    with phases("the region is lost"):
        environment.faults.lose_control_planes("us-east-1")
        environment.lose_region(lost)
        reporter.say(f"{lost.region} answers nothing; Route 53, IAM and S3 configuration cannot be changed anywhere")
        during = asked(environment, survivor, "during the loss", leader=first)
    with phases("flip"):
        steps, checks = actions.flip(environment, reporter, survivor)
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, disaster)
    with phases("verify"):
        checks = (before, during, *checks, *verify(environment, client, survivor))
        client.stop()
    return outcomes.outcome(
        "region-loss",
        environment,
        tiers=outcomes.tier_outcomes(client, disaster),
        losses=losses_of(environment, client, survivor),
        writes_ended=disaster,
        steps=steps,
        checks=checks,
        phases=phases,
    )
