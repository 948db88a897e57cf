"""Both regions are lost with everything but the locked copies, and the platform is built again from those.

The plan has no objective for this. The rehearsal holds every tier to four hours, the plan's longest one, and the loss
to the age of the newest copy. It plays docs/runbooks/both-regions-lost.md.
"""

from __future__ import annotations

import contextlib
import http
from dataclasses import dataclass, replace

from procedures.assumptions import REBUILT
from procedures.checks import Check
from procedures.leftovers import delete_records_of, distribution_of
from procedures.web import FAILURES
from recovery import objectives
from recovery.naming import (
    LEDGER_CRON_JOB,
    LEDGER_RESTORE_JOB,
    backup_bucket,
    copy_name,
    database_identifier,
    ledger_bucket,
)
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome, StackStep
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.backups import Night, archive_crisis_events, back_up_and_prove, restore_checks
from rehearsal.scenarios.losses import losses_of, users_in
from rehearsal.scenarios.new_sites import edit, new_file, one_writer
from rehearsal.scenarios.verification import verify
from rehearsal.world.people import People
from stacks.stackfile import StackFile

NETWORKS = {"tertiary": "10.30.0.0/16", "quaternary": "10.40.0.0/16"}


def both_regions_lost(environment: Environment, reporter: Reporter) -> Outcome:
    """Lose both regions, build a site that answers to people in a crisis, restore the data, and build its standby."""
    phases = Phases(reporter)
    with phases("build both sites"):
        lost = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, lost[0])
    with phases("the night's copies are made"):
        kept = _copy(environment, reporter, lost)
    with phases("people go on"):
        environment.clock.sleep(actions.LOAD_SECONDS)
    disaster = environment.clock.now()
    with phases("both regions are lost, and return with the locked copies alone"):
        files = _files(environment, lost)
        page = _lose(environment, reporter, client, lost)
    with phases("a new site is built, and the crisis services answer"):
        home, steps = actions.build_another(environment, reporter, files[0])
        crisis = (objectives.CRISIS, objectives.HOTLINE)
        actions.wait_until_back(environment, client, disaster, tiers=crisis)
    with phases("the users' data is restored from the copy of the dump"):
        steps += _restore(environment, reporter, home, lost[0], kept.night)
        restored = users_in(environment, home)
        actions.wait_until_back(environment, client, disaster)
    with phases("its standby is built, and the zone is owned"):
        _delete_records(environment, reporter, lost[1])
        away, made = actions.build_another(environment, reporter, _with_timeline(files[1], home))
        environment.postgres.wait_caught_up(database_identifier(away.config.own_database))
        steps += made + actions.apply(environment, reporter, home, globals="own")
    with phases("verify"):
        checks = verify(environment, client, home)
        client.stop()
    losses = losses_of(environment, client, home)
    tiers = outcomes.tier_outcomes(client, disaster, REBUILT)
    return outcomes.outcome(
        "both-regions-lost",
        environment,
        tiers=tuple(replace(tier, tier=replace(tier.tier, rto_seconds=objectives.DATA.rto_seconds)) for tier in tiers),
        losses=losses,
        writes_ended=disaster,
        steps=steps,
        checks=(
            page,
            *restore_checks(environment, home, kept.night, restored),
            _events_check(environment, home, kept.events),
            *_rebuilt_checks(environment, home, away, steps),
            *checks,
        ),
        phases=phases,
        user_data_rpo_seconds=objectives.OLDEST_BACKUP_SECONDS,
        crisis_event_rpo_seconds=objectives.OLDEST_BACKUP_SECONDS,
    )


@dataclass(frozen=True)
class _Kept:
    night: Night
    events: frozenset[str]
    """The keys of the crisis events that the ledger had when it was exported."""


def _copy(environment: Environment, reporter: Reporter, sites: tuple[SiteWorld, SiteWorld]) -> _Kept:
    """Back up and export, in both sites, and let S3 copy it to the other region."""
    archive_crisis_events(environment, sites[0])
    night = back_up_and_prove(environment, reporter, sites[0])
    events = _events(environment, sites[0])
    for site in sites:
        environment.pods_of(site).run_cron_job(LEDGER_CRON_JOB)
    copied = environment.replicate_buckets()
    reporter.say(f"S3 replication (modelled): {len(copied)} objects")
    return _Kept(night, events)


def _events(environment: Environment, site: SiteWorld) -> frozenset[str]:
    keys = {str(item["pk"]) for item in environment.account.ledger.scan(site.region)}
    return frozenset(key for key in keys if key.startswith("event#"))


def _lose(environment: Environment, reporter: Reporter, client: People, sites: tuple[SiteWorld, SiteWorld]) -> Check:
    """Lose both sites. Until the standby is built, the failing check of the second one leads people to the page."""
    for site in sites:
        environment.lose_region(site)
    page = _page_check(environment, client, sites[0].config.domain)
    _delete_records(environment, reporter, sites[0])
    for site in sites:
        environment.forget(site)
    environment.lose_stores()
    return page


