"""The status of both sites: who leads, contradictions, and regions that do not answer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from components.alerts.watch import WATCHDOG
from lifeline.terminal import status_as_data
from operations.manifest import backup_name
from procedures.status import PATIENCE_SECONDS, State, status
from recovery.naming import backup_bucket
from rehearsal.world.cloud import empty_account
from stacks.config import SiteConfig, parse
from tests.harness import ROOT, stack_config
from tests.procedures.accounts import ADDRESSES, NOW, PRIMARY, SECONDARY, Account, make_ledger, session


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """An account in which both ledgers say that primary-1 leads epoch 1 and is ready."""
    with empty_account() as url:
        for region in (PRIMARY, SECONDARY):
            make_ledger(url, region)
        s3: Any = session().client("s3", PRIMARY, endpoint_url=url)
        bucket, place = backup_bucket("primary", account="123456789012"), {"LocationConstraint": PRIMARY}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        proved, newest = (backup_name(NOW - timedelta(hours=hours), "abcd1234") for hours in (30, 6))
        for key in (f"manifests/{proved}.json", f"manifests/{newest}.json", f"checks/{proved}/20261201-passed.json"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"")
        yield url


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def config(stack: str, **changes: Any) -> SiteConfig:
    return parse(stack_config(stack, **changes), stack=stack)


def both(**changes: Any) -> list[SiteConfig]:
    return [config("primary", **changes), config("secondary", **changes)]


def test_a_status_says_who_leads_and_how_old_everything_is(moto: str) -> None:
    found = status(Account({PRIMARY: moto, SECONDARY: moto}), both(), seconds=60)
    primary, secondary = found.sites
    assert (found.leader, found.epoch) == ("primary-1", 1)
    assert (primary.role, secondary.role) == ("leader: primary-1", "replica: secondary-1")
    texts = {name: entry.text for name, entry in primary.readings.items()}
    assert texts == {
        "ledger": "epoch 1: primary-1, ready",
        "database": "us-east-2 has no database lifeline-primary-1",
        "replica age": "it leads",
        "crisis services": "operational",
        "newest dump": "6 h ago",
        "newest proved dump": "30 h ago",
        "certificate": "us-east-2 has no issued certificate of mentalhealthplatform.com",
        "alarms": "none fires",
        "alerts": "none fires",
        "last change of leader": "30 days ago",
    }
    assert {name for name, entry in primary.readings.items() if entry.state is not State.GOOD} == {
        "database",
        "certificate",
    }
    assert secondary.readings["replica age"].state is State.BAD
    assert {name: entry.text for name, entry in found.names.items()} == {
        "web": "primary",
        "api": "192.0.2.2",
        "fallback": "primary",
    }
    assert not found.is_healthy


def test_a_replica_is_as_old_as_cloudwatch_says(moto: str) -> None:
    account = Account({PRIMARY: moto, SECONDARY: moto})
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": "lifeline-secondary-1"}]
    for value, minutes in ((40.0, 2), (7.0, 1)):
        point: dict[str, Any] = {"MetricName": "ReplicaLag", "Dimensions": dimensions, "Value": value}
        point["Timestamp"] = NOW - timedelta(minutes=minutes)
        account.client("cloudwatch", SECONDARY).put_metric_data(Namespace="AWS/RDS", MetricData=[point])
    (secondary,) = status(account, [config("secondary")], seconds=60).sites
    assert secondary.readings["replica age"].text == "7 s"
    assert secondary.readings["replica age"].state is State.GOOD


def read(moto: str, name: str, **changes: Any) -> tuple[str, State]:
    account = Account({PRIMARY: moto, SECONDARY: moto}, **changes)
    (primary,) = status(account, [config("primary")], seconds=60).sites
    return primary.readings[name].text, primary.readings[name].state


def test_an_alert_that_fires_is_named_and_no_watchdog_is_worse(moto: str) -> None:
    assert read(moto, "alerts", alerts=frozenset({WATCHDOG, "NoLeader", "CrisisDown"})) == (
        "CrisisDown, NoLeader",
        State.BAD,
    )
    dead = "no Watchdog: the site's monitoring is dead, or cannot write its metrics"
    assert read(moto, "alerts", alerts=frozenset({"CrisisDown"})) == (dead, State.BAD)


def test_the_leader_is_changed_once_a_quarter_at_least(moto: str) -> None:
    """It became ready on 1 November."""
    assert read(moto, "last change of leader", time=NOW + timedelta(days=62)) == ("92 days ago", State.GOOD)
    assert read(moto, "last change of leader", time=NOW + timedelta(days=63)) == ("93 days ago", State.BAD)


def test_a_file_that_does_not_agree_with_the_ledger_is_a_problem(moto: str) -> None:
    access = Account({PRIMARY: moto, SECONDARY: moto})
    configs = [config("primary"), config("secondary", timeline=["primary-1", "secondary-1"])]
    problems = status(access, configs, seconds=60).problems
    assert "secondary: ledger: epoch 1: primary-1; the file ends with secondary-1" in problems
    differ = "the timelines of the stack files differ: primary has primary-1; secondary has primary-1, secondary-1"
    assert differ in problems


def test_web_traffic_that_goes_to_the_wrong_site_is_a_problem(moto: str) -> None:
    names = {**ADDRESSES, "secondary": "192.0.2.9", "web": "192.0.2.9"}
    found = status(Account({PRIMARY: moto, SECONDARY: moto}, names), both(), seconds=60)
    assert "web: secondary" in found.problems


def test_a_dead_region_is_named_in_time_and_the_other_one_says_who_leads(moto: str, silent: str) -> None:
    began = time.monotonic()
    found = status(Account({PRIMARY: silent, SECONDARY: moto}), both(), seconds=4.5)  # all clients are made meanwhile
    took = time.monotonic() - began
    assert [site.is_reachable for site in found.sites] == [False, True]
    assert found.leader == "primary-1"
    assert "primary: us-east-2 does not answer" in found.problems
    assert took < 5  # the demand of an operator, and twice what it needs


def test_two_dead_regions_are_named_in_time(silent: str) -> None:
    began = time.monotonic()
    found = status(Account({PRIMARY: silent, SECONDARY: silent}, {}), both())
    took = time.monotonic() - began
    assert [site.is_reachable for site in found.sites] == [False, False]
    assert found.leader == ""
    assert "no region's ledger says who leads" in found.problems
    assert {entry.text for entry in found.names.values()} == {"nowhere"}
    json.dumps(status_as_data(found))
    assert took < 6


def test_the_command_answers_in_time_without_any_region(silent: str) -> None:
    environment = {**os.environ, "AWS_ENDPOINT_URL": silent, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    words = [sys.executable, "-c", "import lifeline; lifeline.main()", "status"]
    began = time.monotonic()
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    took = time.monotonic() - began
    assert done.returncode == 1
    assert done.stderr == ""
    assert "- primary: us-east-2 does not answer" in done.stdout
    assert "- secondary: us-west-2 does not answer" in done.stdout
    assert took < PATIENCE_SECONDS + 8  # two busy cores; the six seconds that are promised were measured alone
