"""The jobs of a cluster as real processes: this machine runs the command of a rendered pod.

The command and the environment are the manifest's own. Eight things are replaced: the image's interpreter and its
PostgreSQL by those of this machine, the database's host name by its server on loopback, mounted secrets by files, the
mounted disk by a folder, the ports by free ones, the API server and its token by those of the cluster in memory,
and AWS by a gateway.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.warm import Warm
from rehearsal.providers.kubernetes.api import ApiError, KubernetesApi
from rehearsal.world import binaries, processes, secrets
from rehearsal.world.api_server import ApiServer
from rehearsal.world.beginnings import Beginnings
from rehearsal.world.binaries import Account
from rehearsal.world.clock import Clock
from rehearsal.world.drain import Drain, Running
from rehearsal.world.loopback import Reply, Request
from rehearsal.world.patience import exchange
from rehearsal.world.permissions import identity
from rehearsal.world.pod_files import PodFiles
from rehearsal.world.pod_network import Lines, PodNetwork
from rehearsal.world.server import Server, free_port

Manifest = dict[str, Any]

SECONDS_KEYS = ("ALERT_SECONDS", "FENCE_SECONDS", "LEASE_SECONDS", "PATIENCE_SECONDS", "POLL_SECONDS", "SWITCH_SECONDS")
"""Durations in a pod's environment are simulated seconds. A process gets them in real seconds."""
_ANSWER_SECONDS = 2.0
"""Simulated seconds in which a pod must answer another one."""
_START_SECONDS = 1.0
"""Between the starts of two Deployments. On a small machine, processes that start at once slow each other down, which
pods on nodes of their own do not, and each of these seconds counts as several simulated ones."""


