"""The stand-in for AWS: it answers clients that call at the same time, and is prepared once for many processes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.iam.models import IAMBackend

from engine.warm import Warm
from rehearsal.world.cloud import empty_account

ONCE = """
import sys
import rehearsal.world.cloud as cloud
from rehearsal.providers.aws.clients import Clients
from rehearsal.providers.backend import NoFaults
before = cloud._read.cache_info().misses
with cloud.empty_account() as url:
    clients = Clients(url, NoFaults())
    for service in ("ec2", "iam", "rds", "s3"):
        assert f"moto.{service}.models" in sys.modules, service
        clients.get(service, "us-east-2")
print(cloud._read.cache_info().misses - before)
"""


def test_a_process_reads_no_description_that_was_prepared(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with Warm("rehearsal.world.cloud:prepare") as warm, said.open("w") as out:
        assert warm.start("-c", ONCE, env={}, stdout=out.fileno(), stderr=out.fileno()).wait(60) == 0, said.read_text()
    assert said.read_text() == "0\n"


def test_answers_one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, overlaps = threading.Lock(), list[bool]()
    create = IAMBackend.create_role

    def slow(self: IAMBackend, *args: Any, **kwargs: Any) -> Any:
        overlaps.append(alone.locked())
        with alone:
            time.sleep(0.05)  # long enough for the other requests to arrive
            return create(self, *args, **kwargs)

    monkeypatch.setattr(IAMBackend, "create_role", slow)
    names = [f"role-{number}" for number in range(8)]
    with empty_account() as url, ThreadPoolExecutor(len(names)) as callers:
        iam = boto3.client(
            "iam", region_name="us-east-1", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x"
        )
        list(callers.map(lambda name: iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}"), names))
        created = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    assert overlaps == [False] * len(names)
    assert created == set(names)
