"""A real Prometheus and a real Alertmanager on this machine, a site for them to watch, and the services that page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from components.alerts import routing
from components.alerts.endpoints import ENDPOINTS, PROBE_JOB, PROBER
from components.alerts.model import Team
from components.alerts.rules import ALERTS
from components.alerts.workloads import CRON_JOBS
from components.kube.jobs import FENCE
from components.kube.services import BACKEND, CRISIS_DETECTOR, SERVICES, SWITCH
from components.monitoring import SECRETS
from recovery.naming import CANARY, DATABASE_JOB
from rehearsal.world.server import free_port
from stacks.contacts import EXAMPLE_ACCOUNT, read_contacts
from tests.alerts.promtool import DOMAIN
from tests.alerts.services import OWN, Services
from tests.patience import wait_until

OWN_JOBS = (BACKEND.name, CRISIS_DETECTOR.name, DATABASE_JOB, "kube-state-metrics")
JOBS = (*OWN_JOBS, PROBER, PROBE_JOB, CANARY, FENCE, SWITCH.name)
SPEED = 60
"""All times but those of the life-critical alert are divided by this number."""
SITE = OWN


@dataclass
class World:
    """The site's metrics, and everything that Alertmanager sent."""

    port: int = field(default_factory=free_port)
    dead: set[str] = field(default_factory=set[str])
    """The jobs that answer 503."""
    services: Services = field(default_factory=Services)
    """The platform's services. A service of this site without pods answers no scrape either."""
    pages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Events of PagerDuty, in order, each with the time of its arrival."""
    messages: list[str] = field(default_factory=list[str])
    """The phone numbers of text messages, in order."""
    heartbeats: int = 0
    activations: list[str] = field(default_factory=list[str])
    """The tokens with which the hotline's backup provider was called."""

    def sent(self, receiver: str, action: str = "trigger") -> list[dict[str, Any]]:
        """The events of one receiver."""
        return [
            page for page in self.pages if (page["payload"].get("class"), page["event_action"]) == (receiver, action)
        ]

    def is_dead(self, job: str) -> bool:
        """Whether no target of a job answers."""
        return job in self.dead or self.services.replicas[SITE].get(job, 1) == 0


def metrics(job: str, services: Services) -> str:
    """The metrics of one job, as its exporter writes them: real calls for the canary and the probes, else health."""
    now = time.time()
    if job == DATABASE_JOB:
        kinds = ("newest", "proved", "listed")
        times = "".join(f"lifeline_backup_{kind}_timestamp_seconds {now}\n" for kind in kinds)
        return f"pg_up 1\nlifeline_heartbeat_age_seconds 30\n{times}"
    if job == CANARY:
        return services.calls()
    if job == FENCE:
        return f"lifeline_fence_closed 0\nlifeline_fence_seen_timestamp_seconds {now}\n"
    if job == SWITCH.name:
        return f"lifeline_switch_leads 1\nlifeline_switch_seen_timestamp_seconds {now}\n"
    if job == PROBE_JOB:
        certificates = (f'probe_ssl_earliest_cert_expiry{{endpoint="{e.name}"}} {now + 5e6}\n' for e in ENDPOINTS)
        return "".join((*services.probes(), *certificates))
    return "".join(_cluster(now)) if job == "kube-state-metrics" else ""


def _cluster(now: float) -> Generator[str]:
    place = 'namespace="mental-health-platform"'
    for name in (*(service.name for service in SERVICES), "placeholder", "fence"):
        yield f'kube_deployment_status_replicas_available{{{place}, deployment="{name}"}} 3\n'
        yield f'kube_deployment_spec_replicas{{{place}, deployment="{name}"}} 3\n'
    for service in SERVICES:
        metric = "kube_horizontalpodautoscaler_spec_min_replicas"
        yield f'{metric}{{{place}, horizontalpodautoscaler="{service.name}"}} 3\n'
    for job in CRON_JOBS:
        yield f'kube_cronjob_status_last_successful_time{{{place}, cronjob="{job}"}} {now}\n'


