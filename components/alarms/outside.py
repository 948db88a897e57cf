"""Alarms on Route 53's health checks of a site: it looks from outside AWS's regions, whether or not the site lives."""

from __future__ import annotations

import pulumi

from components.alarms.model import Alarm, Comparison, Missing
from components.alerts.model import Severity
from recovery import naming

METRICS_REGION = "us-east-1"
"""Route 53 publishes the metrics of health checks in this region only: Amazon Route 53 Developer Guide, 'Monitoring
health checks using CloudWatch'. If it is lost, the other site's probes still report a silent site."""


def outside(site: str, *, crisis_check: pulumi.Input[str], app_check: pulumi.Input[str]) -> tuple[Alarm, ...]:
    """The alarms of a site's two health checks, by their ids."""
    return (
        _unhealthy(
            site,
            "CrisisUnreachable",
            crisis_check,
            periods=1,
            summary="Route 53 cannot reach crisis detection at this site, and sends people to the other one",
            action="Find out whether the other site answers",
        ),
        _unhealthy(
            site,
            "SiteUnreachable",
            app_check,
            periods=2,
            summary="Route 53 cannot reach the platform at this site",
            action="Decide whether a failover is needed",
        ),
    )


def _unhealthy(site: str, name: str, check: pulumi.Input[str], *, periods: int, summary: str, action: str) -> Alarm:
    return Alarm(
        name=name,
        subject=f"{naming.PROJECT}-{site}",
        namespace="AWS/Route53",
        metric="HealthCheckStatus",
        dimensions={"HealthCheckId": check},
        statistic="Minimum",
        comparison=Comparison.BELOW,
        threshold=1,
        periods=periods,
        missing=Missing.FAULT,
        severity=Severity.CRITICAL,
        summary=summary,
        action=action,
        source="Amazon Route 53 Developer Guide, 'Monitoring health checks using CloudWatch'",
    )
