"""The plan's own monthly test: the database fails over within its region, and the crisis detector has no pods."""

from __future__ import annotations

from components.kube.services import CRISIS_DETECTOR
from procedures.assumptions import NOTHING, Assumption
from procedures.calls import call
from procedures.checks import Check
from recovery import objectives
from recovery.naming import NAMESPACE, database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import none_fails, verify
from rehearsal.world.people import People

PLAYED_SECONDS = 60
"""The simulated seconds for which the database is away."""
_FAILOVER = Assumption(
    "RDS moves the database to its standby in another zone",
    60,
    "Amazon RDS User Guide, Multi-AZ DB instance deployments: typically 60-120 seconds, of which a rehearsal plays 60",
)
_BY_TIER: dict[str, tuple[Assumption, ...]] = {
    tier.name: NOTHING if tier in (objectives.CRISIS, objectives.HOTLINE) else (_FAILOVER,) for tier in objectives.TIERS
}
"""RDS and the health checks act by themselves."""
_TEST = {"message": "test", "test": True}
"""The message of the plan's test."""


def monthly_test(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, and do both parts of the plan's test while people use the platform."""
    phases = Phases(reporter)
    with phases("build both sites"):
        leader, other = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, leader)
    began = environment.clock.now()
    with phases("test 1: the database fails over"):
        replica_answers = _fail_over(environment, leader, other)
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, began)
        data_back = environment.clock.now()
    with phases("test 2: the crisis detector has no pods"):
        usual = leader.cluster.pods(NAMESPACE, CRISIS_DETECTOR.name)
        leader.cluster.scale(NAMESPACE, CRISIS_DETECTOR.name, 0)
        actions.until(environment, lambda: bool(client.failures(objectives.CRISIS.name, data_back)))
        actions.wait_until_back(environment, client, data_back, tiers=(objectives.CRISIS,))
        answered = _answered(client, leader)
    with phases("restore the pods"):
        leader.cluster.scale(NAMESPACE, CRISIS_DETECTOR.name, usual)
        environment.clock.sleep(actions.WARM_UP_SECONDS)
        again = environment.account.up(leader, on_step=reporter.step)
        actions.wait_until_back(environment, client, data_back)
    with phases("verify"):
        checks = verify(environment, client, leader)
        client.stop()
    return outcomes.outcome(
        "monthly-test",
        environment,
        tiers=outcomes.tier_outcomes(client, began, _BY_TIER),
        losses=losses_of(environment, client, leader),
        writes_ended=began,
        user_data_rpo_seconds=0,
        steps=(),
        checks=(
            Check("the replica in the other region answers meanwhile", passed=replica_answers),
            none_fails(
                "the crisis services go on without the database", client, (objectives.CRISIS,), began, data_back
            ),
            answered,
            Check("the test leaves nothing to repair", passed=not again.steps, detail=f"{len(again.steps)} steps"),
            *checks,
        ),
        phases=phases,
    )


def _fail_over(environment: Environment, leader: SiteWorld, other: SiteWorld) -> bool:
    """Let the leader's database be away and return with all its data. Returns whether the replica answers meanwhile.

    The standby in another zone has every commit, because RDS replicates to it synchronously.
    """
    name = database_identifier(leader.config.own_database)
    environment.postgres.kill(name)
    environment.clock.sleep(PLAYED_SECONDS)
    answers = environment.postgres[database_identifier(other.config.own_database)].truth("SELECT 1 = 1")
    environment.postgres.start(name)
    return answers


def _answered(client: People, site: SiteWorld) -> Check:
    host = f"api.{site.config.domain}"
    return call(client.browser, host, "POST", "/api/crisis/detect", lambda answer: "crisis_detected" in answer, _TEST)
