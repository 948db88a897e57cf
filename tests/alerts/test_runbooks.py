"""Each alert has its page, each page has its alert, and the commands of a page name things that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from components.alerts.endpoints import PROBER
from components.alerts.model import duration, runbook_url
from components.alerts.rules import ALERTS
from components.alerts.workloads import CRON_JOBS
from components.backup_events import BACKUP_EVENT
from components.kube import jobs
from components.kube.pods import PLACEHOLDER
from components.kube.services import SERVED
from recovery.naming import CANARY, CONFIG_MAP, EXPORTER, MONITORING_NAMESPACE, NAMESPACE, REPOSITORIES
from stacks.config import SiteConfig
from tests.alarms.cases import ALARMS
from tests.alerts.promtool import DOMAIN
from tests.harness import ROOT, deploy

PAGES = {path.stem: path for path in (ROOT / "docs" / "runbooks" / "alerts").glob("*.md")}
EXAMPLES = {"JOB", "manual-backup-1", "manual-check-1", "manual-export-1"}
DEPLOYMENTS = {*(service.name for service in SERVED), jobs.FENCE, EXPORTER, PROBER, CANARY}
COMPONENTS = {*(service.short_name for service in SERVED), jobs.FENCE, EXPORTER, CANARY, PLACEHOLDER}

every_page = pytest.mark.parametrize("page", sorted(PAGES))


def commands(page: str) -> str:
    """The commands of a page, in blocks and in the text."""
    text = PAGES[page].read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))])


def test_each_alert_and_alarm_has_its_page_and_each_page_one_of_them() -> None:
    names = {alert.name for alert in ALERTS} | {alarm.name for alarm in ALARMS} | {BACKUP_EVENT}
    assert sorted(PAGES) == sorted(names)


def test_no_alarm_has_the_name_of_an_alert() -> None:
    assert {alert.name for alert in ALERTS} & ({alarm.name for alarm in ALARMS} | {BACKUP_EVENT}) == set()


def test_the_address_of_a_page_ends_in_the_alerts_name() -> None:
    urls = {alert.rule(DOMAIN)["annotations"]["runbook_url"] for alert in ALERTS}
    assert urls == {runbook_url(alert.name, DOMAIN) for alert in ALERTS}
    assert {url.rpartition("/")[2] for url in urls} == {alert.name.lower() for alert in ALERTS}


@every_page
def test_a_page_has_a_title_and_four_sections(page: str) -> None:
    assert re.findall(r"^#+ .+$", PAGES[page].read_text(), re.MULTILINE) == [
        f"# {page}",
        "## Meaning",
        "## Impact",
        "## Diagnosis",
        "## Mitigation",
    ]


@every_page
def test_the_commands_of_a_page_name_declared_objects(page: str) -> None:
    text = commands(page)
    assert set(re.findall(r"deployment/(\S+)", text)) <= DEPLOYMENTS
    assert set(re.findall(r"cronjob[/ ](?:-n \S+ )?([a-z]\S+)", text)) <= set(CRON_JOBS)
    assert set(re.findall(r"component=(\S+)", text)) <= COMPONENTS
    assert set(re.findall(r"\bjob(?: -n \S+)? ?/?(JOB|manual\S*)", text)) <= EXAMPLES
    assert set(re.findall(r"-n (\S+)", text)) <= {NAMESPACE, MONITORING_NAMESPACE}
    assert set(re.findall(r"configmap (\S+)", text)) <= {CONFIG_MAP}
    assert set(re.findall(r"--repository-name (\S+)", text)) <= set(REPOSITORIES)
    assert set(re.findall(r"incident=(\S+)", text)) <= {alert.name for alert in ALERTS}


@every_page
def test_the_commands_of_a_page_name_things_of_a_site(page: str) -> None:
    values = {
        value
        for stack in ("primary", "secondary")
        for entry in deploy(stack)
        for key in ("bucket", "identifier", "name")
        if isinstance(value := entry.inputs.get(key), str)
    }
    assert set(re.findall(r"\blifeline-[\w-]+", commands(page))) <= values


@every_page
def test_the_links_of_a_page_lead_to_files(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGES[page].read_text())
    missing = [link for link in links if not (PAGES[page].parent / Path(link)).resolve().is_file()]
    assert missing == []


@every_page
def test_the_settings_that_a_page_names_exist(page: str) -> None:
    keys = re.findall(r"`lifeline:([\w.]+)`", PAGES[page].read_text())
    assert [key for key in keys if not is_setting(key.split("."), SiteConfig)] == []


def is_setting(path: list[str], model: Any) -> bool:
    fields = {field.alias or name: field for name, field in getattr(model, "model_fields", {}).items()}
    return not path or (path[0] in fields and is_setting(path[1:], fields[path[0]].annotation))


def test_the_table_of_alerts_has_each_alert_as_it_is() -> None:
    rows = {
        f"| [{alert.name}](runbooks/alerts/{alert.name}.md) | {duration(alert.wait_seconds)} | {alert.severity}"
        f" | {alert.team} | {alert.source} |"
        for alert in ALERTS
    }
    lines = (ROOT / "docs" / "alerts.md").read_text().splitlines()
    assert {line for line in lines if line.startswith("| [")} == rows