@dataclass
class Pods:
    """The pods of one site that run as processes: its fence, its switch, and the Jobs that its stack waits for.

    Args:
        cluster: the cluster with the manifests.
        api: its API server.
        region: its region. Its pods call AWS in the name of their service accounts there.
        endpoint: the address of AWS.
        server: returns the PostgreSQL server behind a host name of the ConfigMap; None if there is none.
        clock: simulated time.
        folder: for logs, as `<job>.log`.
        programs: starts the processes.
        network: the ways of the pods; without it, every pod reaches every database.
    """

    cluster: KubernetesApi
    api: ApiServer
    region: str
    endpoint: str
    server: Callable[[str], Server | None]
    clock: Clock
    folder: Path
    programs: Warm
    network: PodNetwork | None = None
    deployments: tuple[str, ...] = ("fence", "switch")
    namespace: str = "mental-health-platform"
    _runs: int = 0
    _asked: int = 0
    _running: dict[str, Running] = field(default_factory=dict[str, Running])
    _lost: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.beginnings = Beginnings(self.clock)
        self._drain = Drain(self.clock)
        self.labels: dict[str, Mapping[str, str]] = {}
        """The labels of the pods that have run, by their service account."""
        self._lines = Lines(self.network)
        self._thread = threading.Thread(target=self._keep, name="pods", daemon=True)
        self._files = PodFiles()
        self._scratch = tempfile.TemporaryDirectory(prefix="lifeline-scratch-")
        Account.current().own(Path(self._scratch.name))
        self._programs = binaries.for_jobs(self._files.root / "programs")
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._end_all(signal.SIGTERM)
        self._lines.close()
        self._files.delete()
        self._scratch.cleanup()

    def lose(self) -> None:
        """Kill every pod, as the loss of the region does."""
        self._lost.set()
        self._end_all(signal.SIGKILL)
        self.beginnings.lost()

    def restore(self) -> None:
        """Start the pods again, as the cluster does when its region returns."""
        self._lost.clear()

    def run(self, manifest: Manifest) -> None:
        """Run a Job until it ends, as Pulumi's provider waits for it. A failed pod is tried again as the Job says.

        Raises:
            ApiError: if it fails.
        """
        spec, name = manifest["spec"], str(manifest["metadata"]["name"])
        rules: list[Manifest] = spec.get("podFailurePolicy", {}).get("rules", [])
        final = {code for rule in rules if rule["action"] == "FailJob" for code in rule["onExitCodes"]["values"]}
        code, retries = self._run_pod(name, spec["template"]), int(spec.get("backoffLimit", 6))
        while code not in (0, *final) and retries and not self._lost.is_set():
            code, retries = self._run_pod(name, spec["template"]), retries - 1
        if code == 0:
            return
        said = (self.folder / f"{name}.log").read_text().strip().splitlines()
        raise ApiError(f'Job "{name}" failed with exit code {code}: {said[-1] if said else "silent"}')

    def _run_pod(self, name: str, template: Manifest) -> int:
        with self._lock:
            running = self._running[name] = self._start(name, name, template)
        code = running.process.wait()
        with self._lock:
            self._running.pop(name, None)
        return code

    def run_cron_job(self, name: str) -> list[dict[str, Any]]:
        """Run a CronJob at once, as `kubectl create job --from=cronjob/NAME` does. Returns the lines that it logged.

        Raises:
            ApiError: if there is none, or the Job fails.
        """
        declared = self.cluster.get("batch/v1", "CronJob", name, self.namespace)
        if declared is None:
            raise ApiError(f'cronjobs.batch "{name}" not found')
        self._runs += 1
        job = f"{name}-manual-{self._runs}"
        self.run({"metadata": {"name": job}, "spec": declared["spec"]["jobTemplate"]["spec"]})
        return self.log(job)

    def log(self, job: str) -> list[dict[str, Any]]:
        """The lines that a job has logged so far, without those of an interpreter that has failed."""
        return [json.loads(line) for line in (self.folder / f"{job}.log").read_text().splitlines() if line[:1] == "{"]

    def running(self, deployment: str) -> int:
        """The number of pods of a Deployment that run and are not being ended."""
        return sum(pod.deployment == deployment for pod in [*self._running.values()])

    def addresses(self, deployment: str) -> list[tuple[str, int]]:
        """Host and port of every pod of a Deployment that serves. It waits for none that is being ended."""
        return [pod.address for pod in [*self._running.values()] if pod.deployment == deployment and pod.port]

    def ask(self, deployment: str, request: Request) -> Reply:
        """The answer of a Deployment's pods, which a load balancer asks in turn.

        One that is silent is not left out. One that does not listen, because it begins or has ended, is not ready.
        Those that end answer if no other one does.
        """
        said = Reply(503, {"error": f"{deployment} has no pod that serves"})
        self._asked += 1
        addresses = deque(self.addresses(deployment))
        addresses.rotate(self._asked)
        for address in [*addresses, *self._drain.addresses(deployment)]:
            try:
                found = exchange(address, request.method, request.path, clock=self.clock, seconds=_ANSWER_SECONDS)
                self.beginnings.answered(deployment)
                return Reply(found.status, {"answer": found.body.decode()})
            except (OSError, http.client.HTTPException) as error:
                said = Reply(502, {"error": repr(error)})
                if not isinstance(error, ConnectionRefusedError):
                    break
        return said

    def signal(self, pod: str, number: signal.Signals) -> None:
        """Send a signal to a pod, such as `switch-0`.

        Raises:
            KeyError: if it does not run.
        """
        with self._lock:
            self._running[pod].process.send_signal(number)

    def _keep(self) -> None:
        """Run a process per pod of each Deployment, and replace it when the pod would be replaced."""
        while not self._stop.wait(0.1):
            if not self._lost.is_set():
                self._end_drained()
                for name in self.deployments:
                    with contextlib.suppress(ApiError):  # something that its pods need is missing: try again later
                        if self._settle(name):
                            self._stop.wait(_START_SECONDS)

    def _settle(self, name: str) -> bool:
        """Run the pods that a Deployment declares, and no other. Returns whether one was started."""
        deployment = self.cluster.look("apps/v1", "Deployment", name, self.namespace)
        template = deployment["spec"]["template"] if deployment else None
        with self._lock:
            for pod, running in [*self._running.items()]:
                if running.deployment != name:
                    continue
                if running.template != template:
                    if not self._drain.end(self._running.pop(pod), replaced=deployment is not None):
                        self.beginnings.replaced(name)
                elif running.process.poll() is not None:
                    self._running.pop(pod)
            if deployment is None or template is None or self._lost.is_set():
                return False
            pods = [f"{name}-{number}" for number in range(deployment["spec"]["replicas"])]
            missing = [pod for pod in pods if pod not in self._running]
            self.beginnings.started(name)
            for pod in missing:
                started = self._start(name, pod, template)
                started.deployment, started.template = name, template
                self._running[pod] = started
            return bool(missing)

    def _end_drained(self) -> None:
        with self._lock:
            for name in self._drain.end_over():
                if not any(pod.deployment == name for pod in self._running.values()):
                    self.beginnings.replaced(name)

    def _end_all(self, how: signal.Signals) -> None:
        with self._lock:
            self._drain.end_all(how)
            processes.end(how, *(running.process for running in self._running.values()))
            self._running.clear()

    def _start(self, name: str, pod: str, template: Manifest) -> Running:
        container = template["spec"]["containers"][0]
        variables = self._environment(pod, template)
        interpreter, *words = map(str, container["command"])
        if interpreter != "python":
            raise ApiError(f"pod {pod}: the offline world has no {interpreter}")
        with (self.folder / f"{name}.log").open("a") as log:
            process = self.programs.start(
                *words,
                env={**processes.environment(), **variables},
                stdout=log.fileno(),
                stderr=log.fileno(),
            )
        return Running(process, port=int(variables.get("PORT", 0)))

    def _environment(self, name: str, template: Manifest) -> dict[str, str]:
        pod, labels = template["spec"], template.get("metadata", {}).get("labels", {})
        self.labels[str(pod.get("serviceAccountName"))] = labels
        variables = dict(self._variable(entry) for entry in pod["containers"][0]["env"])
        variables |= {key: str(self.clock.real(float(variables[key]))) for key in SECONDS_KEYS if key in variables}
        server = self.server(variables.get("DB_HOST", ""))
        if server is not None:
            port = self._lines.port(labels, variables, server.port)
            variables |= {"DB_HOST": "127.0.0.1", "DB_PORT": str(port)}
        mounted = secrets.mounted(self.cluster, self.namespace, pod, self.region, self.endpoint)
        files = {key: mounted[value] for key, value in variables.items() if value in mounted}
        variables |= {key: self._files.write(f"{name}-{key.lower()}", content) for key, content in files.items()}
        variables |= {"PGSSLMODE": "disable", "AWS_ENDPOINT_URL": self.endpoint}
        variables["AWS_ACCESS_KEY_ID"] = identity(self.region, str(pod.get("serviceAccountName")))
        variables["PATH"] = f"{self._programs}{os.pathsep}{os.environ.get('PATH', '')}"
        if "METRICS_PORT" in variables:
            variables["METRICS_PORT"] = "0"  # any free port: the pods of both sites are on this machine
        if "PORT" in variables:
            variables["PORT"] = str(free_port())
        if "SCRATCH_FOLDER" in variables:
            variables["SCRATCH_FOLDER"] = self._scratch.name
        if pod.get("automountServiceAccountToken"):
            token = self.api.token(self.namespace, pod["serviceAccountName"])
            variables |= {"API_SERVER": self.api.url, "CREDENTIALS_FOLDER": self._files.folder(name, token=token)}
        return variables | {
            key: self._files.write(f"{name}-{key.lower()}", "") for key in ("ALIVE_FILE",) if key in variables
        }

    def _variable(self, entry: Mapping[str, Any]) -> tuple[str, str]:
        if "value" in entry:
            return str(entry["name"]), str(entry["value"])
        reference = entry["valueFrom"]["configMapKeyRef"]
        settings = self.cluster.get("v1", "ConfigMap", reference["name"], self.namespace)
        if settings is None or reference["key"] not in settings["data"]:
            raise ApiError(f"couldn't find key {reference['key']} in ConfigMap {self.namespace}/{reference['name']}")
        return str(entry["name"]), str(settings["data"][reference["key"]])
