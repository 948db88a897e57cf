"""Recorded series: each question of a dashboard, answered once per evaluation.

Names are `level:metric:operations`, as the Prometheus documentation advises ("Recording rules").
"""

from __future__ import annotations

from dataclasses import dataclass

from components.alerts.endpoints import PROBE_JOB
from components.alerts.model import Rule, series
from components.alerts.watch import WATCHDOG
from recovery.naming import NAMESPACE


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recorded series."""

    name: str
    expr: str
    meaning: str
    """For readers of the code and of the dashboards; Prometheus does not see it."""

    def rule(self) -> Rule:
        """The rule as Prometheus reads it."""
        return {"record": self.name, "expr": self.expr}


_PROBE = f'job="{PROBE_JOB}"'
_CONTAINERS = f'namespace="{NAMESPACE}", container!=""'

ANSWERS = Recording(
    name="endpoint:probe_success:max",
    expr=f"max by (endpoint, tier) ({series('probe_success', job=PROBE_JOB)})",
    meaning="1 if the public endpoint answers",
)
ANSWER_SECONDS = Recording(
    name="endpoint:probe_duration_seconds:max",
    expr=f"max by (endpoint, tier) ({series('probe_duration_seconds', job=PROBE_JOB)})",
    meaning="the time of an answer, with DNS and TLS",
)
UNANSWERED = Recording(
    name="endpoint:probe_failure:ratio_rate6h",
    expr=f"1 - avg by (endpoint, tier) (avg_over_time(probe_success{{{_PROBE}}}[6h]))",
    meaning="the part of the last six hours in which the public endpoint did not answer",
)
CERTIFICATE = Recording(
    name="site:certificate_left_seconds:min",
    expr=f"min(probe_ssl_earliest_cert_expiry{{{_PROBE}}}) - time()",
    meaning="the time until the first public certificate ends",
)
UP = Recording(name="job:up:avg", expr="avg by (job) (up)", meaning="the part of a job's targets that answer")
HEARTBEAT = Recording(
    name="site:heartbeat_age_seconds:min",
    expr="min(lifeline_heartbeat_age_seconds)",
    meaning="the user data that a failover to this site would lose, in seconds",
)
BACKUP = Recording(
    name="site:backup_age_seconds:min",
    expr="time() - max(lifeline_backup_newest_timestamp_seconds)",
    meaning="the age of the newest backup",
)
PROVED = Recording(
    name="site:backup_proved_age_seconds:min",
    expr="time() - max(lifeline_backup_proved_timestamp_seconds)",
    meaning="the age of the newest backup that a restore has proved",
)
UNAVAILABLE = Recording(
    name="deployment:replicas_unavailable:max",
    expr=f"max by (deployment) ({series('kube_deployment_status_replicas_unavailable', namespace=NAMESPACE)})",
    meaning="the pods that a Deployment lacks",
)
FIRING = Recording(
    name="severity:alerts_firing:count",
    expr=f'count by (severity) (ALERTS{{alertstate="firing", alertname!="{WATCHDOG}"}})',
    meaning="the alerts that fire",
)
CPU = Recording(
    name="pod:cpu_usage_cores:rate5m",
    expr=f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{_CONTAINERS}}}[5m]))",
    meaning="the processors that a pod uses",
)
MEMORY = Recording(
    name="pod:memory_working_set_bytes:sum",
    expr=f"sum by (pod) (container_memory_working_set_bytes{{{_CONTAINERS}}})",
    meaning="the memory that a pod uses",
)

RECORDINGS: tuple[Recording, ...] = (
    ANSWERS,
    ANSWER_SECONDS,
    UNANSWERED,
    CERTIFICATE,
    UP,
    HEARTBEAT,
    BACKUP,
    PROVED,
    UNAVAILABLE,
    FIRING,
    CPU,
    MEMORY,
)
RECORDINGS_GROUP = "dashboards"
