"""Alertmanager's configuration: the receivers of each alert, their order, and the times between pages.

Each page goes two ways at once: to PagerDuty, and by SNS as a text message to each person's phone. So the escalation
works if PagerDuty does not. Its times are rules of Prometheus (`watch.ESCALATION`), because Alertmanager has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.alerts.canary import HOTLINE_FAILING
from components.alerts.inhibitions import inhibit_rules
from components.alerts.model import ESCALATED, INCIDENT, Severity, Team, duration, literal
from components.alerts.notice import ABOUT, OUTAGES
from components.alerts.watch import WATCHDOG
from recovery import objectives

Config = dict[str, Any]

SECRETS_FOLDER = "/etc/alertmanager/secrets/lifeline-alerting"
"""The folder in which the chart mounts the secret of that name. Source: kube-prometheus-stack, values,
`alertmanager.alertmanagerSpec.secrets`: each secret becomes /etc/alertmanager/secrets/NAME."""
GROUP_WAIT_SECONDS = 5
"""The time in which further alerts join the first page. It is part of every promise, so it is short."""
GROUP_INTERVAL_SECONDS = objectives.MINUTE
"""The longest time until a group that has paged adds an alert."""
REPEAT_SECONDS = 30 * objectives.MINUTE
HEARTBEAT_SECONDS = objectives.MINUTE
"""The interval at which the Watchdog reaches the heartbeat service outside."""
PAGES_KEY, TICKETS_KEY, HEARTBEAT_KEY = "pagerduty-pages", "pagerduty-tickets", "heartbeat-token"
HOTLINE_KEY = "hotline-backup-token"
"""The secrets: two routing keys of PagerDuty, and the tokens of the heartbeat service and of the hotline's backup
provider."""
HEARTBEAT = "heartbeat"
HOTLINE_BACKUP = "hotline-backup"
"""The receiver that activates the hotline's backup provider. It needs no person and no control plane of AWS."""
TICKETS = "tickets"
SITE = "site"
"""The label of the site, which each Prometheus adds to all its alerts."""
ON_CALL = 1
"""The level at which every page begins."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who is paged."""

    title: str
    phone: str
    """E.164, such as +15550100."""


@dataclass(frozen=True, kw_only=True)
class Contacts:
    """The people of the plan."""

    levels: Mapping[int, tuple[Person, ...]]
    """By level of the escalation chain, from 1."""
    specialists: Mapping[Team, tuple[Person, ...]]
    """Paged besides level 1, for the alerts of their team."""
    directory: Mapping[str, str]
    """Further phone numbers, by name. They are part of each page and are called by hand."""
    team_email: str
    """The address of the whole emergency team. CloudWatch's pages go there too: they need no cluster."""
    tickets_email: str
    """The address of the ticket system. CloudWatch's warnings go there."""
    heartbeat_url: str
    """The address of the service outside both regions that pages when it hears nothing for two minutes."""
    hotline_backup_url: str
    """The address of the hotline's backup provider, which `/activate` follows: the plan's EMERGENCY_BACKUP_ENDPOINT."""


def alertmanager(contacts: Contacts, *, region: str, folder: str = SECRETS_FOLDER) -> Config:
    """The configuration.

    Args:
        contacts: the people of the plan.
        region: of SNS, the site's own.
        folder: has the secrets, in files named by the four constants `…_KEY`.
    """
    return {
        "route": {
            "receiver": TICKETS,
            # Everything that one cause breaks in a site becomes one page, which grows.
            "group_by": [SITE, ESCALATED],
            "group_wait": duration(GROUP_WAIT_SECONDS),
            "group_interval": duration(GROUP_INTERVAL_SECONDS),
            "repeat_interval": "12h",
            "routes": [*_routes(contacts)],
        },
        "inhibit_rules": [*inhibit_rules(SITE)],
        "receivers": [
            {
                "name": TICKETS,
                "pagerduty_configs": [{"routing_key_file": f"{folder}/{TICKETS_KEY}", "severity": "warning"}],
            },
            {"name": HEARTBEAT, "webhook_configs": [_webhook(contacts.heartbeat_url, f"{folder}/{HEARTBEAT_KEY}")]},
            {
                "name": HOTLINE_BACKUP,
                "webhook_configs": [_webhook(f"{contacts.hotline_backup_url}/activate", f"{folder}/{HOTLINE_KEY}")],
            },
            *(_receiver(name, people, contacts, region, folder) for name, people in _pages(contacts)),
        ],
    }


def page(level: int, team: Team | None = None) -> str:
    """The name of a receiver."""
    return f"level-{level}" if team is None else f"level-{level}-{team}"


