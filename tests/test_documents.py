"""Documents agree with the code: each statement that can be compared is compared."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from components import controllers, monitoring, node_autoscaler, prometheus_chart
from components.controllers import LOAD_BALANCER_CONTROLLER
from components.kube import configuration_export, ledger_export, log_collector, probes
from components.kube.backup_jobs import BACKUP_SCHEDULE, RESTORE_CHECK_SCHEDULE
from components.kube.pods import METRICS_PORT
from lifeline import copies
from lifeline.app import app
from operations.backup_store import LARGEST_PART, PARTS
from operations.exporter import Metrics
from policy.hipaa import CLAUSES
from recovery import objectives
from recovery.naming import ALERTING_SECRET, REPOSITORIES
from rehearsal.scenarios import SCENARIOS
from stacks.config import SiteConfig
from stacks.sections import Images, Section
from tests.harness import ROOT
from tests.test_transitions import TRANSITIONS

RUNBOOKS = ROOT / "docs" / "runbooks"
_OPS = ("create", "import", "update", "replace", "delete", "forget")
COUNTS = re.compile(rf"\b\d+ (?:{'|'.join(_OPS)})(?:, \d+ (?:{'|'.join(_OPS)}))*")

COUNTED: dict[str, list[str]] = {
    "failover": ["failover"],
    "failback": ["the old leader learns that it is fenced", "reseed"],
    "switchover": [
        "drain",
        "switchover",
        "a drained leader learns that it is fenced",
        "drain taken back",
    ],
    "restore": ["drain"],
    "cluster-loss": [],
    "database-dead": [],
    "first-deployment": ["failover"],
    "first-drill": [],
    "upgrade": [],
    "rebuild-region": ["a new peer"],
    "rebuild-elsewhere": ["the copies move to another region"],
    "both-regions-lost": ["the users' data is restored from the dump of a lost site"],
    "emergency": [
        "keywords alone at primary",
        "an earlier model at primary",
        "the backup of the hotline at primary",
        "no writes at primary",
        "more crisis detectors at primary",
        "maintenance at primary",
    ],
    "retire": ["deletion is allowed"],
    "delayed-replica": ["a delayed replica"],
    "adopt": ["the global resources are left", "the global resources are adopted"],
    "rotation": ["another password of the application", "another password of the owner"],
    "reconcile": ["reconciliation begins", "reconciliation ends"],
    "after-incident": [],
    "security-incident": [],
    "drills": [],
}
"""The tested transitions whose steps a runbook counts, in the order of the text."""


def text(name: str) -> str:
    """A document without line breaks inside its paragraphs."""
    return re.sub(r"\n *(?=\S)", " ", (ROOT / name).read_text())


def counted(steps: list[str]) -> str:
    numbers = Counter(step.split()[0] for step in steps)
    return ", ".join(f"{numbers[op]} {op}" for op in _OPS if numbers[op])


@pytest.mark.parametrize("page", sorted(path.stem for path in RUNBOOKS.glob("*.md")))
def test_a_runbook_counts_the_steps_of_the_tested_transitions(page: str) -> None:
    expected = [counted(TRANSITIONS[name][3]) for name in COUNTED[page]]
    assert COUNTS.findall(text(f"docs/runbooks/{page}.md")) == expected


def test_the_first_deployment_names_every_repository_that_a_site_pulls_from() -> None:
    page = text("docs/runbooks/first-deployment.md")
    found = re.search(r"The repositories of the platform's own images are (.*?)\. ", page)
    assert found is not None
    images = {str(field.alias) for field in Images.model_fields.values()}
    expected = {re.sub(r"([A-Z])", lambda letter: f"-{letter[1].lower()}", name) for name in images}
    assert set(re.findall(r"`([^`]+)`", found[1])) == expected
    charts = {f"charts/{name}" for name in CHARTS}
    copied = {source.partition("/")[2].partition(":")[0] for source in copied_images()}
    assert expected | charts | copied == set(REPOSITORIES)


CHARTS = {
    LOAD_BALANCER_CONTROLLER: controllers.CHART_VERSION,
    node_autoscaler.CLUSTER_AUTOSCALER: node_autoscaler.CHART_VERSION,
    prometheus_chart.CHART: prometheus_chart.CHART_VERSION,
}


def copied_images() -> list[str]:
    """The images of other projects, as the first deployment copies them."""
    (block,) = re.findall(r"<<'IMAGES'\n(.*?)\n +IMAGES\n", (RUNBOOKS / "first-deployment.md").read_text(), re.DOTALL)
    return [line.strip() for line in block.splitlines()]


def test_the_first_deployment_copies_the_images_that_the_charts_and_the_probes_name() -> None:
    controller = f"public.ecr.aws/{controllers.IMAGE}:v{controllers.CHART_VERSION}"
    collector = f"docker.io/{log_collector.IMAGE}:{log_collector.VERSION}"
    autoscaler = f"registry.k8s.io/{node_autoscaler.IMAGE}:v"
    autoscalers = [f"{autoscaler}{version}" for version in node_autoscaler.VERSIONS.values()]
    expected = [*prometheus_chart.IMAGES.values(), f"quay.io/{probes.IMAGE}", controller, *autoscalers, collector]
    assert sorted(copied_images()) == sorted(expected)


def test_the_first_deployment_pushes_the_charts_at_the_declared_versions() -> None:
    page = text("docs/runbooks/first-deployment.md")
    assert dict(re.findall(r"helm pull \w[\w-]*/(\S+) --version (\S+)", page)) == CHARTS
    assert dict(re.findall(r"helm push (\S+)-([\d.]+)\.tgz", page)) == CHARTS


def test_the_first_deployment_creates_the_secret_of_the_alerts_with_its_keys() -> None:
    page = text("docs/runbooks/first-deployment.md")
    assert f"--name {ALERTING_SECRET}" in page
    keys = re.findall(r'"(\w+)": "[A-Z_]+"', page)
    assert keys == [key.replace("-", "_") for key in monitoring.SECRETS]


def test_the_command_names_every_scenario() -> None:
    rehearse: Any = typer.main.get_command(app)
    (argument,) = (entry for entry in rehearse.commands["rehearse"].params if entry.name == "scenario")
    assert re.findall(r"[a-z-]+(?=,|\.| or )", argument.help) == list(SCENARIOS)
    readme = text("README.md")
    assert [name for name in SCENARIOS if name != "region-loss" and f"`{name}`" not in readme] == []


@pytest.mark.parametrize(
    "section", ["backups", "cluster", "database", "switchover", "ledger", "peer", "network", "emergency"]
)
def test_the_project_file_describes_every_key_of_a_section(section: str) -> None:
    described = YAML(typ="safe").load(ROOT / "Pulumi.yaml")["config"][f"lifeline:{section}"]["description"]
    model = SiteConfig.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, Section)
    assert [field.alias for field in model.model_fields.values() if str(field.alias) not in described] == []


def test_the_readme_has_the_promised_times() -> None:
    rows = {cells[1]: cells[2] for cells in _rows("README.md") if len(cells) > 3}
    assert {tier.title: rows.get(tier.title) for tier in objectives.TIERS} == {
        tier.title: _long(tier.rto_seconds) for tier in objectives.TIERS
    }
    losses = {
        "crisis events": objectives.RPO_CRISIS_EVENTS_SECONDS,
        "user data": objectives.RPO_USER_DATA_SECONDS,
        "configuration": objectives.RPO_CONFIGURATION_SECONDS,
    }
    assert {name: rows[name] for name in losses} == {
        name: f"less than {_long(seconds)}" if seconds else "nothing" for name, seconds in losses.items()
    }
    minutes = re.search(r"plan's (\w+) minutes for logs", text("README.md"))
    assert minutes is not None
    assert minutes[1] == {300: "five"}.get(objectives.RPO_LOGS_SECONDS)


def _rows(name: str) -> list[list[str]]:
    lines = (ROOT / name).read_text().splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("|")]


def _long(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{minutes} minutes" if not hours else f"{hours} hour{'s' if hours > 1 else ''}"


def test_the_table_of_packages_has_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    described = {cells[1].split("/")[0].strip("`") for cells in _rows("docs/architecture.md") if "/`" in cells[1]}
    assert described - {"procedures", "policy"} == packages - {"procedures", "policy"}


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_the_table_of_copies_is_what_the_program_declares(stack: str) -> None:
    """If it fails, write the output of `lifeline copies --stack NAME` between the two comments."""
    page = (ROOT / "docs" / "backups.md").read_text()
    written = re.findall(rf"<!-- lifeline copies --stack {stack} -->\n\n(.*?)\n\n<!-- end -->", page, re.DOTALL)
    assert written == [copies.table(ROOT, stack)]


def test_the_page_of_backups_names_every_metric_and_schedule() -> None:
    page = text("docs/backups.md")
    registry = CollectorRegistry()
    Metrics(registry)
    names = {metric.name for metric in registry.collect()}
    assert set(re.findall(r"`(lifeline_\w+|pg_up)`", page)) == names
    for schedule in (BACKUP_SCHEDULE, RESTORE_CHECK_SCHEDULE, configuration_export.SCHEDULE, ledger_export.SCHEDULE):
        minute, hour, *_ = schedule.split()
        assert f"{int(hour):02}:{minute} UTC" in page
    assert f"port {METRICS_PORT}" in page
    assert f"{PARTS * LARGEST_PART // 1024**3} GiB" in page


def test_every_runbook_has_the_same_sections() -> None:
    required = ["When", "Before you start", "Steps", "Verify", "Roll back"]
    sections = {path.stem: _headings(path) for path in RUNBOOKS.glob("*.md")}
    assert {page: [name for name in required if name not in headings] for page, headings in sections.items()} == {
        page: [] for page in sections
    }


def _headings(path: Path) -> list[str]:
    return re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)


def test_the_review_lists_every_finding_and_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "aws-review.md").read_text()
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(range(1, 41))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("page", sorted(RUNBOOKS.rglob("*.md")), ids=lambda page: page.stem)
def test_a_page_says_where_each_variable_of_its_commands_comes_from(page: Path) -> None:
    content = page.read_text()
    commands = "".join(re.findall(r"^ *```sh\n(.*?)^ *```$", content, re.MULTILINE | re.DOTALL))
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]*)", commands))
    assigned = set(re.findall(r"\b([A-Z][A-Z_]*)=", content)) | set(re.findall(r"`\$?([A-Z][A-Z_]*)`", content))
    read = set(re.findall(r"read -r ([A-Z]+)", commands))
    assert sorted(used - assigned - read - {"PWD"}) == []


def test_the_page_of_hipaa_has_every_paragraph_that_a_policy_serves() -> None:
    page = (ROOT / "docs" / "hipaa.md").read_text()
    proposed = {clause for clause in CLAUSES if clause.startswith("90 FR")}
    assert re.findall(r"^\| (164\.\S+) \|", page, re.MULTILINE) == sorted(CLAUSES.keys() - proposed)
    assert [clause for clause in proposed if clause.partition(": ")[2] not in page] == []
