"""A rebuild: the survivor of a site that is gone for good gets a new peer, in the region of the lost one."""

from __future__ import annotations

from dataclasses import dataclass

from procedures.access import Access, ProcedureError, Report, Stack
from procedures.deploying import Deployed, deploy
from procedures.edits import DATABASE, Values, edit
from procedures.failover import config_of
from procedures.leftovers import adoption, delete_records_of, zone_of
from procedures.lock import Lock
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig, parse
from stacks.stackfile import TIMELINE, StackFile

NAME = "rebuild"
GLOBALS = "lifeline:globals"


@dataclass(frozen=True)
class NewSite:
    """The site that takes the place of the lost one, in its region."""

    name: str
    cidr: str
    """Of its network, which overlaps with none of the others."""


def peer_values(survivor: SiteConfig, lost: SiteConfig, new: NewSite) -> Values:
    """The edit that gives the survivor its new peer."""
    return {
        "lifeline:peer": {"site": new.name, "region": lost.region, "cidr": new.cidr},
        "lifeline:lostSites": {**survivor.lost_sites, lost.site: lost.region},
        "lifeline:primaryRecord": survivor.site if survivor.has_primary_record else new.name,
    }


def site_values(lost: StackFile, survivor: SiteConfig, former: SiteConfig, new: NewSite) -> Values:
    """The lines of the new site's file that differ from the lost one's."""
    network, database = lost.config["lifeline:network"], lost.config.get(DATABASE, {})
    kept = {key: database[key] for key in database if key not in ("restores", "kept", "retired", "unprotected")}
    return {
        GLOBALS: "use",
        "lifeline:adopted": None,
        "lifeline:switchover": None,
        "lifeline:zoneId": survivor.zone_id,
        TIMELINE: [*map(str, survivor.history)],
        "lifeline:lostSites": {**survivor.lost_sites, former.site: former.region},
        "lifeline:primaryRecord": survivor.site if survivor.has_primary_record else new.name,
        "lifeline:network": {**network, "cidr": new.cidr},
        "lifeline:peer": {"site": survivor.site, "region": survivor.region, "cidr": survivor.network.cidr},
        DATABASE: {**kept, "seeded": len(survivor.history)},
    }


def rebuild(survivor: Stack, lost: SiteConfig, new: NewSite, access: Access, report: Report) -> tuple[Deployed, ...]:
    """Delete the lost site's records, adopt what it owned, and give the survivor its new peer.

    Interrupted at any moment, it continues when it is run again. The new site itself is built afterwards.

    Args:
        survivor: the stack of the site that leads.
        lost: the configuration of the site that never comes back.
        new: the site that takes its place.
        access: the account. IAM's and Route 53's control planes must work.
        report: shows the progress.

    Raises:
        ConfigError: if the file has mistakes.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if another operator works on the site, or it does not lead.
        AbsentError: if a resource that is to be adopted is not found.
    """
    config = config_of(survivor)
    refuse(config, lost, new)
    with Lock(access, config).held(NAME):
        report.done("lock")
        done: list[Deployed] = []
        route53 = access.client("route53", config.region)
        zone_id = config.zone_id or zone_of(route53, config.domain)
        gone = delete_records_of(route53, zone_id, lost.site, config.domain)
        report.say(f"{len(gone)} records and health checks of {lost.site} are deleted")
        report.done("records")
        if config.globals == "use":
            adopted = adoption(access, config, lost)
            edit(survivor, {GLOBALS: "adopt", "lifeline:adopted": adopted}, report)
        report.done("adopt")
        adopts = config_of(survivor).globals == "adopt"
        if adopts and config.peer.site != new.name:
            done.append(deploy(survivor, report))
        report.done("up adopt")
        edit(survivor, peer_values(config, lost, new), report)
        report.done("peer")
        done.append(deploy(survivor, report))
        report.done("up peer")
        if adopts:
            edit(survivor, {GLOBALS: "own"}, report)
            report.done("own")
            done.append(deploy(survivor, report))
        report.done("up own")
    report.done("unlock")
    return tuple(done)


def refuse(config: SiteConfig, lost: SiteConfig, new: NewSite) -> None:
    """Refuse what cannot be a rebuild.

    Raises:
        ProcedureError: if the site does not lead, has another peer, or the new name was one of a site.
    """
    if config.role is not DatabaseRole.LEADER:
        hint = f"lifeline failover --stack {config.site}, before it is rebuilt"
        raise ProcedureError(f"{config.site} does not lead", hint)
    if config.peer.site not in (lost.site, new.name):
        raise ProcedureError(f"the peer of {config.site} is {config.peer.site}, not {lost.site}", "lifeline status")
    if new.name in {entry.site for entry in config.history} | config.lost_sites.keys() - {new.name}:
        hint = "take a new name: what the old site left keeps its own"
        raise ProcedureError(f"{new.name} was the name of a site", hint)


def new_file(lost: StackFile, survivor: SiteConfig, former: SiteConfig, new: NewSite) -> StackFile:
    """The stack file of the new site, as a copy of the lost one's. It is not saved.

    Raises:
        ConfigError: if it would have mistakes.
    """
    file = StackFile(lost.path)
    file.path = lost.path.with_name(f"Pulumi.{new.name}.yaml")
    file.change(site_values(lost, survivor, former, new))
    parse(file.config, stack=new.name)
    if (key := file.secrets_key) is not None:
        file.set_secrets_key(key.replace(f"-{former.site}-", f"-{new.name}-"))
    return file
