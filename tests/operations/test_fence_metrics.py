"""The metrics of the fence."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry

from operations.fence import Metrics, Standing


def test_the_metrics_show_the_newest_check_that_saw_both() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    def values() -> tuple[float | None, float | None]:
        names = ("lifeline_fence_closed", "lifeline_fence_seen_timestamp_seconds")
        return registry.get_sample_value(names[0]), registry.get_sample_value(names[1])

    assert [math.isnan(value or 0) for value in values()] == [True, True], "nothing is known before the first check"
    metrics.show(Standing.UNKNOWN, 1)
    assert [math.isnan(value or 0) for value in values()] == [True, True]
    standings = {Standing.LEADS: 0, Standing.SUPERSEDED: 1, Standing.FOLLOWS: 0, Standing.DRAINED: 0}
    for moment, (standing, closed) in enumerate(standings.items()):
        metrics.show(standing, moment)
        assert values() == (closed, moment)
    metrics.show(Standing.UNKNOWN, 99)
    assert values() == (0, 3), "the age of the newest check shows that the fence is blind"