def _page_check(environment: Environment, client: People, domain: str) -> Check:
    """Whether people get the page of the last resort, by DNS alone, at both names."""

    def answer() -> bool:
        with contextlib.suppress(*FAILURES):
            answers = [client.browser.page(host) for host in (domain, f"www.{domain}")]
            return all(status == http.HTTPStatus.SERVICE_UNAVAILABLE and "tel:988" in text for status, text in answers)
        return False

    seconds = actions.until(environment, answer)
    limit = 2 * objectives.detection_seconds(objectives.RECORD_TTL_SECONDS)
    return Check(
        f"people get the page with numbers to call within {limit} s",
        passed=seconds <= limit,
        detail=f"after {seconds:.0f} s",
    )


def _delete_records(environment: Environment, reporter: Reporter, site: SiteWorld) -> None:
    zone_id, domain = environment.zone_id, site.config.domain
    deleted = delete_records_of(environment.console.route53, zone_id, site.name, domain)
    reporter.say(f"{len(deleted)} records and health checks of {site.name} were deleted")
    environment.read_zone()


def _files(environment: Environment, lost: tuple[SiteWorld, SiteWorld]) -> tuple[StackFile, StackFile]:
    """The files of both new sites: those of the lost ones, with the lines of the runbook."""
    zone_id = str(lost[0].config.zone_id or lost[1].config.zone_id)
    page = distribution_of(environment.console.cloudfront, lost[0].config.domain)
    gone = {site.name: site.region for site in lost}
    names = tuple(NETWORKS)
    account = lost[0].config.account
    exports = [
        {"bucket": copy_name(ledger_bucket(site.name, account=account)), "region": other.region}
        for site, other in zip(lost, reversed(lost), strict=True)
    ]
    first, second = (
        new_file(
            old,
            name,
            NETWORKS[name],
            lostSites=gone,
            primaryRecord=names[0],
            peer={"site": peer, "region": other.region, "cidr": NETWORKS[peer]},
            zoneId=zone_id,
        )
        for old, other, name, peer in zip(lost, reversed(lost), names, reversed(names), strict=True)
    )
    edit(
        first,
        globals="adopt",
        adopted={"distributionId": page, "ledger": "lost"},
        timeline=["primary-1", f"{names[0]}-2"],
        switchover={"drain": 2},
        ledger={**first.config["lifeline:ledger"], "restores": exports},
        database={**first.config["lifeline:database"], "seeded": 2, "restores": [{"epoch": 2, "empty": True}]},
    )
    return first, second


def _with_timeline(file: StackFile, leader: SiteWorld) -> StackFile:
    """The standby's file: it follows the leader from its present epoch on."""
    timeline = [str(entry) for entry in leader.config.history]
    edit(file, timeline=timeline, database={**file.config["lifeline:database"], "seeded": len(timeline)})
    return file


def _restore(
    environment: Environment, reporter: Reporter, site: SiteWorld, lost: SiteWorld, night: Night
) -> tuple[StackStep, ...]:
    """Begin a new epoch with the copy of the dump, which is in the region of the lost site's former peer."""
    bucket = copy_name(backup_bucket(lost.name, account=site.config.account))
    dump = {"dump": night.manifest.name, "dumpFrom": {"bucket": bucket, "region": lost.config.peer.region}}
    steps, _ = actions.restore(environment, reporter, site, dump, drained=False)
    return steps


def _events_check(environment: Environment, site: SiteWorld, events: frozenset[str]) -> Check:
    found = events & _events(environment, site)
    jobs = [job["metadata"]["name"] for job in site.cluster.list("Job")]
    (restore,) = [name for name in jobs if name.startswith(LEDGER_RESTORE_JOB)]
    said = [line for line in environment.pods_of(site).log(restore) if line["step"] == "events restored"]
    return Check(
        "the new ledger has every crisis event of both exports",
        passed=found == events and len(events) > 0 and len(said) == 2,
        detail=f"{len(events)} events then, {len(found)} of them restored; {[line['added'] for line in said]} added",
    )


def _rebuilt_checks(
    environment: Environment, home: SiteWorld, away: SiteWorld, steps: tuple[StackStep, ...]
) -> tuple[Check, ...]:
    ended = sorted({step.name for step in steps if step.op in ("delete", "replace")})
    imported = [step.name for step in steps if step.op == "import"]
    return (
        one_writer(environment, home, away),
        Check("nothing is deleted or replaced", passed=not ended, detail=", ".join(ended)),
        Check("the zone and the page are adopted, and nothing else", passed=len(imported) == 10, detail=str(imported)),
    )
