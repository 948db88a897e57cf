"""Every link of every way, used once: what people, health checkers and jobs find when nothing is lost."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from components.kube.jobs import FENCE
from procedures.calls import call, calls
from procedures.checks import Check
from procedures.web import NoAnswerError
from recovery.naming import LEADS_PATH, YIELDS_PATH, leads_answer, site_host, yields_answer
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.scenarios.standings import newest
from rehearsal.world.browser import Browser
from rehearsal.world.dns import ClientResolver, Resolver
from rehearsal.world.health import status
from rehearsal.world.zone import HealthCheck, Zone, load_zone


def examine(environment: Environment) -> Iterator[Check]:
    """Use every link once, at both sites, one after another. A check that fails says which link is closed."""
    sites = [*environment.account.sites.values()]
    zone = load_zone(environment.console.route53, environment.zone_id)
    probe = functools.cache(environment.probe)
    resolver = Resolver(zone, lambda id_: status(zone.checks, id_, probe))  # as if every check had looked just now
    for site in sites:  # the answers there say why a link is closed
        yield from _at(environment, site)
    yield from _health(zone, probe)
    for site in sites:
        yield from _without(zone, site, sites)
        yield _fence(environment, site)
        yield _switch(environment, site)
        yield from _near(environment, resolver, site)


def _near(environment: Environment, resolver: Resolver, site: SiteWorld) -> Iterator[Check]:
    """The plan's calls and the page, of somebody near a site who has asked DNS just now."""
    browser, domain = _browser(environment, resolver, site), site.config.domain
    for check in (
        *calls(browser, domain),
        *(call(browser, host, "GET", "/", _any) for host in (domain, f"www.{domain}")),
    ):
        yield Check(f"near {site.name}: {check.name}", passed=check.passed, detail=check.detail)


def _at(environment: Environment, site: SiteWorld) -> Iterator[Check]:
    """The same at a site itself, whatever its role."""
    browser, host = _browser(environment, environment.resolver, site), site_host(site.name, site.config.domain)
    yield call(browser, host, "GET", "/health/complete", lambda answer: answer.get("status") == "healthy")
    yield call(browser, host, "GET", "/api/crisis/test", _any)
    yield call(browser, host, "GET", "/", _any)


def _any(_: Mapping[str, Any]) -> bool:
    return True


def _browser(environment: Environment, resolver: Resolver, site: SiteWorld) -> Browser:
    asked = ClientResolver(resolver, environment.clock, site.region)
    return Browser(environment.network(site.region), asked, environment.clock)


def _health(zone: Zone, probe: Callable[[HealthCheck], bool]) -> Iterator[Check]:
    """Every health check that a record has is healthy."""
    for record in zone.records:
        if record.health_check:
            failing = [
                f"{check.type} {check.fqdn}:{check.port}{check.path}"
                for check in _endpoints(zone, record.health_check)
                if probe(check) == check.inverted
            ]
            name = f"the health check of {record.name} at {record.set_identifier}"
            yield Check(name, passed=status(zone.checks, record.health_check, probe), detail=str(failing))


def _endpoints(zone: Zone, id_: str) -> Iterator[HealthCheck]:
    check = zone.checks[id_]
    if not check.children:
        yield check
    for child in check.children:
        yield from _endpoints(zone, child)


def _without(zone: Zone, lost: SiteWorld, sites: list[SiteWorld]) -> Iterator[Check]:
    """DNS leads everybody to the other site while one does not answer, and everybody to their own otherwise."""
    (other,) = (site for site in sites if site is not lost)
    domain = lost.config.domain

    def answers(check: HealthCheck) -> bool:
        return not check.search and check.fqdn != site_host(lost.name, domain)

    def leads_to(resolver: Resolver, name: str, near: SiteWorld, site: SiteWorld) -> Check:
        text = f"{name} near {near.name} leads to {site.name}{' while the other one is lost' if site is other else ''}"
        try:
            found = [resolver.resolve(host, near.region) for host in (name, site_host(site.name, domain))]
        except NoAnswerError as error:
            return Check(text, passed=False, detail=str(error))
        return Check(text, passed=len(set(found)) == 1, detail=" and ".join(found))

    left = Resolver(zone, lambda id_: status(zone.checks, id_, answers))
    whole = Resolver(zone, lambda id_: status(zone.checks, id_, lambda check: not check.search))
    yield leads_to(whole, f"api.{domain}", lost, lost)
    for name in (domain, f"www.{domain}", f"api.{domain}"):
        yield leads_to(left, name, lost, other)
    if lost.config.is_active:
        for name in (domain, f"www.{domain}"):
            yield leads_to(whole, name, other, lost)


def _switch(environment: Environment, site: SiteWorld) -> Check:
    """The switch of the leader says that it leads, and the other one that it yields."""
    leads = site.config.is_active
    path, words = (LEADS_PATH, leads_answer) if leads else (YIELDS_PATH, yields_answer)
    browser, host = _browser(environment, environment.resolver, site), site_host(site.name, site.config.domain)
    return call(browser, host, "GET", path, lambda answer: words(site.name) in str(answer.get("answer")))


def _fence(environment: Environment, site: SiteWorld) -> Check:
    """Every pod of a fence sees its database and the ledger."""
    expected = "leads" if site.config.is_active else "follows"
    name = f"the fence of {site.name} sees its database"
    log = environment.pods_of(site).log(FENCE)
    return Check(name, passed=newest(environment, site) == {expected}, detail=str(log[-1:]))