@contextmanager
def served(world: World) -> Generator[None]:
    """Serve the metrics, and take what Alertmanager sends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            job = self.path.removeprefix("/metrics/")
            dead = world.is_dead(job)
            self._answer(503 if dead else 200, "" if dead else metrics(job, world.services))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/pagerduty":
                world.pages.append({**json.loads(body), "at": time.monotonic()})
            elif self.path == "/lifeline":
                world.heartbeats += 1
            elif self.path == "/activate":
                world.activations.append(self.headers["Authorization"])
            else:
                world.messages.append(parse_qs(body)["PhoneNumber"][0])
            self._answer(202 if self.path == "/pagerduty" else 200, _ANSWERS.get(self.path, _PUBLISHED))

        def _answer(self, code: int, text: str) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", world.port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        with world.services.running():
            yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_ANSWERS = {"/pagerduty": '{"status": "success"}', "/lifeline": "", "/activate": ""}
_PUBLISHED = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"


@dataclass(frozen=True)
class Monitoring:
    """The addresses of the two programs."""

    prometheus: str
    alertmanager: str

    def firing(self) -> set[str]:
        """The names of the alerts that fire in Prometheus."""
        return {name for name, state in self._alerts() if state == "firing"}

    def is_healthy(self) -> bool:
        """Whether no alert but the Watchdog fires or is pending."""
        return {name for name, _ in self._alerts()} == {"Watchdog"}

    def scrapes(self) -> bool:
        """Whether it has scraped every job."""
        try:
            targets = self._ask("targets")["activeTargets"]
        except OSError:
            return False
        return len(targets) == len(JOBS) and all(target["health"] == "up" for target in targets)

    def _alerts(self) -> list[tuple[str, str]]:
        return [(alert["labels"]["alertname"], alert["state"]) for alert in self._ask("alerts")["alerts"]]

    def _ask(self, question: str) -> Any:
        with urlopen(f"{self.prometheus}/api/v1/{question}", timeout=5) as answer:
            return json.load(answer)["data"]

    def silence(self, *matchers: str) -> None:
        """Answer an incident, as the runbooks say."""
        words = ["--duration", "1h", "--comment", "a test", "--author", "test"]
        command = ["amtool", f"--alertmanager.url={self.alertmanager}", "silence", "add", *words, *matchers]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def monitored(world: World, folder: Path) -> Generator[Monitoring]:
    """Start both programs with the rendered rules and routes."""
    for name in SECRETS:
        (folder / name).write_text(name)
    web, alerting = free_port(), free_port()
    (folder / "rules.json").write_text('{"groups": []}')
    (folder / "prometheus.json").write_text(json.dumps(_prometheus(world, folder, alerting)))
    (folder / "alertmanager.json").write_text(json.dumps(_alertmanager(world, folder)))
    prometheus = [
        "prometheus",
        f"--config.file={folder}/prometheus.json",
        f"--storage.tsdb.path={folder}/samples",
        f"--web.listen-address=127.0.0.1:{web}",
        "--rules.alert.resend-delay=1s",
    ]
    alertmanager = [
        "prometheus-alertmanager",
        f"--config.file={folder}/alertmanager.json",
        f"--storage.path={folder}/alerts",
        f"--web.listen-address=127.0.0.1:{alerting}",
        "--cluster.listen-address=",
    ]
    running = Monitoring(f"http://127.0.0.1:{web}", f"http://127.0.0.1:{alerting}")
    with ExitStack() as stack:
        watcher = _start(stack, prometheus, folder)
        # Before the first scrapes, no health is shown, and `for` is too short here to wait for them.
        wait_until(running.scrapes)
        (folder / "rules.json").write_text(json.dumps(_rules()))
        watcher.send_signal(signal.SIGHUP)
        wait_until(running.is_healthy)
        _start(stack, alertmanager, folder)
        wait_until(lambda: world.heartbeats)
        yield running


def _start(stack: ExitStack, command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    log = stack.enter_context((folder / f"{command[0]}.log").open("wb"))
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **credentials}, cwd=folder)
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _rules() -> Mapping[str, Any]:
    rules = [alert.rule(DOMAIN) for alert in ALERTS]
    for alert, rule in zip(ALERTS, rules, strict=True):
        if alert.name != "CrisisSystemDown":
            rule["for"] = f"{alert.wait_seconds * 1000 // SPEED}ms"
    return {"groups": [{"name": "all", "rules": rules}]}


def _prometheus(world: World, folder: Path, alerting: int) -> Mapping[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": {"site": SITE}},
        "rule_files": [f"{folder}/rules.json"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alerting}"]}]}]},
        "scrape_configs": [
            {
                "job_name": job,
                "metrics_path": f"/metrics/{job}",
                "static_configs": [{"targets": [f"127.0.0.1:{world.port}"]}],
            }
            for job in JOBS
        ],
    }


def _alertmanager(world: World, folder: Path) -> Mapping[str, Any]:
    """The rendered configuration, with this machine in place of the services that it calls."""
    here = f"http://127.0.0.1:{world.port}"
    config = routing.alertmanager(read_contacts(EXAMPLE_ACCOUNT), region="us-east-2", folder=str(folder))
    config["global"] = {"pagerduty_url": f"{here}/pagerduty"}
    route = config["route"]
    for crisis in (entry for entry in route["routes"] if f'team="{Team.CRISIS}"' in entry["matchers"]):
        crisis["group_wait"] = route["group_wait"]  # at its true time, as the alert
    route |= {"group_wait": f"{routing.GROUP_WAIT_SECONDS * 1000 // SPEED}ms", "group_interval": "5s"}
    for receiver in config["receivers"]:
        for entry in receiver.get("sns_configs", ()):
            entry["api_url"] = f"{here}/sns"
        for entry in receiver.get("webhook_configs", ()):
            entry["url"] = f"{here}{urlsplit(entry['url']).path}"
    return config
