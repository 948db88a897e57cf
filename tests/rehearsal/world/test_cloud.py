"""The stand-in for AWS answers clients that call at the same time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto.iam.models import IAMBackend

from rehearsal.world.cloud import empty_account


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
