"""DynamoDB is impaired in the leading site's region: a crisis is detected there, and cannot be noted."""

from __future__ import annotations

from procedures.assumptions import NO_DECISION
from procedures.checks import Check
from recovery import objectives
from rehearsal.environment import Environment
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import verify
from rehearsal.world.ledger import event_keys


def ledger_impaired(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, impair the leading site's copy of the ledger, and change nothing: the crisis traffic moves."""
    phases = Phases(reporter)
    with phases("build both sites"):
        impaired, other = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, impaired)
    began = environment.clock.now()
    with phases("the ledger is impaired"):
        environment.faults.impair("dynamodb", impaired.region)
        reporter.say(f"DynamoDB in {impaired.region} answers nothing; every other service does")
    with phases("until the crisis tier answers"):
        actions.until(environment, lambda: bool(client.failures(objectives.CRISIS.name, began)))
        actions.wait_until_back(environment, client, began, tiers=(objectives.CRISIS,))
        noted = _noted_at(environment, other.region, other.name)
    with phases("the ledger returns"):
        back = environment.clock.now()
        environment.faults.restore(impaired.region)
        environment.clock.sleep(actions.WARM_UP_SECONDS)
        returned = _noted_at(environment, impaired.region, impaired.name) - noted
        actions.wait_until_back(environment, client, back)
    with phases("verify"):
        checks = verify(environment, client, impaired)
        client.stop()
    web = client.outage(objectives.CORE.name, began, back)
    return outcomes.outcome(
        "ledger-impaired",
        environment,
        tiers=outcomes.tier_outcomes(client, began, NO_DECISION),
        losses=losses_of(environment, client, impaired),
        writes_ended=began,
        steps=(),
        checks=(
            Check("crisis events are noted by the other site", passed=bool(noted), detail=str(len(noted))),
            Check("crisis traffic returns with the ledger", passed=bool(returned), detail=str(len(returned))),
            Check("the website stays where its database is", passed=not web, detail=f"{web:.0f} s"),
            *checks,
        ),
        phases=phases,
    )


def _noted_at(environment: Environment, region: str, site: str) -> set[str]:
    """The keys of the events that one site has noted."""
    items = environment.account.ledger.scan(region)
    return event_keys(item for item in items if item.get("site") == site)
