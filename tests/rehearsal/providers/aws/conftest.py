"""One moto server per module. Its account belongs to the process, so `unique` makes names that never repeat."""

from __future__ import annotations

import pytest

from rehearsal.world.cloud import empty_account
from tests.rehearsal.providers.aws.world import World


@pytest.fixture(scope="module")
def endpoint():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        with empty_account() as url:
            yield url


@pytest.fixture
def world(endpoint):
    return World(endpoint)
