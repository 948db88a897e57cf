"""The actions that scenarios share: provisioning, recovering and waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from textwrap import shorten
from typing import Any, Protocol

from engine.deployment import Step
from engine.pulumi_cli import PulumiEngine
from engine.root import PROGRAM_ROOT
from engine.up import UpResult
from procedures import emergency, failover
from procedures import rebuild as rebuilding
from procedures import reseed as reseeding
from procedures import restore as restoring
from procedures.checks import Check
from procedures.deploying import Deployed
from procedures.rebuild import NewSite
from procedures.switchover import switch_over
from recovery import objectives
from recovery.naming import database_identifier, handover_key
from rehearsal.access import OfflineAccess, OfflineStack
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome, StackStep
from rehearsal.scenarios import typed
from rehearsal.world.people import People
from stacks.config import SiteConfig
from stacks.stackfile import StackFile

WARM_UP_SECONDS = 35
"""Simulated. A new health check counts after its first results: threshold times interval, and a margin."""
LOAD_SECONDS = 20
"""Simulated seconds of normal use before the disaster."""
SETTLE_SECONDS = 30
"""Simulated seconds without a failure after which a tier counts as recovered."""
PATIENCE_SECONDS = 600.0
"""Simulated seconds to wait for an event before it is reported as missing."""


class Reporter(Protocol):
    """Shows the progress of a scenario."""

    def phase(self, text: str) -> None:
        """Show that a phase begins."""
        ...

    def step(self, step: Step) -> None:
        """Show a step of an engine."""
        ...

    def say(self, text: str) -> None:
        """Print one line about an event."""
        ...


class Shown:
    """Shows a procedure on a scenario's display, and notes when each of its steps ended."""

    def __init__(self, reporter: Reporter, now: Callable[[str], float] = lambda _: 0.0) -> None:
        self.say, self.step, self._now = reporter.say, reporter.step, now
        self.ended: dict[str, float] = {}

    def done(self, name: str) -> None:
        """Note the time."""
        self.ended[name] = self._now(name)


Scenario = Callable[[Environment, Reporter], Outcome]


class Phases:
    """The wall-clock seconds of each phase."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Generator[None]:
        """Announce a phase and measure it."""
        self._reporter.phase(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def build_another(
    environment: Environment, reporter: Reporter, file: StackFile
) -> tuple[SiteWorld, tuple[StackStep, ...]]:
    """Provision a site from a new stack file: first its registry, to which images are pushed, then the rest."""
    site = environment.account.add_site(file.path)
    environment.console.make_state_bucket(site)
    steps: tuple[StackStep, ...] = ()
    for bootstrap in (True, False):
        site.file.set("lifeline:bootstrap", bootstrap)
        site.file.save()
        done = environment.account.up(site, on_step=reporter.step)
        reporter.say(f"{site.name} in {site.region}: {'registry, ' if bootstrap else ''}{len(done.steps)} steps")
        steps += _stack_steps(site, done)
    environment.open_door(site, str(done.outputs["loadBalancer"]))
    return site, steps


def build_both(environment: Environment, reporter: Reporter, **more: Any) -> tuple[SiteWorld, SiteWorld]:
    """Provision both sites from their committed stack files and more settings. The second needs the first's zone."""
    first = _add_committed(environment, "primary", more)
    made = environment.account.up(first, on_step=reporter.step)
    reporter.say(f"primary in {first.region}: {len(made.steps)} steps")
    second = _add_committed(environment, "secondary", {**more, "zoneId": made.outputs["zoneId"]})
    followed = environment.account.up(second, on_step=reporter.step)
    reporter.say(f"secondary in {second.region}: {len(followed.steps)} steps")
    balancers = {"primary": made.outputs["loadBalancer"], "secondary": followed.outputs["loadBalancer"]}
    environment.open_doors(balancers, str(made.outputs["zoneId"]))
    return first, second


