"""The control planes of us-east-1 and of the leading region are lost, and later that region with everything in it."""

from __future__ import annotations

from engine.monitor import DeploymentError
from procedures.checks import Check
from recovery import objectives
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome, percentile
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import none_fails, verify
from rehearsal.world.people import People

CALLERS = 1000
CALLING_SECONDS = 120
"""Simulated. Twice as long as a client may need that follows DNS alone: each moment of the change is met."""
_EDIT = {"crisisReplicas": objectives.CRISIS_SURGE_REPLICAS}


def control_planes_down(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, lose two regions' control planes, see that nothing happens, lose a region, and fail over."""
    phases = Phases(reporter)
    with phases("build both sites"):
        lost, survivor = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, lost)
        callers = environment.callers(lost, beside=client)
    quiet = environment.clock.now()
    with phases("the control planes are lost"):
        for region in ("us-east-1", lost.region):
            environment.faults.lose_control_planes(region)
            reporter.say(f"no control plane in {region} answers; what runs there goes on")
        refused = _refused(environment, reporter, lost)
        environment.clock.sleep(actions.WARM_UP_SECONDS)
    disaster = environment.clock.now()
    with phases("the region is lost"):
        callers.call(CALLERS, CALLING_SECONDS)
        environment.lose_region(lost)
    with phases("flip"):
        steps, checks = actions.flip(environment, reporter, survivor)
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, disaster)
        outages = callers.outages()
    with phases("verify"):
        checks = (*checks, *verify(environment, client, survivor))
        client.stop()
    return outcomes.outcome(
        "control-planes-down",
        environment,
        tiers=outcomes.tier_outcomes(client, disaster),
        losses=losses_of(environment, client, survivor),
        writes_ended=disaster,
        steps=steps,
        checks=(
            none_fails(
                "no request fails while only control planes are lost", client, objectives.TIERS, quiet, disaster
            ),
            Check("a change in the leading region is refused, and says why", passed=bool(refused), detail=refused),
            *_outages_of_clients(client, outages, disaster),
            *checks,
        ),
        phases=phases,
    )


def _refused(environment: Environment, reporter: Reporter, site: SiteWorld) -> str:
    """The reason for which a site cannot be changed; empty if it can, or if the reason is another one."""
    try:
        actions.apply(environment, reporter, site, emergency=_EDIT)
    except DeploymentError as error:
        return str(error) if "control plane" in str(error) else ""
    return ""


def _outages_of_clients(client: People, outages: tuple[float, ...], disaster: float) -> tuple[Check, ...]:
    """The promises of docs/clients.md for crisis events."""
    by_dns = client.outage(objectives.CRISIS.name, disaster)
    p50, p99 = percentile(outages, 0.5), percentile(outages, 0.99)
    return (
        Check(
            f"the outage of crisis reports by DNS alone is at most {objectives.DNS_OUTAGE_SECONDS} s: {by_dns:.0f} s",
            passed=by_dns <= objectives.DNS_OUTAGE_SECONDS,
        ),
        Check(
            f"that of {len(outages)} clients that try the other site is at most {objectives.CLIENT_OUTAGE_SECONDS} s"
            f" for 99 of 100: {p99:.1f} s",
            passed=len(outages) == CALLERS and p99 <= objectives.CLIENT_OUTAGE_SECONDS,
            detail=f"p50 {p50:.1f} s, maximum {max(outages, default=0.0):.1f} s",
        ),
    )
