"""Both passwords of the database are replaced while people use the platform, as docs/runbooks/rotation.md says."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from components.kube.jobs import FENCE
from procedures.assumptions import PLANNED
from procedures.checks import Check
from recovery.naming import (
    APPLICATION_SECRET,
    DATABASE_APPLICATION,
    DATABASE_USER,
    NAMESPACE,
    PASSWORD_SECRET,
    ROLES_CRON_JOB,
    database_identifier,
)
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.standings import newest, standings
from rehearsal.scenarios.verification import verify
from rehearsal.world.platform import BACKEND

_SECRETS = {DATABASE_APPLICATION: APPLICATION_SECRET, DATABASE_USER: PASSWORD_SECRET}


def rotation(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, replace both passwords, and see that the former ones are refused and everything goes on."""
    phases = Phases(reporter)
    with phases("build both sites"):
        leader, standby = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, leader)
    expected = {leader.name: "leads", standby.name: "follows"}
    former, began = _passwords(environment, leader), environment.clock.now()
    with phases("another password of the application"):
        steps = actions.apply(environment, reporter, leader, database=_numbered(leader, applicationPassword=2))
        said = environment.pods_of(leader).run_cron_job(ROLES_CRON_JOB)[-1]
        for site in (leader, standby):
            site.cluster.restart(NAMESPACE, BACKEND)
    with phases("another password of the owner"):
        steps += actions.apply(environment, reporter, leader, database=_numbered(leader, ownerPassword=2))
        looks = {site.name: len(standings(environment, site)) for site in (leader, standby)}
        for site in (leader, standby):
            site.cluster.restart(NAMESPACE, FENCE)
    with phases("until every tier answers, and every fence sees its database"):
        actions.wait_until_back(environment, client, began)
        for site in (leader, standby):
            actions.until(
                environment, lambda site=site: newest(environment, site, looks[site.name]) == {expected[site.name]}
            )
    with phases("verify"):
        checks = verify(environment, client, leader)
        client.stop()
    present = {site.name: _passwords(environment, site) for site in (leader, standby)}
    seen = {site.name: newest(environment, site, looks[site.name]) for site in (leader, standby)}
    return outcomes.outcome(
        "rotation",
        environment,
        tiers=outcomes.tier_outcomes(client, began, PLANNED),
        losses=losses_of(environment, client, leader),
        writes_ended=began,
        user_data_rpo_seconds=0,
        steps=steps,
        checks=(
            Check("the roles were settled", passed=said["step"] == "roles settled", detail=str(said)),
            *(
                Check(
                    f"{database_identifier(site.config.own_database)} takes the new passwords and refuses the former",
                    passed=_logs_in(environment, site, present[site.name]) == dict.fromkeys(_SECRETS, True)
                    and _logs_in(environment, site, former) == dict.fromkeys(_SECRETS, False),
                )
                for site in (leader, standby)
            ),
            Check(
                "both fences see their databases again",
                passed=seen == {name: {standing} for name, standing in expected.items()},
                detail=str({site.name: standings(environment, site)[looks[site.name] :] for site in (leader, standby)}),
            ),
            *checks,
        ),
        phases=phases,
    )


def _numbered(site: SiteWorld, **numbers: int) -> dict[str, object]:
    """The database section of a site's stack file, with other numbers of passwords."""
    return {**site.file.config["lifeline:database"], **numbers}


def _passwords(environment: Environment, site: SiteWorld) -> dict[str, str]:
    """The password of each user, as Secrets Manager has it in a site's region."""
    return {user: environment.console.secret(site, secret) for user, secret in _SECRETS.items()}


def _logs_in(environment: Environment, site: SiteWorld, passwords: Mapping[str, str]) -> dict[str, bool]:
    """Whether a site's database lets each user in."""
    server = environment.postgres[database_identifier(site.config.own_database)]
    found: dict[str, bool] = {}
    for user, password in passwords.items():
        try:
            psycopg.connect(server.conninfo_of(user, password)).close()
            found[user] = True
        except psycopg.OperationalError:
            found[user] = False
    return found