def _add_committed(environment: Environment, name: str, settings: Mapping[str, Any]) -> SiteWorld:
    site = environment.account.add_site(PROGRAM_ROOT / f"Pulumi.{name}.yaml")
    for key, value in settings.items():
        site.file.set(f"lifeline:{key}", value)
    site.file.save()
    environment.console.make_state_bucket(site)
    return site


def people_near(environment: Environment, site: SiteWorld) -> People:
    """Start clients near one site, after the first results of the health checks. Their first writes are old."""
    environment.clock.sleep(WARM_UP_SECONDS)
    client = environment.people(site)
    environment.clock.sleep(LOAD_SECONDS)
    with client.away():
        environment.clock.skip(objectives.RPO_USER_DATA_SECONDS)
    environment.clock.sleep(LOAD_SECONDS)
    return client


def apply(environment: Environment, reporter: Reporter, site: SiteWorld, **changes: Any) -> tuple[StackStep, ...]:
    """Edit a site's stack file and run `up`, which is all that an engineer does."""
    for key, value in changes.items():
        site.file.set(f"lifeline:{key}", value)
    site.file.save()
    edit = shorten(", ".join(f"{key}: {value}" for key, value in changes.items()), 200) or "no edit"
    done = environment.account.up(site, on_step=reporter.step)
    environment.pods_of(site)  # those of a new cluster begin to run
    reporter.say(f"Pulumi.{site.name}.yaml: {edit}: {len(done.steps)} steps")
    return _stack_steps(site, done)


def _stack_steps(site: SiteWorld, done: UpResult) -> tuple[StackStep, ...]:
    return tuple(StackStep(site.name, step.op, step.type, step.name) for step in done.steps)


def flip(
    environment: Environment, reporter: Reporter, survivor: SiteWorld
) -> tuple[tuple[StackStep, ...], tuple[Check, ...]]:
    """Perform the flip. Then perform it again, which must change nothing."""
    before = survivor.aws.clients.calls.copy()
    done, regions = _let_lead(environment, reporter, survivor)
    calls = survivor.aws.clients.calls - before
    again, more = _let_lead(environment, reporter, survivor)
    elsewhere = sorted(
        f"{service} {operation} in {region}" for service, operation, region in calls if region != survivor.region
    )
    asked = sorted((regions | more) - {survivor.region})
    made = ", ".join(sorted({f"{service} {operation}" for service, operation, _ in calls}))
    checks = (
        Check("the same flip again does nothing", passed=not again.steps, detail=f"{len(again.steps)} steps"),
        Check(
            "the flip calls nothing outside its own region",
            passed=not (elsewhere or asked),
            detail=", ".join((*elsewhere, *asked)) or made,
        ),
    )
    return _stack_steps(survivor, done), checks


def _let_lead(environment: Environment, reporter: Reporter, survivor: SiteWorld) -> tuple[UpResult, set[str]]:
    """Type `lifeline failover`, or, without the real engine, run what it runs. Returns also the regions asked."""
    if isinstance(survivor.engine, PulumiEngine):
        return typed.fail_over(environment, Shown(reporter), survivor, survivor.engine)
    access = OfflineAccess(environment, survivor)
    return failover.fail_over(OfflineStack(environment, survivor), access, Shown(reporter)), access.regions


def fail_over(
    environment: Environment, reporter: Reporter, client: People, lost: SiteWorld, survivor: SiteWorld
) -> tuple[tuple[StackStep, ...], tuple[Check, ...]]:
    """Lose a region, let the other site lead, and wait until every tier answers."""
    disaster = environment.clock.now()
    environment.lose_region(lost)
    steps, checks = flip(environment, reporter, survivor)
    wait_until_back(environment, client, disaster)
    return steps, checks


def handover_record(environment: Environment, epoch: int, region: str) -> Mapping[str, Any] | None:
    """Wait for the handover record of a draining site. Returns None if it is not written in time."""
    ledger = environment.account.ledger
    until(environment, lambda: ledger.get(region, handover_key(epoch)) is not None)
    return ledger.get(region, handover_key(epoch))


