"""A region is lost and stays lost: a site with a new name takes its place in a region without a copy of the ledger.

The survivor adopts the global resources except the ledger, as docs/runbooks/adopt.md says, and moves its copies, as
docs/runbooks/rebuild-elsewhere.md says.
"""

from __future__ import annotations

from typing import Any

from procedures.checks import Check
from procedures.leftovers import adoption, delete_records_of
from procedures.web import FAILURES
from recovery.naming import database_identifier, site_host
from rehearsal.access import OfflineAccess
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter, StackStep
from rehearsal.scenarios.backups import Night, archive_crisis_events, back_up_and_prove
from rehearsal.scenarios.exports import ledger_check
from rehearsal.scenarios.failback import worst_outages
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.new_sites import edit
from rehearsal.scenarios.rebuild_region import NEW, adopted_check, new_site_file, rebuilt_checks
from rehearsal.scenarios.verification import verify
from rehearsal.world.people import People
from stacks.stackfile import StackFile

REGION = "ca-central-1"
ZONES = [f"{REGION}{zone}" for zone in "abd"]


def rebuild_elsewhere(environment: Environment, reporter: Reporter) -> Outcome:
    """Lose a region for good, adopt, move the survivor's copies, build a new site elsewhere, and let it lead."""
    phases = Phases(reporter)
    with phases("build both sites"):
        lost, survivor = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, lost)
    disaster = environment.clock.now()
    with phases("the region is lost for good, and the other site leads"):
        steps, checks = actions.fail_over(environment, reporter, client, lost, survivor)
    settled = environment.clock.now()
    with phases("the survivor adopts the zone and the passwords"):
        zone_id, file = str(survivor.config.zone_id), _new_file(lost, survivor)
        delete_records_of(environment.console.route53, zone_id, lost.name, survivor.config.domain)
        environment.read_zone()
        adopted = adoption(OfflineAccess(environment, survivor), survivor.config, lost.config, later=True)
        before = survivor.aws.clients.calls.copy()
        adopting = actions.apply(environment, reporter, survivor, globals="adopt", adopted=adopted)
        untouched = adopted_check(adopting, survivor.aws.clients.calls - before, 14)
        steps += adopting
    with phases("the survivor's copies move to another region"):
        moving = _move_copies(environment, reporter, lost, survivor)
        steps += moving + actions.apply(environment, reporter, survivor, globals="own")
        archive_crisis_events(environment, survivor)
        night = back_up_and_prove(environment, reporter, survivor)
    with phases("a new site is built in that region"):
        rebuilt, made = actions.build_another(environment, reporter, file)
        steps += made
        environment.postgres.wait_caught_up(database_identifier(rebuilt.config.own_database))
    with phases("the new site takes over"):
        steps += actions.switchover(environment, reporter, survivor, rebuilt)
        actions.wait_until_back(environment, client, settled)
    with phases("verify"):
        exported = ledger_check(environment, reporter, rebuilt)
        moved = (_moved_check(moving), _filled_check(night), exported)
        checks = (*checks, untouched, *moved, *verify(environment, client, rebuilt))
        client.stop()
    losses = losses_of(environment, client, rebuilt)
    late = [at for at in losses.missing_rows if at >= disaster]
    checks = (
        Check("no user row is lost after the failover", passed=not late, detail=f"{len(late)} rows"),
        *rebuilt_checks(environment, survivor, rebuilt, made),
        *checks,
    )
    with phases("the region with the ledger is lost too"):
        environment.lose_region(survivor)
        checks = (*checks, _acknowledges_nothing(client, rebuilt))
    return outcomes.outcome(
        "rebuild-elsewhere",
        environment,
        tiers=worst_outages(client, disaster, settled),
        losses=losses,
        writes_ended=disaster,
        steps=steps,
        checks=checks,
        phases=phases,
    )


def _ledger(lost: SiteWorld, survivor: SiteWorld) -> dict[str, Any]:
    return {"witness": survivor.config.ledger.witness, "regions": [lost.region, survivor.region]}


def _new_file(lost: SiteWorld, survivor: SiteWorld) -> StackFile:
    """The file of a new site in the lost region, with the further lines of the runbook."""
    file = new_site_file(lost, survivor)
    peer, network = file.config["lifeline:peer"], file.config["lifeline:network"]
    file.set("aws:region", REGION)
    ledger = _ledger(lost, survivor)
    edit(file, ledger=ledger, peer={**peer, "copies": 2}, network={**network, "zones": ZONES})
    return file


def _move_copies(
    environment: Environment, reporter: Reporter, lost: SiteWorld, survivor: SiteWorld
) -> tuple[StackStep, ...]:
    """Let Pulumi forget the copies in the lost region, and make new ones where the new site will be."""
    released = actions.apply(environment, reporter, survivor, copies={"release": True})
    moved = actions.apply(
        environment,
        reporter,
        survivor,
        peer={"site": NEW.name, "region": REGION, "cidr": NEW.cidr},
        lostSites={lost.name: lost.region},
        primaryRecord=NEW.name,
        ledger=_ledger(lost, survivor),
        copies={"generation": 2},
    )
    return released + moved


def _moved_check(steps: tuple[StackStep, ...]) -> Check:
    """A component exists in the state only."""
    deleted = [step.name for step in steps if step.op == "delete" and not step.type.startswith("lifeline:")]
    forgotten = sum(step.op == "forget" for step in steps)
    text = f"{forgotten} resources in the lost region are left as they are, and none is deleted"
    return Check(text, passed=forgotten > 0 and not deleted, detail=", ".join(deleted))


def _filled_check(night: Night) -> Check:
    """The restore check reads the copy that the survivor's jobs know."""
    bucket, problems = night.proof["bucket"], night.proof["problems"]
    passed = not problems and night.proof["backup"] == night.manifest.name and bucket.endswith("-copy-2")
    return Check("a new dump is in the new copy, and was restored from it", passed=passed, detail=bucket)


def _acknowledges_nothing(client: People, site: SiteWorld) -> Check:
    """An event that the site cannot keep must be refused: its region has no copy of the ledger."""
    host = site_host(site.name, site.config.domain)
    text = "the new site acknowledges no crisis event while the region of its ledger is lost"
    try:
        answer = client.browser.send(
            host, "POST", "/api/crisis/detect", {"message": "I am thinking about hurting myself"}
        )
    except FAILURES as error:
        return Check(text, passed=True, detail=str(error))
    return Check(text, passed=False, detail=str(answer))
