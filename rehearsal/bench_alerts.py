"""One evaluation of all rules by a real Prometheus, for a site of 1,000 workloads and for the platform alone.

The site has three days of probes, because the error budgets read them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from components.alerts.endpoints import ENDPOINTS, PROBE_JOB
from components.alerts.model import SCRAPE_SECONDS
from components.alerts.rules import rules
from components.kube.services import SERVICES
from recovery.naming import NAMESPACE
from rehearsal.world.server import free_port

WORKLOADS = 1000
PODS = 3
"""Per workload."""
_HISTORY_SECONDS = 3 * 24 * 3600
_ROUNDS = 5
_PATIENCE_SECONDS = 60.0


def figures() -> dict[str, float]:
    """Seconds of one evaluation of all rules, and their ratio to those of a site without further workloads.

    Raises:
        RuntimeError: if Prometheus is not installed.
    """
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        raise RuntimeError("prometheus and promtool: not found; hint: apt-get install prometheus")
    alone, many = _evaluation_seconds(0), _evaluation_seconds(WORKLOADS)
    return {
        "alert_workloads": WORKLOADS,
        "alert_round_seconds": round(many, 4),
        "alert_round_to_alone": round(many / alone, 2),
    }


def _evaluation_seconds(workloads: int) -> float:
    """The longest of some rounds."""
    text = "".join(f"{line}\n" for line in _site(workloads))
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as name, _served(text) as address:
        folder, port = Path(name), free_port()
        _backfill(folder)
        loaded: dict[str, Any] = rules("example.org")
        for group in loaded["groups"]:
            group["interval"] = "1s"
        (folder / "rules.json").write_text(json.dumps(loaded))
        (folder / "prometheus.json").write_text(json.dumps(_configuration(folder, address, f"127.0.0.1:{port}")))
        command = [
            "prometheus",
            f"--config.file={folder}/prometheus.json",
            f"--storage.tsdb.path={folder}/samples",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                return max(_rounds(f"http://127.0.0.1:{port}", workloads))
            finally:
                process.terminate()


def _rounds(server: str, workloads: int) -> Iterator[float]:
    """The seconds of some rounds, after the first ones, in which the caches are empty."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if _asked(server, "min(prometheus_rule_group_iterations_total)") >= 2:
            break
        time.sleep(0.5)
    else:
        raise RuntimeError(f"prometheus evaluated no rule within {_PATIENCE_SECONDS:g} s")
    if _asked(server, "count(kube_deployment_spec_replicas)") != workloads + len(SERVICES):
        raise RuntimeError("prometheus has not scraped every workload")
    for _ in range(_ROUNDS):
        time.sleep(2)
        yield _asked(server, "sum(prometheus_rule_group_last_duration_seconds)")


def _asked(server: str, expr: str) -> float:
    try:
        with urlopen(f"{server}/api/v1/query?query={quote(expr)}", timeout=5) as answer:
            results = json.load(answer)["data"]["result"]
    except OSError:
        return 0.0
    return float(results[0]["value"][1]) if results else 0.0


def _configuration(folder: Path, *targets: str) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{folder}/rules.json"],
        "scrape_configs": [
            # Honoured, because the site's metrics have the labels that its own targets would have.
            {"job_name": "bench", "honor_labels": True, "static_configs": [{"targets": [*targets]}]}
        ],
    }


def _backfill(folder: Path) -> None:
    """Write the probes of the past as blocks of Prometheus."""
    now = int(time.time())
    lines = [
        f'probe_success{{job="{PROBE_JOB}",endpoint="{endpoint.name}",tier="{endpoint.tier.name}"}} 1 {moment}'
        for endpoint in ENDPOINTS
        for moment in range(now - _HISTORY_SECONDS, now - 60, SCRAPE_SECONDS)
    ]
    history = folder / "history"
    history.write_text("\n".join(["# TYPE probe_success gauge", *lines, "# EOF", ""]))
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(history), str(folder / "samples")]
    subprocess.run(blocks, check=True, capture_output=True)


def _site(workloads: int) -> Iterator[str]:
    """The metrics of a site's platform, and of more workloads in its namespace."""
    names = [*(service.name for service in SERVICES), *(f"workload-{number}" for number in range(workloads))]
    for name in names:
        place = f'namespace="{NAMESPACE}",deployment="{name}"'
        yield f"kube_deployment_status_replicas_available{{{place}}} {PODS}"
        yield f"kube_deployment_status_replicas_unavailable{{{place}}} 0"
        yield f"kube_deployment_spec_replicas{{{place}}} {PODS}"
        scaler = f'namespace="{NAMESPACE}",horizontalpodautoscaler="{name}"'
        yield f"kube_horizontalpodautoscaler_spec_min_replicas{{{scaler}}} {PODS}"
        for pod in range(PODS):
            container = f'namespace="{NAMESPACE}",pod="{name}-{pod}",container="app"'
            yield f'up{{job="{name}",pod="{name}-{pod}"}} 1'
            yield f'kube_pod_container_status_waiting_reason{{{container},reason="ContainerCreating"}} 0'
            yield f"container_cpu_usage_seconds_total{{{container}}} {time.time()}"
            yield f"container_memory_working_set_bytes{{{container}}} 1e8"
    for endpoint in ENDPOINTS:
        yield f'probe_success{{job="{PROBE_JOB}",endpoint="{endpoint.name}",tier="{endpoint.tier.name}"}} 1'


@contextmanager
def _served(text: str) -> Generator[str]:
    body = text.encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
