"""Scenario 1 of the plan: a site loses its cluster. The other site serves while a new cluster is built beside it."""

from __future__ import annotations

from typing import Any

from procedures.checks import Check
from recovery import objectives
from recovery.naming import cluster_name, database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome, StackStep
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import none_fails, verify
from rehearsal.world.loopback import Request

STATEFUL = tuple(f"aws:{service}/" for service in ("backup", "dynamodb", "kms", "rds", "s3", "secretsmanager"))
"""The services that hold data or its keys."""


def cluster_loss(environment: Environment, reporter: Reporter) -> Outcome:
    """Lose the leader's cluster, fail over, rebuild the cluster, delete the dead one, and move once more as planned."""
    phases = Phases(reporter)
    with phases("build both sites"):
        home, away = actions.build_both(environment, reporter)
        old = database_identifier(home.config.own_database)
    with phases("people use the platform"):
        client = actions.people_near(environment, home)
    disaster = environment.clock.now()
    with phases("the leader's cluster is lost"):
        dead = home.clusters.serving
        environment.lose_cluster(home)
        reporter.say(f"{dead}: no pod and no API server; the database, the network and the region go on")
    with phases("flip"):
        steps, checks = actions.flip(environment, reporter, away)
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, disaster)
        losses, back = losses_of(environment, client, away), environment.clock.now()
    with phases("build a cluster beside the dead one, and move in one apply"):
        cluster = _cluster(home, generations=[1, 2], serving=2, unreachable=[1], since=len(home.config.history))
        rebuilt = actions.apply(environment, reporter, home, cluster=cluster)
        actions.until(environment, lambda: not environment.postgres.is_writable(old))
    with phases("update the site, which follows from now on"):
        timeline = [*map(str, away.config.history)]
        rebuilt += actions.apply(environment, reporter, home, timeline=timeline)
        environment.clock.sleep(actions.WARM_UP_SECONDS)
    with phases("take the dead cluster out of the list"):
        cluster = _cluster(home, generations=[2], serving=2, unreachable=[])
        removed = actions.apply(environment, reporter, home, cluster=cluster)
    with phases("move to a third cluster while people use the second, as for an upgrade"):
        cluster = _cluster(home, generations=[2, 3], serving=3, since=len(home.config.history))
        third = actions.apply(environment, reporter, home, cluster=cluster)
        environment.clock.sleep(actions.LOAD_SECONDS)
    with phases("verify"):
        checks = (*checks, *verify(environment, client, away))
        client.stop()
    return outcomes.outcome(
        "cluster-loss",
        environment,
        tiers=outcomes.tier_outcomes(client, disaster, ended=back),
        losses=losses,
        writes_ended=disaster,
        steps=(*steps, *rebuilt, *removed, *third),
        checks=(
            none_fails("no request fails during the rebuild and the planned move", client, objectives.TIERS, back),
            *_site_is_back(environment, home, old),
            *_only_clusters_are_deleted(removed, (*rebuilt, *third)),
            *checks,
        ),
        phases=phases,
    )


def _cluster(site: SiteWorld, **changes: Any) -> dict[str, Any]:
    """The cluster section of a site's stack file, with changes."""
    return {**site.file.config["lifeline:cluster"], **changes}


def _site_is_back(environment: Environment, site: SiteWorld, database: str) -> tuple[Check, ...]:
    serving = site.clusters.serving
    expected = cluster_name(site.name, 3)
    health = Request("GET", "/health/complete")

    def broken() -> set[str]:
        parts = environment.platforms[site.name].answer(health).body.get("components", {"site": "unhealthy"})
        return {name for name, state in parts.items() if state != "healthy"}

    seconds = actions.until(environment, lambda: broken() == {"database"}, 60)
    return (
        Check("the site's workloads are in the newest cluster", passed=serving == expected, detail=serving),
        Check(
            "the site answers through its own load balancer; its fenced database is out of reach until a reseed",
            passed=seconds <= 60,
            detail=", ".join(sorted(broken())),
        ),
        Check(
            "the new cluster's fence closed the superseded database",
            passed=environment.postgres.is_running(database) and not environment.postgres.is_writable(database),
            detail=database,
        ),
    )


def _only_clusters_are_deleted(removed: tuple[StackStep, ...], moves: tuple[StackStep, ...]) -> tuple[Check, ...]:
    """A removal deletes the cluster and keeps its audit log; a move replaces nothing."""
    deleted = {step.type for step in removed if step.op == "delete"}
    replaced = sorted({step.name for step in (*removed, *moves) if step.op == "replace"})
    lost = sorted(step.name for step in (*removed, *moves) if step.op == "delete" and step.type.startswith(STATEFUL))
    touched = [*replaced, *lost]
    return (
        Check("the dead cluster is deleted", passed="aws:eks/cluster:Cluster" in deleted, detail=", ".join(deleted)),
        Check("no data is deleted and nothing is replaced", passed=not touched, detail=", ".join(touched)),
    )
