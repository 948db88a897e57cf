"""Where the web traffic goes: the declared records and checks, Route 53's rules, and both sites' switches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from engine.computed import computed_id
from engine.registration import Registration
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.records import Claim
from operations.switch import Switch
from recovery.naming import LEADS_PATH, YIELDS_PATH
from recovery.timeline import DatabaseId
from rehearsal.world.clock import ManualClock
from rehearsal.world.dns import Resolver
from rehearsal.world.health import HealthChecks
from rehearsal.world.zone import Alias, HealthCheck, Record, Zone
from tests.harness import deploy
from tests.operations.world import SILENT, Table, ledger

DOMAIN = "mentalhealthplatform.com"
SITES = ("primary", "secondary")
CHECK = "aws:route53/healthCheck:HealthCheck"
RECORD = "aws:route53/record:Record"
PAGE = (200, "<html>Request blocked</html>")


def declared_checks(site: str) -> Iterator[HealthCheck]:
    for entry in _declared(site, CHECK):
        inputs = entry.inputs
        yield HealthCheck(
            id=computed_id(entry.type, entry.urn, inputs),
            type=inputs["type"],
            fqdn=inputs.get("fqdn", ""),
            path=inputs.get("resourcePath", "/"),
            search=inputs.get("searchString", ""),
            interval=inputs.get("requestInterval", 30),
            threshold=inputs.get("failureThreshold", 3),
            inverted=bool(inputs.get("invertHealthcheck")),
            children=tuple(inputs.get("childHealthchecks", ())),
            child_threshold=inputs.get("childHealthThreshold", 0),
        )


def declared_records(site: str) -> Iterator[Record]:
    for entry in _declared(site, RECORD):
        inputs = entry.inputs
        if "failoverRoutingPolicies" in inputs:
            (alias,) = inputs["aliases"]
            own = "elb" in alias["name"]
            yield Record(
                name=inputs["name"],
                type="A",
                alias=Alias(site if own else alias["name"], alias["evaluateTargetHealth"]),
                set_identifier=inputs["setIdentifier"],
                failover=inputs["failoverRoutingPolicies"][0]["type"],
                health_check=inputs.get("healthCheckId", ""),
            )


def _declared(site: str, type_: str) -> list[Registration]:
    return [entry for entry in deploy(site) if entry.type == type_]


@dataclass
class World:
    """Both sites under the declared checks, with one ledger that each site reads for itself."""

    table: Table = field(default_factory=lambda: Table("primary-1"))
    lost: set[str] = field(default_factory=set[str])
    pages: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    """The page that answers instead of a site's switch."""
    half_silent: set[str] = field(default_factory=set[str])
    """The sites of whose two switch pods one answers nothing."""
    blind: set[str] = field(default_factory=set[str])
    """The sites that cannot read the ledger."""
    _asked: int = 0

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.switches = {site: Switch(site, self._ledger()) for site in SITES}
        checks = {check.id: check for site in SITES for check in declared_checks(site)}
        self.checks = HealthChecks(checks, self._probe, self.clock)
        zone = Zone(tuple(record for site in SITES for record in declared_records(site)), checks)
        self.resolver = Resolver(zone, self.checks.status)
        self.ready(1)
        self.settle()

    def claim(self, *databases: str) -> None:
        """Claim the epochs of these databases, from the first."""
        self.table.items |= Table(*databases).items

    def ready(self, epoch: int) -> None:
        """Write a ready mark, as the fence of the epoch's leader does."""
        claim = self._ledger().claim(epoch)
        assert claim is not None
        self._ledger().mark_ready(claim, "2026-01-01T00:00:00+00:00")

    def restart(self, site: str) -> None:
        """Replace the pods of a site's switch, which then know nothing."""
        self.switches[site] = Switch(site, self._ledger())

    def settle(self) -> str:
        """Let two minutes pass, with a look of each switch every five seconds. Returns the site that DNS answers."""
        until = self.clock.now() + 120
        while self.clock.now() < until:
            for site in SITES:
                self._look(site)
            later = self.clock.now() + 5
            while (due := self.checks.next_due()) <= later:
                self.clock.advance(max(0.0, due - self.clock.now()))
                self.checks.run_due()
            self.clock.advance(later - self.clock.now())
        return self.resolver.resolve(DOMAIN)

    def _ledger(self) -> JobLedger:
        return ledger(self.table)

    def _look(self, site: str) -> None:
        self.table.failure = SILENT if site in self.blind else None
        try:
            self.switches[site].look()
        except LedgerUnreadableError:
            assert site in self.blind
        finally:
            self.table.failure = None

    def _probe(self, check: HealthCheck) -> bool:
        site = check.fqdn.partition(".")[0]
        if site in self.lost:
            return False
        if check.path not in (LEADS_PATH, YIELDS_PATH):
            return True
        self._asked += 1
        if site in self.half_silent and self._asked % 2:
            return False
        status, words = self.pages.get(site) or self.switches[site].answer(check.path)
        return status < 400 and check.search in words


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def moved(world: World) -> World:
    """The secondary leads."""
    _let_lead(world, "secondary")
    return world


