"""The wiring of a site's alarms in CloudWatch: the topics, and the alarms of each thing."""

from __future__ import annotations

import pulumi

from components.alarm_topic import AlarmTopic, AlarmTopicArgs, Protocol
from components.alarms import copies, data, outside
from components.alarms.model import Alarm
from components.alerts.model import Severity, Team
from components.alerts.routing import ON_CALL, Contacts
from components.backup_events import BackupEvents, BackupEventsArgs
from components.health import HealthChecks
from components.metric_alarms import MetricAlarms, MetricAlarmsArgs
from recovery import naming, objectives
from recovery.naming import PROJECT
from recovery.timeline import DatabaseId
from stacks.contacts import read_contacts
from stacks.context import Context

Topics = dict[Severity, pulumi.Input[str]]


def alarms(context: Context, checks: HealthChecks) -> None:
    """The alarms of the site. None knows a role, so a flip changes none."""
    site, contacts = context.site.name, read_contacts(context.config.account)
    pages = _topic(context, "pages", context.site.region, _on_call(contacts))
    tickets = _topic(
        context, "tickets", context.site.region, {"tickets": ("email", contacts.tickets_email)}, events=True
    )
    topics: Topics = {Severity.CRITICAL: pages.arn, Severity.WARNING: tickets.arn}
    for database in context.config.databases:
        group = data.database(database, storage_gib=context.config.database.storage_gib)
        _declare(context, f"database-{database.epoch}", group, topics, tier=objectives.DATA.name)
    if late := context.config.database.delayed:
        source = DatabaseId(site, late.epoch)
        group = data.delayed(source, storage_gib=context.config.database.storage_gib)
        _declare(context, f"delayed-{source.epoch}", group, topics, tier=objectives.DATA.name)
    if context.site.has_ledger:  # DynamoDB has metrics where a copy is; the peer has the alarms of its copy
        _declare(context, "ledger", data.ledger(site), topics, tier=objectives.CRISIS.name)
    _declare(context, "logs", copies.logs(site), topics)
    for purpose, bucket in _copied_buckets(context).items():
        alarm = copies.replication(bucket, context.site.copy_name(bucket))
        _declare(context, f"copies-{purpose}", (alarm,), topics)
    for resource_type in copies.resource_types(has_ledger=context.site.has_ledger):
        alarm = copies.recovery_point(site, resource_type)
        _declare(context, f"vault-{resource_type.lower()}", (alarm,), topics, tier=objectives.DATA.name)
    BackupEvents("backup-events", BackupEventsArgs(topic_arn=tickets.arn, site=context.site))
    _outside(context, contacts, checks)


def _outside(context: Context, contacts: Contacts, checks: HealthChecks) -> None:
    """The alarms of the health checks. An alarm publishes in its own region only, so they have a topic of their own."""
    pages = _topic(context, "outside", outside.METRICS_REGION, _on_call(contacts))
    group = outside.outside(context.site.name, crisis_check=checks.crisis_id, app_check=checks.app_id)
    _declare(context, "outside", group, {Severity.CRITICAL: pages.arn}, region=outside.METRICS_REGION)


def _declare(
    context: Context,
    thing: str,
    alarms: tuple[Alarm, ...],
    topics: Topics,
    *,
    tier: str = "platform",
    region: str | None = None,
) -> None:
    args = MetricAlarmsArgs(
        alarms=alarms,
        topics=topics,
        region=region or context.site.region,
        domain=context.config.domain,
        tier=tier,
        site=context.site,
    )
    MetricAlarms(f"alarms-{thing}", args)


def _topic(
    context: Context, purpose: str, region: str, subscribers: dict[str, tuple[Protocol, str]], *, events: bool = False
) -> AlarmTopic:
    args = AlarmTopicArgs(
        topic=f"{PROJECT}-{context.site.name}-{purpose}",
        region=region,
        subscribers=subscribers,
        events=events,
        site=context.site,
    )
    return AlarmTopic(f"alarms-{purpose}", args)


def _on_call(contacts: Contacts) -> dict[str, tuple[Protocol, str]]:
    """The people who are paged first, and the mail to the whole team, with which the plan begins.

    CloudWatch cannot escalate; the other site's Alertmanager can.
    """
    people = {"level-1": contacts.levels[ON_CALL], "database": contacts.specialists.get(Team.DATABASE, ())}
    phones: dict[str, tuple[Protocol, str]] = {
        f"{role}-{number}": ("sms", person.phone)
        for role, group in people.items()
        for number, person in enumerate(group, 1)
    }
    return {**phones, "team": ("email", contacts.team_email)}


def _copied_buckets(context: Context) -> dict[str, str]:
    """The buckets of the site that S3 replicates, by their purpose."""
    buckets = {
        "backups": naming.backup_bucket,
        "ledger": naming.ledger_bucket,
        "logs": naming.log_bucket,
        "models": naming.model_bucket,
    }
    return {purpose: name(context.site.name, account=context.site.account) for purpose, name in buckets.items()}
