"""A region is lost for good: its site's state is gone, and a site with a new name takes its place.

The survivor adopts the global resources, as docs/runbooks/adopt.md says, and gets a new peer, as
docs/runbooks/rebuild-region.md says.
"""

from __future__ import annotations

from typing import Any

from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Check, Outcome
from rehearsal.scenarios import actions
from rehearsal.scenarios.actions import Phases, Reporter, StackStep
from rehearsal.scenarios.failback import worst_outages
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.new_sites import new_file, one_writer
from rehearsal.scenarios.verification import verify
from rehearsal.world import operator
from stacks.stackfile import StackFile

NAME, CIDR = "tertiary", "10.30.0.0/16"
_TOUCHED = ("cloudfront", "dynamodb", "route53", "secretsmanager")
_READS = ("Describe", "Get", "List")


def rebuild_region(environment: Environment, reporter: Reporter) -> Outcome:
    """Lose a region and its state, adopt, build a new site in the region, and let it lead."""
    phases = Phases(reporter)
    with phases("build both sites"):
        lost, survivor = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, lost)
    disaster = environment.clock.now()
    with phases("the region is lost, and the other site leads"):
        steps, checks = actions.fail_over(environment, reporter, client, lost, survivor)
    returned = environment.clock.now()
    with phases("the region returns empty, and the state of its stack is gone"):
        zone_id = str(survivor.config.zone_id)
        file = new_site_file(lost, survivor)
        environment.forget(lost)
        deleted = operator.delete_records_of(environment.console.route53, zone_id, lost.name, survivor.config.domain)
        environment.read_zone()
        reporter.say(f"{len(deleted)} records and health checks of {lost.name} were deleted")
    with phases("the survivor adopts the zone, the ledger and the passwords"):
        adopting, untouched = adopt(environment, reporter, survivor)
        steps += adopting
        peer = {"site": NAME, "region": lost.region, "cidr": CIDR}
        gone = {lost.name: lost.region}
        steps += actions.apply(environment, reporter, survivor, peer=peer, lostSites=gone, primaryRecord=NAME)
        steps += actions.apply(environment, reporter, survivor, globals="own")
    with phases("a new site is built in the region"):
        rebuilt, made = actions.build_another(environment, reporter, file)
        steps += made
        environment.postgres.wait_caught_up(database_identifier(rebuilt.config.own_database))
    with phases("the new site takes over"):
        steps += actions.switchover(environment, reporter, survivor, rebuilt)
        actions.wait_until_back(environment, client, returned)
    with phases("verify"):
        checks = (*checks, untouched, *verify(client, rebuilt.config.domain))
        client.stop()
    losses = losses_of(environment, client, rebuilt)
    late = [at for at in losses.missing_rows if at >= disaster]
    return actions.outcome(
        "rebuild-region",
        environment,
        tiers=worst_outages(client, disaster, returned),
        losses=losses,
        writes_ended=disaster,
        steps=steps,
        checks=(
            Check("no user row is lost after the failover", passed=not late, detail=f"{len(late)} rows"),
            *rebuilt_checks(environment, survivor, rebuilt, made),
            *checks,
        ),
        phases=phases,
    )


def new_site_file(lost: SiteWorld, survivor: SiteWorld, **changes: Any) -> StackFile:
    """The stack file of the new site: a copy of the lost one's, with the lines of the runbook and some others."""
    timeline = [str(entry) for entry in survivor.config.history]
    return new_file(
        lost,
        NAME,
        CIDR,
        globals="use",
        zoneId=survivor.config.zone_id,
        timeline=timeline,
        lostSites={lost.name: lost.region},
        primaryRecord=NAME,
        peer={"site": survivor.name, "region": survivor.region, "cidr": survivor.config.network.cidr},
        database=actions.seeded_at(lost, len(timeline)),
        **changes,
    )


def adopt(
    environment: Environment, reporter: Reporter, survivor: SiteWorld, **ledger: str
) -> tuple[tuple[StackStep, ...], Check]:
    """Adopt the global resources, and see that AWS was only asked about them.

    Args:
        environment: the environment of the scenario.
        reporter: shows the steps.
        survivor: the site that adopts.
        ledger: `later` as `ledger` if the region of the ledger's other copy does not answer.
    """
    adopted = {
        "distributionId": operator.distribution_of(environment.console.cloudfront, survivor.config.domain),
        **operator.separate_passwords(survivor.region, survivor.config.account, environment.faults),
        **ledger,
    }
    before = survivor.aws.clients.calls.copy()
    steps = actions.apply(environment, reporter, survivor, globals="adopt", adopted=adopted)
    calls = survivor.aws.clients.calls - before
    writes = sorted(
        f"{service} {operation}"
        for service, operation, _ in calls
        if service in _TOUCHED and not operation.startswith(_READS)
    )
    imported = sum(step.op == "import" for step in steps)
    text = f"{imported} resources are adopted, and AWS is only asked about them"
    expected = 14 if ledger else 15
    return steps, Check(text, passed=imported == expected and not writes, detail=", ".join(writes))


def rebuilt_checks(
    environment: Environment, survivor: SiteWorld, rebuilt: SiteWorld, made: tuple[StackStep, ...]
) -> tuple[Check, ...]:
    """Whether the new site was built by creations alone, leads, and has the only database that takes writes."""
    other = sorted({step.op for step in made} - {"create"})
    history = [entry.site for entry in rebuilt.config.history]
    return (
        Check("the new site is built by creations alone", passed=not other, detail=", ".join(other)),
        one_writer(environment, rebuilt, survivor),
        Check("the new site leads", passed=history[-1] == rebuilt.name, detail=", ".join(history)),
    )