def switchover(
    environment: Environment, reporter: Reporter, leader: SiteWorld, taker: SiteWorld
) -> tuple[StackStep, ...]:
    """Perform a planned switchover, as `lifeline switchover` does.

    Raises:
        DeploymentError: if the gate refuses.
        ProcedureError: if the leader is not drained in time.
    """
    stacks = OfflineStack(environment, leader), OfflineStack(environment, taker)
    done = switch_over(*stacks, OfflineAccess(environment, taker), Shown(reporter))
    return _steps_of(environment, done)


def reseed(environment: Environment, reporter: Reporter, site: SiteWorld, leader: SiteWorld) -> tuple[StackStep, ...]:
    """Give a site a new database, as `lifeline reseed` does, and wait until it has caught up."""
    stack, access = OfflineStack(environment, site), OfflineAccess(environment, site)
    done = reseeding.reseed(stack, leader.config, access, Shown(reporter))
    environment.postgres.wait_caught_up(database_identifier(site.config.own_database))
    return _steps_of(environment, done)


def degrade(environment: Environment, reporter: Reporter, site: SiteWorld, **modes: Any) -> tuple[StackStep, ...]:
    """Run a site in some degraded modes, as `lifeline emergency` does."""
    stack, access = OfflineStack(environment, site), OfflineAccess(environment, site)
    return _steps_of(environment, emergency.change(stack, modes, access, Shown(reporter)))


def restore(
    environment: Environment, reporter: Reporter, site: SiteWorld, backup: Mapping[str, Any], *, drained: bool = True
) -> tuple[tuple[StackStep, ...], float]:
    """Restore a backup, as `lifeline restore` does. Returns the steps, and the time at which the leader was drained."""
    stack, access = OfflineStack(environment, site), OfflineAccess(environment, site)
    shown = Shown(reporter, lambda _: environment.clock.now())
    done = restoring.restore(stack, backup, access, shown, drained=drained)
    return _steps_of(environment, done), shown.ended.get("drained", environment.clock.now())


def rebuild(
    environment: Environment,
    reporter: Reporter,
    survivor: SiteWorld,
    lost: SiteConfig,
    new: NewSite,
    ended: Callable[[str], float],
) -> tuple[StackStep, ...]:
    """Let the survivor do without a lost site, as `lifeline rebuild` does. It calls `ended` after each step."""
    stack, access = OfflineStack(environment, survivor), OfflineAccess(environment, survivor)
    return _steps_of(environment, rebuilding.rebuild(stack, lost, new, access, Shown(reporter, ended)))


def _steps_of(environment: Environment, done: Iterable[Deployed]) -> tuple[StackStep, ...]:
    sites = environment.account.sites
    return tuple(step for entry in done for step in _stack_steps(sites[entry.site], entry.result))


def until(environment: Environment, holds: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> float:
    """Wait until a condition holds. Returns the simulated seconds that it took, infinite if it did not hold in time."""
    began = environment.clock.now()
    while not holds():
        if environment.clock.now() - began > patience:
            return float("inf")
        environment.clock.sleep(0.5)
    return environment.clock.now() - began


def wait_until_back(
    environment: Environment,
    client: People,
    disaster: float,
    patience: float = PATIENCE_SECONDS,
    tiers: Iterable[objectives.Tier] = objectives.TIERS,
) -> None:
    """Wait until the tiers answer without failures for a while, or for at most `patience` simulated seconds."""

    def back(tier: str) -> bool:
        outage = client.outage(tier, disaster)
        return environment.clock.now() - disaster > outage + SETTLE_SECONDS

    deadline = environment.clock.now() + patience
    while environment.clock.now() < deadline and not all(back(tier.name) for tier in tiers):
        environment.clock.sleep(2)
