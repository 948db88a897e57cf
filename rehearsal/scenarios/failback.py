"""The full round: a region is lost, the other one leads, the lost one returns, is reseeded, and leads again."""

from __future__ import annotations

from recovery import objectives
from recovery.naming import database_identifier
from recovery.objectives import Tier
from rehearsal.assumptions import BY_TIER, PLANNED
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Check, Outcome, TierOutcome, outcome_of
from rehearsal.scenarios import actions
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.verification import verify
from rehearsal.world.client import BlackBoxClient


def failback(environment: Environment, reporter: Reporter, engine: str) -> Outcome:
    """Fail over unplanned, reseed what returned, switch over back, and give the other site its next database."""
    phases = Phases(reporter)
    with phases("build both sites"):
        home, away = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, home)
    disaster = environment.clock.now()
    with phases("the region is lost, and the other site leads"):
        environment.lose_region(home)
        steps, checks = actions.flip(environment, reporter, away)
        actions.wait_until_back(environment, client, disaster)
    with phases("the region returns, is fenced and reseeded"):
        environment.restore_region(home)
        timeline = [str(entry) for entry in away.config.history]
        steps += actions.apply(environment, reporter, home, timeline=timeline)
        steps += _reseed(environment, reporter, home)
    returned = environment.clock.now()
    with phases("switchover back"):
        steps += actions.switchover(environment, reporter, away, home)
        actions.wait_until_back(environment, client, returned)
    with phases("the other site follows again"):
        steps += _reseed(environment, reporter, away)
    with phases("verify"):
        checks = (*checks, *_order(environment, home, away), *verify(client, home.config.domain))
        client.stop()
    rows, missing = actions.rows_kept(environment, client, home)
    late = [at for at in missing if at >= disaster]
    return Outcome(
        scenario="failback",
        engine=engine,
        tiers=tuple(_worst(client, tier, disaster, returned) for tier in objectives.TIERS),
        crisis_events=actions.events_kept(environment, client, home),
        user_rows=rows,
        user_data_loss_seconds=max((disaster - at for at in missing), default=0.0),
        user_data_rpo_seconds=objectives.RPO_USER_DATA_SECONDS,
        steps=steps,
        checks=(
            Check("the way back loses no user row", passed=not late, detail=f"{len(late)} rows"),
            Check(
                "it ends where it began, two epochs later",
                passed=[entry.site for entry in home.config.history] == [home.name, away.name, home.name],
                detail=", ".join(str(entry) for entry in home.config.history),
            ),
            *checks,
        ),
        phases=phases.seconds,
    )


def _reseed(environment: Environment, reporter: Reporter, site: SiteWorld) -> tuple[actions.StackStep, ...]:
    """Give a fenced site a new database, copied from the leader, and wait until it has caught up."""
    steps = actions.apply(environment, reporter, site, database=actions.seeded_at(site, len(site.config.history)))
    environment.postgres.wait_caught_up(database_identifier(site.config.own_database))
    return steps


def _worst(client: BlackBoxClient, tier: Tier, disaster: float, returned: float) -> TierOutcome:
    """The longer of the two outages: the disaster's, and that of the planned way back."""
    unplanned = outcome_of(tier, client.outage(tier.name, disaster, returned), BY_TIER[tier.name])
    planned = outcome_of(tier, client.outage(tier.name, returned), PLANNED[tier.name])
    return max(unplanned, planned, key=lambda found: found.outage_seconds)


def _order(environment: Environment, home: SiteWorld, away: SiteWorld) -> tuple[Check, ...]:
    """Of all databases that there ever were, one takes writes, and the others are kept."""
    expected = database_identifier(home.config.own_database)
    known = sorted(environment.databases(home) + environment.databases(away))
    writable = [name for name in known if environment.postgres.is_writable(name)]
    return (
        Check("exactly one database takes writes", passed=writable == [expected], detail=", ".join(writable)),
        Check("every database is kept", passed=len(known) == 4, detail=", ".join(known)),
    )
