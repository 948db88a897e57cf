"""A ledger in two regions, a leader with a replica, and a site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from rehearsal.world.cloud import empty_account
from rehearsal.world.faults import Faults
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.postgres import PostgresServers
from tests.rehearsal.world.platform.site import EAST, WEST, WITNESS, Site
from tests.rehearsal.world.tables import make_ledger


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServers]:
    with PostgresServers(Path(tmp_path_factory.mktemp("logs"))) as servers:
        servers.create("leader", "secret")
        servers.replicate("replica", "leader")
        yield servers


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with empty_account() as url:
        session = boto3.session.Session("rehearsal", "rehearsal")
        for region in (EAST, WEST):
            client = session.client("dynamodb", region, endpoint_url=url)
            make_ledger(client)
            client.close()
        yield url


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def ledger(endpoint: str, faults: Faults) -> GlobalTable:
    return GlobalTable(replicas=(EAST, WEST), witness=WITNESS, faults=faults)


@pytest.fixture
def site(ledger: GlobalTable, databases: PostgresServers, faults: Faults) -> Iterator[Site]:
    found = Site(ledger, databases)
    with found.platform:
        yield found
    for region in faults.lost:
        faults.restore(region)
