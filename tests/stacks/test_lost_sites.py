"""A site that is gone for good: the timeline still names its databases, and another site takes its place."""

from __future__ import annotations

from typing import Any

import pytest

from recovery.timeline import DatabaseId, DatabaseRole
from tests.stacks.test_config import accepted, mistakes

PEER = {"site": "tertiary", "region": "us-east-2", "cidr": "10.30.0.0/16"}
SURVIVOR: dict[str, Any] = {
    "timeline": ["primary-1", "secondary-1"],
    "peer": PEER,
    "lostSites": {"primary": "us-east-2"},
    "primaryRecord": "tertiary",
}


def test_a_survivor_goes_on_with_a_new_peer_and_the_whole_timeline() -> None:
    site = accepted("secondary", **SURVIVOR)
    assert (site.role, site.is_active, site.databases) == (DatabaseRole.LEADER, True, (DatabaseId("secondary", 1),))
    assert not site.has_primary_record
    assert site.regions == {"primary": "us-east-2", "secondary": "us-west-2", "tertiary": "us-east-2"}


def test_the_new_site_follows_and_has_no_database_of_the_lost_one() -> None:
    site = accepted(
        "secondary",
        **SURVIVOR | {"timeline": ["primary-1", "tertiary-1"], "database__seeded": 2, "primaryRecord": "secondary"},
    )
    assert (site.role, site.databases) == (DatabaseRole.REPLICA, (DatabaseId("secondary", 2),))
    assert site.has_primary_record


def test_the_primary_record_belongs_to_the_first_site_unless_the_files_say_otherwise() -> None:
    assert accepted("primary").has_primary_record
    assert not accepted("secondary").has_primary_record
    assert not accepted("primary", primaryRecord="secondary").has_primary_record
    assert accepted("secondary", primaryRecord="secondary").has_primary_record


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lostSites": {}}, "lifeline:timeline[0]: names site 'primary', expected one of secondary, tertiary"),
        (
            {"lostSites": {"primary": "us-east-2", "tertiary": "us-east-2"}},
            "lifeline:lostSites.tertiary: is the peer",
        ),
        (
            {"lostSites": {"primary": "us-east-2", "secondary": "us-west-2"}},
            "lifeline:lostSites.secondary: is this site",
        ),
        ({"lostSites": {"primary": "ohio"}}, 'lifeline:lostSites.primary: is "ohio"'),
        ({"timeline": ["primary-1"]}, "lifeline:lostSites.primary: leads epoch 1"),
        ({"primaryRecord": "primary"}, "lifeline:primaryRecord: is primary"),
        ({"primaryRecord": None}, "lifeline:primaryRecord: is missing, and primary, which led first, is lost"),
    ],
)
def test_a_contradiction_is_refused(changes: dict[str, Any], message: str) -> None:
    values = {key: value for key, value in (SURVIVOR | changes).items() if value is not None}
    assert any(mistake.startswith(message) for mistake in mistakes("secondary", **values)), mistakes(
        "secondary", **values
    )


def test_one_contradiction_is_told_once() -> None:
    assert mistakes("secondary", **SURVIVOR | {"primaryRecord": "primary"}) == ["lifeline:primaryRecord: is primary"]
