"""A site that cannot take writes says where to go, to people who write and to people who read."""

from __future__ import annotations

import json
from http.client import HTTPConnection

import pytest

from recovery.naming import LEDGER_KEY
from rehearsal.world.health import AGENT
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.strays import Strays
from tests.rehearsal.world.platform.site import CRISIS, EAST, Site

CANNOT_WRITE = ({"EMERGENCY_READ_ONLY": "true"}, {"DB_HOST": "replica"}, {"DB_HOST": "gone"})
"""A site that was told that it cannot write, one whose database says so, and one whose database does not answer."""
READ_ONLY = CANNOT_WRITE[:2]
WRITE, READ = ("POST", "/api/users"), ("GET", "/api/users?id=x%26y")
BROWSER = "Mozilla/5.0"


def answered(
    site: Site, request: tuple[str, str], *, host: str = "api.example.com", agent: str = BROWSER
) -> tuple[int, str | None, str | None]:
    """Status, Location and Retry-After of the answer to a request."""
    connection = HTTPConnection(*site.platform.address, timeout=10)
    body = json.dumps({"id": "x"}) if request[0] == "POST" else None
    try:
        connection.request(*request, body, {"Host": host, "User-Agent": agent})
        response = connection.getresponse()
        return response.status, response.getheader("Location"), response.getheader("Retry-After")
    finally:
        connection.close()


@pytest.mark.parametrize("change", CANNOT_WRITE)
@pytest.mark.parametrize("request_", [WRITE, READ])
def test_a_site_that_cannot_write_sends_people_to_the_site_that_leads(
    site: Site, change: dict[str, str], request_: tuple[str, str]
) -> None:
    site.config |= change
    site.leader, site.other_is_ready = "secondary", True
    assert answered(site, request_) == (307, f"https://secondary.example.com{request_[1]}", None)
    assert site.platform.strays == Strays(led=1)


@pytest.mark.parametrize("change", CANNOT_WRITE)
@pytest.mark.parametrize("leader", ["primary", None])
def test_a_write_is_to_be_tried_again_while_no_other_site_leads(
    site: Site, change: dict[str, str], leader: str | None
) -> None:
    site.config |= change
    site.leader = leader
    assert answered(site, WRITE) == (503, None, "5")
    assert site.platform.strays == Strays()
    site.other_is_ready = True
    assert answered(site, WRITE) == (503, None, "5")
    said = "200 primary" if leader else "503 not known yet"
    answer = json.dumps({"error": "no site takes writes at this moment", "switch": said})
    refused = f"POST api.example.com/api/users: 503 {answer}"
    assert site.platform.strays == Strays(answered=[refused]), "it is counted when another site could have taken it"


@pytest.mark.parametrize("change", READ_ONLY)
@pytest.mark.parametrize("leader", ["primary", None])
def test_reading_goes_on_while_no_other_site_leads(site: Site, change: dict[str, str], leader: str | None) -> None:
    site.config |= change
    site.leader = leader
    assert answered(site, READ) == (404, None, None)
    assert site.platform.strays == Strays()


@pytest.mark.parametrize(("request_", "answer"), [(WRITE, (503, None, "5")), (READ, (404, None, None))])
def test_two_sites_do_not_send_a_request_back_and_forth(
    site: Site, request_: tuple[str, str], answer: tuple[int, str | None, str | None]
) -> None:
    site.config |= READ_ONLY[0]
    site.leader = "secondary"
    assert answered(site, request_, host="primary.example.com") == answer


def test_a_site_that_takes_writes_answers_by_itself(site: Site) -> None:
    site.leader, site.other_is_ready = "secondary", True
    assert answered(site, WRITE)[0] == 201
    assert answered(site, READ)[0] == 404
    assert site.platform.strays == Strays()


def test_a_page_is_answered_where_it_is_asked_for(site: Site) -> None:
    site.config |= READ_ONLY[0]
    site.leader, site.other_is_ready = "secondary", True
    assert answered(site, ("GET", "/"))[0] == 200
    assert answered(site, ("GET", "/"), agent=AGENT)[0] == 200
    assert site.platform.strays == Strays(pages=1), "a health checker is no person"


def test_the_health_of_a_site_is_its_own(site: Site) -> None:
    site.config |= READ_ONLY[0]
    site.leader, site.other_is_ready = "secondary", True
    assert answered(site, ("GET", "/health"))[0] == 200
    assert answered(site, ("GET", "/health/complete"))[0] in (200, 503)
    assert site.platform.strays == Strays()


@pytest.mark.parametrize("change", CANNOT_WRITE)
def test_a_site_that_cannot_write_serves_the_crisis(site: Site, change: dict[str, str]) -> None:
    site.config |= change
    assert site.ask("POST", "/api/crisis/detect", CRISIS)[0] == 200


def test_a_site_is_ready_when_its_epoch_is_marked_and_its_database_takes_writes(
    site: Site, ledger: GlobalTable
) -> None:
    ledger.put(EAST, {LEDGER_KEY: "ready#6", "database": "secondary-1"})
    site.config |= {"EPOCH": "6", "DATABASE": "primary-7"}
    assert not site.platform.is_ready(), "the mark is another database's"
    site.config |= {"EPOCH": "7"}
    assert not site.platform.is_ready()
    ledger.put(EAST, {LEDGER_KEY: "ready#7", "database": "primary-7"})
    assert site.platform.is_ready()
    site.pods["mental-health-backend"] = 0
    assert not site.platform.is_ready(), "its cluster is lost, and its database is not closed yet"
    site.pods["mental-health-backend"] = 2
    site.config |= READ_ONLY[1]
    assert not site.platform.is_ready()
