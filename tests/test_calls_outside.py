"""The calls of the plan to services outside of AWS, as the pages have them, against a receiver on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from rehearsal.world.loopback import LoopbackServer, Reply, Request
from tests.harness import ROOT

HOTLINE = "docs/runbooks/alerts/HotlineFailing.md"
PAGES = {
    HOTLINE: "EMERGENCY_BACKUP_ENDPOINT",
    "docs/runbooks/alerts/PublicNoticeDraft.md": "STATUS_PAGE_API",
    "docs/runbooks/after-incident.md": "STATUS_PAGE_API",
}
"""The variable of the address in each page's call."""
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass
class Receiver:
    """A service that takes every call, or refuses every one."""

    url: str = ""
    status: int = 200
    requests: list[Request] = field(default_factory=list[Request])

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return Reply(self.status, {})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    server = LoopbackServer("receiver", found.answer)
    server.start()
    with closing(server):
        found.url = "http://{}:{}".format(*server.address)
        yield found


def call_of(page: str, variable: str) -> str:
    """The one command of a page that calls the address in a variable."""
    blocks = _BLOCK.findall((ROOT / page).read_text())
    commands = [line.strip() for block in blocks for line in re.sub(r"\\\n *", "", block).splitlines()]
    (found,) = (line for line in commands if f"${variable}" in line)
    return found


def run(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        ["bash", "-euc", command], env=path | variables, check=False, capture_output=True, text=True, timeout=30
    )


pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


def test_the_backup_of_the_hotline_is_activated_as_the_plan_says(receiver: Receiver) -> None:
    command = call_of(HOTLINE, PAGES[HOTLINE])
    done = run(command, EMERGENCY_BACKUP_ENDPOINT=receiver.url, EMERGENCY_TOKEN="the-token")
    assert done.returncode == 0, done.stderr
    (request,) = receiver.requests
    assert (request.method, request.path, request.bearer) == ("POST", "/activate", "the-token")


@pytest.mark.parametrize(
    ("page", "status"),
    [("docs/runbooks/alerts/PublicNoticeDraft.md", "investigating"), ("docs/runbooks/after-incident.md", "resolved")],
)
def test_the_status_page_gets_the_beginning_and_the_end_of_an_outage(
    page: str, status: str, receiver: Receiver
) -> None:
    values = {"STATUS_PAGE_API": receiver.url, "STATUS_PAGE_TOKEN": "the-token", "INCIDENT_ID": "4711"}
    done = run(call_of(page, PAGES[page]), **values)
    assert done.returncode == 0, done.stderr
    (request,) = receiver.requests
    assert (request.method, request.path, request.bearer) == ("POST", "/incidents/4711/update", "the-token")
    assert request.body["status"] == status
    assert request.body["message"]


@pytest.mark.parametrize("page", PAGES)
def test_a_refusal_is_no_success(page: str, receiver: Receiver) -> None:
    receiver.status = 401
    values = {PAGES[page]: receiver.url, "INCIDENT_ID": "1", "STATUS_PAGE_TOKEN": "wrong", "EMERGENCY_TOKEN": "wrong"}
    assert run(call_of(page, PAGES[page]), **values).returncode != 0
