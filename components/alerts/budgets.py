"""Error budgets: outages that are too short for any other alert, and too many.

A tier's budget is one outage as long as its recovery time objective in 30 days. It is counted in failed probes of the
tier's public endpoint, because a rate of people's requests says nothing in a quiet night. Windows and factors follow
the multi-window alerts of Google's SRE Workbook, "Alerting on SLOs", with a longest first window: within an hour, a
budget of five minutes is less than one probe.
"""

from __future__ import annotations

from dataclasses import dataclass

from components.alerts.endpoints import CRISIS, PROBE_JOB, WEB, Endpoint
from components.alerts.model import SCRAPE_SECONDS, Alert, Group, Severity, series, unless_shown
from recovery import objectives


@dataclass(frozen=True, kw_only=True)
class Burn:
    """A part of the budget that is used up within a window, and still in a short one."""

    percent: int
    window: str
    short_window: str
    wait_seconds: int
    severity: Severity

    def probes(self, endpoint: Endpoint) -> int:
        """The number of failed probes that use up that part."""
        return endpoint.tier.rto_seconds * self.percent // 100 // SCRAPE_SECONDS


FAST = Burn(percent=20, window="6h", short_window="30m", wait_seconds=2 * objectives.MINUTE, severity=Severity.CRITICAL)
SLOW = Burn(percent=50, window="3d", short_window="6h", wait_seconds=objectives.HOUR, severity=Severity.WARNING)


def _failed(endpoint: Endpoint, window: str) -> str:
    probes = series("probe_success", job=PROBE_JOB, endpoint=endpoint.name)
    return f"sum(count_over_time({probes}[{window}])) - sum(sum_over_time({probes}[{window}]))"


def _burning(endpoint: Endpoint, burn: Burn) -> Alert:
    few = f"{_failed(endpoint, burn.window)} < {burn.probes(endpoint)}"
    over = f"{_failed(endpoint, burn.short_window)} < 1"
    return Alert(
        name="ErrorBudgetBurn",
        expr=unless_shown(f"{few} or {over}"),
        wait_seconds=burn.wait_seconds,
        severity=burn.severity,
        team=endpoint.team,
        summary=f"In {burn.window}, outages of the endpoint {endpoint.name} used {burn.percent}% of a month's budget",
        action="Find the cause that the short outages share",
        source="blackbox exporter",
        labels={"endpoint": endpoint.name, "tier": endpoint.tier.name, "window": burn.window},
    )


BUDGETS = Group(
    name="error-budgets",
    # Each evaluation reads the samples of three days.
    interval_seconds=objectives.MINUTE,
    alerts=tuple(_burning(endpoint, burn) for endpoint in (CRISIS, WEB) for burn in (FAST, SLOW)),
)
