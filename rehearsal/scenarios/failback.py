"""The full round: a region is lost, the other site leads, the lost region returns, is reseeded, and leads again."""

from __future__ import annotations

from typing import Any

from procedures.assumptions import PLANNED
from procedures.checks import Check
from recovery import objectives
from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome, TierOutcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter, StackStep
from rehearsal.scenarios.losses import kept_after, losses_of
from rehearsal.scenarios.new_sites import one_writer
from rehearsal.scenarios.verification import verify
from rehearsal.world.effects import INSTANCE
from rehearsal.world.people import People


def failback(environment: Environment, reporter: Reporter) -> Outcome:
    """Fail over, reseed the returned site, switch over back to it, and reseed the other site."""
    phases = Phases(reporter)
    with phases("build both sites"):
        home, away = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, home)
    disaster = environment.clock.now()
    with phases("the region is lost, and the other site leads"):
        steps, checks = actions.fail_over(environment, reporter, client, home, away)
    with phases("the region returns, is fenced and reseeded"):
        environment.restore_region(home)
        steps += actions.reseed(environment, reporter, home, away)
    returned = environment.clock.now()
    with phases("switchover back"):
        steps += actions.switchover(environment, reporter, away, home)
        actions.wait_until_back(environment, client, returned)
    with phases("the other site follows again"):
        steps += actions.reseed(environment, reporter, away, home)
    with phases("verify"):
        checks = (*checks, *_database_checks(environment, home, away), *verify(environment, client, home))
        client.stop()
        losses = losses_of(environment, client, home)
        first = database_identifier(home.config.history[0])
        checks = (*kept_after(environment, losses, first, home, disaster), *checks)
    with phases("the first leader is retired"):
        retiring, retired = _retire(environment, reporter, home)
        steps += retiring
    return outcomes.outcome(
        "failback",
        environment,
        tiers=worst_outages(client, disaster, returned),
        losses=losses,
        writes_ended=disaster,
        steps=steps,
        checks=(
            retired,
            Check(
                "the first site leads again, two epochs later",
                passed=[entry.site for entry in home.config.history] == [home.name, away.name, home.name],
                detail=", ".join(str(entry) for entry in home.config.history),
            ),
            *checks,
        ),
        phases=phases,
    )


def _retire(environment: Environment, reporter: Reporter, site: SiteWorld) -> tuple[tuple[StackStep, ...], Check]:
    """Delete the site's first database, which is fenced, as docs/runbooks/retire.md says."""
    retired, before = site.config.history[0], set(_instances(site))
    database: dict[str, Any] = site.file.config["lifeline:database"]
    steps = actions.apply(environment, reporter, site, database={**database, "unprotected": [retired.epoch]})
    database = {**database, "unprotected": [], "retired": [retired.epoch]}
    deleting = actions.apply(environment, reporter, site, database=database)
    gone = before - set(_instances(site))
    snapshot = f"{database_identifier(retired)}-final"
    kept = snapshot in environment.console.snapshots(site)
    return steps + deleting, Check(
        f"{retired} alone is deleted, and {snapshot} is kept",
        passed=gone == {f"database-{retired.epoch}-instance"} and {step.op for step in deleting} == {"delete"} and kept,
        detail=f"deleted: {', '.join(sorted(gone))}; snapshots: {', '.join(environment.console.snapshots(site))}",
    )


def _instances(site: SiteWorld) -> list[str]:
    return [entry.name for entry in site.engine.resources(site.name).values() if entry.type == INSTANCE]


def worst_outages(client: People, disaster: float, returned: float) -> tuple[TierOutcome, ...]:
    """The longer of two outages, by tier: that of the disaster, and that of the planned way back.

    The second one begins when a request fails: the preparations take long, and everything answers meanwhile.
    """

    def worse(tier: objectives.Tier) -> TierOutcome:
        unplanned = outcomes.tier_outcome(client, tier, disaster, ended=returned)
        planned = outcomes.tier_outcome(client, tier, client.worked_until(tier.name, returned), PLANNED)
        return max(unplanned, planned, key=lambda outcome: outcome.outage_seconds)

    return tuple(map(worse, objectives.TIERS))


def _database_checks(environment: Environment, home: SiteWorld, away: SiteWorld) -> tuple[Check, ...]:
    """Of all databases that ever existed, exactly one takes writes, and all are kept."""
    databases = sorted(environment.databases(home) + environment.databases(away))
    return (
        one_writer(environment, home, away),
        Check("every database is kept", passed=len(databases) == 4, detail=", ".join(databases)),
    )