def test_the_first_site_gets_the_traffic_before_any_mark_and_with_its_own(world: World) -> None:
    world.table.items.pop("ready#1")
    for site in SITES:
        world.restart(site)
    assert world.settle() == "primary"
    world.ready(1)
    assert world.settle() == "primary"


def test_the_traffic_stays_at_a_claim_and_goes_with_the_ready_mark_there_and_back(world: World) -> None:
    world.claim("primary-1", "secondary-1")
    assert world.settle() == "primary"
    world.ready(2)
    assert world.settle() == "secondary"
    world.claim("primary-1", "secondary-1", "primary-3")
    assert world.settle() == "secondary"
    world.ready(3)
    assert world.settle() == "primary"


def test_a_lost_leader_is_left_at_once_in_both_directions(world: World) -> None:
    world.lost = {"primary"}
    assert world.settle() == "secondary"
    world.lost = set()
    assert world.settle() == "primary"
    world.claim("primary-1", "secondary-1")
    world.ready(2)
    assert world.settle() == "secondary"
    # No site takes the web traffic any more, and one that answers is better than the page.
    world.lost = {"secondary"}
    assert world.settle() == "primary"


def test_a_first_site_that_is_lost_and_returns_gets_no_traffic_back(moved: World) -> None:
    moved.lost = {"primary"}
    assert moved.settle() == "secondary"
    moved.lost = set()
    moved.restart("primary")
    assert moved.settle() == "secondary"


def test_no_site_is_left_and_the_page_takes_over_until_one_returns(world: World) -> None:
    world.lost = {*SITES}
    assert world.settle().endswith(".cloudfront.net")
    world.lost = {"primary"}
    assert world.settle() == "secondary"


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("leader", SITES)
def test_a_page_that_answers_instead_of_a_switch_moves_nothing(world: World, leader: str, site: str) -> None:
    _let_lead(world, leader)
    world.pages[site] = PAGE
    assert world.settle() == leader


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("leader", SITES)
def test_a_silent_pod_moves_nothing(world: World, leader: str, site: str) -> None:
    _let_lead(world, leader)
    world.half_silent.add(site)
    assert world.settle() == leader


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("leader", SITES)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_site_that_cannot_read_the_ledger_moves_nothing(
    world: World, leader: str, site: str, restarted: bool
) -> None:
    _let_lead(world, leader)
    world.blind.add(site)
    if restarted:
        world.restart(site)
    assert world.settle() == leader


def test_both_sites_may_lose_the_ledger_and_the_traffic_stays(moved: World) -> None:
    moved.blind = set(SITES)
    assert moved.settle() == "secondary"


def test_a_site_that_lost_the_race_for_an_epoch_gets_no_traffic(world: World) -> None:
    """Both asked for epoch 2, and the ledger gave it to one. The other's fence sees another database in the claim."""
    world.claim("primary-1", "secondary-1")
    assert world.settle() == "primary"
    world.ready(2)
    assert world.settle() == "secondary"
    assert ledger(world.table).newest_ready() == Claim(2, DatabaseId("secondary", 1))


def _let_lead(world: World, leader: str) -> None:
    if leader == "secondary":
        world.claim("primary-1", "secondary-1")
        world.ready(2)
    assert world.settle() == leader
