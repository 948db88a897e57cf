"""The standings that a fence's pods have logged: whether they see their database, and in which role."""

from __future__ import annotations

from components.kube.jobs import FENCE
from recovery.naming import NAMESPACE
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld


def standings(environment: Environment, site: SiteWorld) -> list[str]:
    """The standings of all pods of a site's fence, each at its first look and at every change."""
    return [str(line["standing"]) for line in environment.pods_of(site).log(FENCE) if line["step"] == "standing"]


def newest(environment: Environment, site: SiteWorld, since: int = 0) -> set[str]:
    """The newest standing of each pod, after so many that were logged before; empty until each pod has logged one.

    A pod that has a former password may lose sight of its database before it ends, so the last lines count.
    """
    fence = site.cluster.get("apps/v1", "Deployment", FENCE, NAMESPACE)
    pods = int(fence["spec"]["replicas"]) if fence else 0
    logged = standings(environment, site)[since:]
    return set(logged[-pods:]) if len(logged) >= pods else set()
