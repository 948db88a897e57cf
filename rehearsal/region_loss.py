"""Scenario 4 of the plan: the region of the leading site is lost, and the control planes in us-east-1 with it."""

from __future__ import annotations

from pathlib import Path

from engine.up import PROGRAM_ROOT
from recovery import objectives
from rehearsal import acts
from rehearsal.acts import Phases, Stagehand
from rehearsal.report import Outcome, outcome_of
from rehearsal.stage import Stage
from rehearsal.verification import verify


def region_loss(stage: Stage, hand: Stagehand, engine: str, root: Path = PROGRAM_ROOT) -> Outcome:
    """Build both sites, lose the leading one's region, flip, verify, and count."""
    phases = Phases(hand)
    with phases("build both sites"):
        lost, survivor = acts.build_both(stage, hand, root)
    with phases("people use the platform"):
        client = acts.people_near(stage, lost)
    disaster = stage.clock.now()
    with phases("the region is lost"):
        stage.faults.lose_control_planes("us-east-1")
        stage.lose_region(lost)
        hand.say(f"{lost.region} answers nothing; Route 53, IAM and S3 configuration cannot be changed anywhere")
    with phases("flip"):
        steps, checks = acts.flip(stage, hand, survivor)
    with phases("until everything is back"):
        acts.wait_until_back(stage, client, disaster)
    with phases("verify"):
        checks = (*checks, *verify(client, survivor.config.domain))
        client.stop()
    rows, missing = acts.rows_kept(stage, client, survivor)
    return Outcome(
        scenario="region-loss",
        engine=engine,
        tiers=tuple(outcome_of(tier, client.outage(tier.name, disaster)) for tier in objectives.TIERS),
        crisis_events=acts.events_kept(stage, client, survivor),
        user_rows=rows,
        user_data_loss_seconds=max((disaster - at for at in missing), default=0.0),
        user_data_rpo_seconds=objectives.RPO_USER_DATA_SECONDS,
        steps=steps,
        checks=checks,
        phases=phases.seconds,
    )
