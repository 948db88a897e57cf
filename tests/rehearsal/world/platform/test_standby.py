"""A site that cannot take a write says where to go."""

from __future__ import annotations

import json
from http.client import HTTPConnection

import pytest

from recovery.naming import LEDGER_KEY
from rehearsal.world.ledger import GlobalTable
from tests.rehearsal.world.platform.site import CRISIS, EAST, Site

READ_ONLY = ({"EMERGENCY_READ_ONLY": "true"}, {"DB_HOST": "replica"})
"""A site that was told that it cannot write, and one whose database says so."""


def answered(site: Site, *, host: str = "api.example.com") -> tuple[int, str | None, str | None]:
    """Status, Location and Retry-After of the answer to a write."""
    connection = HTTPConnection(*site.platform.address, timeout=10)
    try:
        connection.request("POST", "/api/users", json.dumps({"id": "x"}), {"Host": host})
        response = connection.getresponse()
        return response.status, response.getheader("Location"), response.getheader("Retry-After")
    finally:
        connection.close()


@pytest.mark.parametrize("change", READ_ONLY)
def test_a_write_that_a_site_cannot_take_is_sent_to_the_site_that_leads(site: Site, change: dict[str, str]) -> None:
    site.config |= change
    site.leader, site.other_is_ready = "secondary", True
    assert answered(site) == (307, "https://secondary.example.com/api/users", None)
    assert (site.platform.refused, site.platform.redirected) == (0, 1)


@pytest.mark.parametrize("change", READ_ONLY)
@pytest.mark.parametrize("leader", ["primary", None])
def test_a_write_is_to_be_tried_again_while_no_other_site_leads(
    site: Site, change: dict[str, str], leader: str | None
) -> None:
    site.config |= change
    site.leader = leader
    assert answered(site) == (503, None, "5")
    assert (site.platform.refused, site.platform.redirected) == (0, 0)
    site.other_is_ready = True
    assert answered(site) == (503, None, "5")
    assert site.platform.refused == 1, "it is counted when another site could have taken it"


def test_two_sites_do_not_send_a_write_back_and_forth(site: Site) -> None:
    site.config |= READ_ONLY[0]
    site.leader = "secondary"
    assert answered(site, host="primary.example.com") == (503, None, "5")


@pytest.mark.parametrize("change", READ_ONLY)
def test_a_site_that_cannot_write_reads_and_serves_the_crisis(site: Site, change: dict[str, str]) -> None:
    site.config |= change
    assert site.ask("GET", "/api/users?id=x")[0] == 404
    assert site.ask("POST", "/api/crisis/detect", CRISIS)[0] == 200


def test_a_site_is_ready_when_its_epoch_is_marked_and_its_database_takes_writes(
    site: Site, ledger: GlobalTable
) -> None:
    site.config |= {"EPOCH": "7", "DATABASE": "primary-7"}
    assert not site.platform.is_ready()
    ledger.put(EAST, {LEDGER_KEY: "ready#7", "database": "secondary-1"})
    assert not site.platform.is_ready(), "the mark is another database's"
    ledger.put(EAST, {LEDGER_KEY: "ready#7", "database": "primary-7"})
    assert site.platform.is_ready()
    site.config |= READ_ONLY[1]
    assert not site.platform.is_ready()
