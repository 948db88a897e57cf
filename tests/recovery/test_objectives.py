"""The promises: their order, and the services' limits. tests/test_documents.py compares them with the README."""

from __future__ import annotations

from recovery import objectives


def test_the_tiers_stand_in_the_order_of_their_recovery_times() -> None:
    times = [tier.rto_seconds for tier in objectives.TIERS]
    assert times == sorted(times)


def test_a_crisis_pod_is_the_last_to_be_evicted() -> None:
    services = [objectives.CRISIS, objectives.HOTLINE, objectives.DATA, objectives.CORE, objectives.FULL]
    priorities = [tier.priority for tier in services]
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(priorities)) == len(priorities)


def test_kubernetes_takes_every_priority() -> None:
    """User-defined priorities end at 1,000,000,000; higher ones belong to the system."""
    assert all(0 < tier.priority <= 1_000_000_000 for tier in objectives.TIERS)


def test_a_caller_in_crisis_is_sent_elsewhere_well_within_the_promise() -> None:
    assert objectives.detection_seconds(objectives.CRISIS_RECORD_TTL_SECONDS) == 45
    assert objectives.detection_seconds(objectives.CRISIS_RECORD_TTL_SECONDS) < objectives.CRISIS.rto_seconds / 5


def test_the_other_names_are_found_within_the_tightest_tier_that_uses_them() -> None:
    assert objectives.detection_seconds(objectives.RECORD_TTL_SECONDS) == 90
    assert objectives.detection_seconds(objectives.RECORD_TTL_SECONDS) < objectives.HOTLINE.rto_seconds


def test_route_53_offers_the_interval_and_the_threshold() -> None:
    assert objectives.HEALTH_CHECK_INTERVAL_SECONDS in {10, 30}
    assert 1 <= objectives.HEALTH_CHECK_FAILURES <= 10


def test_rds_offers_the_retention() -> None:
    assert 1 <= objectives.BACKUP_RETENTION_DAYS <= 35
