"""`lifeline status` in a rehearsal, asked from a machine near a site."""

from __future__ import annotations

from procedures.checks import Check
from procedures.status import status
from rehearsal.access import OfflineAccess
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld

PATIENCE_SECONDS = 20.0
"""Real seconds. An operator's machine is not as busy as one that plays both regions."""


def asked(environment: Environment, near: SiteWorld, when: str, *, leader: str, lost: frozenset[str]) -> Check:
    """Whether a status names the leader and the regions that do not answer.

    Args:
        environment: the world.
        near: the site near the operator.
        when: the moment, in words.
        leader: the database that leads.
        lost: the sites that do not answer.
    """
    configs = [site.config for site in environment.account.sites.values()]
    found = status(OfflineAccess(environment, near), configs, seconds=PATIENCE_SECONDS)
    silent = frozenset(site.site for site in found.sites if not site.is_reachable)
    return Check(
        f"status {when} names the leader, {leader}, and {', '.join(sorted(lost)) or 'nothing'} as unreachable",
        passed=found.leader == leader and silent == lost,
        detail=f"leader: {found.leader}; {'; '.join(found.problems)}",
    )
