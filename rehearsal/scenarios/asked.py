"""`lifeline status` in a rehearsal, asked from a machine near a site."""

from __future__ import annotations

from procedures.checks import Check
from procedures.status import status
from rehearsal.access import OfflineAccess
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld

PATIENCE_SECONDS = 20.0
"""Real seconds. An operator's machine is not as busy as one that plays both regions."""


def asked(environment: Environment, near: SiteWorld, when: str, *, leader: str) -> Check:
    """Whether a status names the leader and the lost regions, and no other one.

    Args:
        environment: the world.
        near: the site near the operator.
        when: the moment, in words.
        leader: the database that leads.
    """
    sites = environment.account.sites.values()
    configs = [site.config for site in sites]
    lost = frozenset(site.name for site in sites if site.region in environment.faults.lost)
    found = status(OfflineAccess(environment, near), configs, seconds=PATIENCE_SECONDS)
    silent = frozenset(site.site for site in found.sites if not site.is_reachable)
    return Check(
        f"status {when} names the leader, {leader}, and {', '.join(sorted(lost)) or 'nothing'} as unreachable",
        passed=found.leader == leader and silent == lost,
        detail=f"leader: {found.leader}; {'; '.join(found.problems)}",
    )
