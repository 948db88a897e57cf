"""How long a superseded leader writes on, added up from the limits that the fence keeps."""

from __future__ import annotations

from typing import Any

from components.kube.jobs import FENCE_SECONDS
from components.kube.once import PROMOTION_WAIT_SECONDS
from operations import fence
from operations.ledger import CALL_SECONDS, QUICK, JobLedger


def test_a_superseded_leader_is_closed_before_a_promotion_may_begin() -> None:
    """The claim comes right after a look has read the ledger. That look ends, and the next one closes the database."""
    longest_look = fence.LOOK_SECONDS + CALL_SECONDS
    assert longest_look + FENCE_SECONDS + fence.LOOK_SECONDS < PROMOTION_WAIT_SECONDS <= 20


def test_no_call_of_the_fence_to_the_ledger_lasts_longer_than_the_bound_says() -> None:
    config: Any = JobLedger.connect("us-east-2", "any", QUICK)._client.meta.config
    assert config.connect_timeout + config.read_timeout <= CALL_SECONDS
    assert config.retries["total_max_attempts"] == 1