def _pages(contacts: Contacts) -> Iterator[tuple[str, tuple[Person, ...]]]:
    for level, people in contacts.levels.items():
        yield page(level), people
    for team, people in contacts.specialists.items():
        yield page(ON_CALL, team), people


def _routes(contacts: Contacts) -> Iterator[Config]:
    yield {
        "receiver": HEARTBEAT,
        "matchers": [f'alertname="{WATCHDOG}"'],
        "group_wait": "0s",
        "group_interval": duration(HEARTBEAT_SECONDS),
        # Shorter than the interval of the group, so that each one sends it again.
        "repeat_interval": duration(HEARTBEAT_SECONDS // 2),
    }
    # To activate a provider that is active already changes nothing, so it is sent again with the pages.
    yield {
        "receiver": HOTLINE_BACKUP,
        "matchers": [f'alertname="{HOTLINE_FAILING}"'],
        "group_wait": "0s",
        "repeat_interval": duration(REPEAT_SECONDS),
        "continue": True,
    }
    for team in contacts.specialists:
        yield _route(page(ON_CALL, team), f'{ESCALATED}="{ON_CALL}"', f'team="{team}"') | {"continue": True}
    # A group that has paged already takes a minute to add an alert. These cannot wait for that.
    yield _route(page(ON_CALL), f'{ESCALATED}="{ON_CALL}"', f'team="{Team.CRISIS}"') | {"group_by": [SITE, INCIDENT]}
    for level in contacts.levels:
        yield _route(page(level), f'{ESCALATED}="{level}"')


def _route(receiver: str, *matchers: str) -> Config:
    return {
        "receiver": receiver,
        "matchers": [f'severity="{Severity.CRITICAL}"', *matchers],
        # A page that no one has silenced is sent again, also after the last level.
        "repeat_interval": duration(REPEAT_SECONDS),
    }


def _receiver(name: str, people: tuple[Person, ...], contacts: Contacts, region: str, folder: str) -> Config:
    of_notice = name == page(ON_CALL, Team.NOTICE)
    return {
        "name": name,
        "pagerduty_configs": [
            {
                "routing_key_file": f"{folder}/{PAGES_KEY}",
                "severity": "critical",
                "component": "{{ .CommonLabels.incident }}",
                "class": name,
                "details": {**_details(people, contacts), **({"notice": _notice(contacts)} if of_notice else {})},
            }
        ],
        "sns_configs": [
            {
                "phone_number": person.phone,
                "sigv4": {"region": region},
                "subject": "",
                "message": _MESSAGE,
                "send_resolved": True,
            }
            for person in people
        ],
    }


def _details(people: tuple[Person, ...], contacts: Contacts) -> dict[str, str]:
    texts = {"escalation": ", ".join(person.title for person in people), **contacts.directory}
    return {name: literal(text) for name, text in texts.items()}


def _notice(contacts: Contacts) -> str:
    """The draft of the public notice, as a template of Alertmanager. The alert begins five minutes after the outage."""
    services = "".join(
        f'{{{{ if eq .Labels.{ABOUT} "{alert}" }}}}{service}{{{{ end }}}}' for alert, service in OUTAGES.items()
    )
    begin, due = -objectives.NOTICE_DRAFT_SECONDS, objectives.NOTICE_SECONDS - objectives.NOTICE_DRAFT_SECONDS
    return (
        "{{ range .Alerts }}NOTICE OF A SERVICE OUTAGE (draft). "
        f"Service: {services}. "
        f"Discovered: {_moment(begin)}. Notice due: {_moment(due)}. "
        "Reported by: the site {{ .Labels.site }}. "
        "Meanwhile: call or text 988, or 911 in an emergency. "
        f"Contact: {literal(contacts.directory['emergencyHotline'])}. "
        f"Next update: {_moment(due + objectives.NOTICE_SECONDS)}. {{{{ end }}}}"
    )


def _moment(seconds: int) -> str:
    """A time after the start of an alert, in UTC. The methods are those of Go's time.Time and take nanoseconds."""
    return f'{{{{ (.StartsAt.Add {seconds * 10**9}).UTC.Format "2006-01-02 15:04 UTC" }}}}'


def _webhook(url: str, token_file: str) -> Config:
    # The token is a header, because Alertmanager 0.25 reads no address from a file.
    return {
        "url": url,
        "send_resolved": False,
        "http_config": {"authorization": {"credentials_file": token_file}},
    }


_MESSAGE = (
    "{{ .Status | toUpper }} {{ .CommonLabels.site }} level {{ .CommonLabels.level }}: "
    "{{ range .Alerts }}{{ .Annotations.summary }}. {{ .Annotations.action }} {{ .Annotations.runbook_url }} {{ end }}"
)
"""Has no value of a label but the site and the level. SNS splits longer texts into several messages."""
