"""A region is lost for good: its site's state is gone, and a site with a new name takes its place.

The survivor adopts the global resources, as docs/runbooks/adopt.md says, and gets a new peer, as
docs/runbooks/rebuild-region.md says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from procedures.checks import Check
from procedures.rebuild import NewSite, new_file
from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter, StackStep
from rehearsal.scenarios.failback import worst_outages
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.new_sites import one_writer
from rehearsal.scenarios.verification import verify
from stacks.config import SiteConfig
from stacks.stackfile import StackFile

NEW = NewSite("tertiary", "10.30.0.0/16")
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
        file, former = new_site_file(lost, survivor), lost.config
        environment.forget(lost)
    with phases("the survivor adopts the zone, the ledger and the passwords, and gets a new peer"):
        rebuilding, untouched = _rebuild(environment, reporter, survivor, former)
        steps += rebuilding
    with phases("a new site is built in the region"):
        rebuilt, made = actions.build_another(environment, reporter, file)
        steps += made
        environment.postgres.wait_caught_up(database_identifier(rebuilt.config.own_database))
    with phases("the new site takes over"):
        steps += actions.switchover(environment, reporter, survivor, rebuilt)
        actions.wait_until_back(environment, client, returned)
    with phases("verify"):
        checks = (*checks, untouched, *verify(environment, client, rebuilt))
        client.stop()
    losses = losses_of(environment, client, rebuilt)
    late = [at for at in losses.missing_rows if at >= disaster]
    return outcomes.outcome(
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


def new_site_file(lost: SiteWorld, survivor: SiteWorld) -> StackFile:
    """The stack file of the new site, as `lifeline rebuild` writes it."""
    file = new_file(lost.file, survivor.config, lost.config, NEW)
    file.path = lost.file.path.parent / "new" / file.path.name
    file.path.parent.mkdir(exist_ok=True)
    file.save()
    return file


def _rebuild(
    environment: Environment, reporter: Reporter, survivor: SiteWorld, lost: SiteConfig
) -> tuple[tuple[StackStep, ...], Check]:
    """Do as `lifeline rebuild` does, and see that AWS was only asked about what is adopted."""
    counted: dict[str, Counter[tuple[str, str, str]]] = {}

    def ended(name: str) -> float:
        if name == "records":
            environment.read_zone()
        counted[name] = survivor.aws.clients.calls.copy()
        return environment.clock.now()

    done = actions.rebuild(environment, reporter, survivor, lost, NEW, ended)
    calls = counted["up adopt"] - counted["adopt"]
    return done, adopted_check(done, calls, 15)


def adopted_check(steps: Iterable[StackStep], calls: Mapping[tuple[str, str, str], int], expected: int) -> Check:
    """Whether AWS was only asked about the resources that were adopted, and changed none.

    Args:
        steps: those of the adoption.
        calls: how often it made each call of a service in a region.
        expected: the number of resources.
    """
    writes = sorted(
        f"{service} {operation}"
        for service, operation, _ in calls
        if service in _TOUCHED and not operation.startswith(_READS)
    )
    imported = sum(step.op == "import" for step in steps)
    text = f"{imported} resources are adopted, and AWS is only asked about them"
    return Check(text, passed=imported == expected and not writes, detail=", ".join(writes))


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
