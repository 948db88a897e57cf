"""The pods of a site as processes: their settings, when they are replaced, and that all of them end."""

from __future__ import annotations

import copy
import json
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.kube import jobs, once
from engine.warm import Warm
from recovery.naming import CONFIG_MAP, NAMESPACE
from recovery.timeline import DatabaseId
from rehearsal.providers.kubernetes.api import ApiError, KubernetesApi
from rehearsal.providers.kubernetes.backend import KubernetesBackend
from rehearsal.world.api_server import ApiServer
from rehearsal.world.clock import ScaledClock
from rehearsal.world.loopback import Reply, Request
from rehearsal.world.pods import Pods
from rehearsal.world.server import Server
from tests.patience import wait_until

GATEWAY = "http://127.0.0.1:1"
HOST = "lifeline-primary-1.example"
SERVER = Server("primary-1", 5, "a password")
SPEED = 10.0
CONFIG = {key: f"the {key}" for key in jobs.FENCE_SETTINGS} | {"DB_HOST": HOST, "DB_PORT": "5432"}
JOB_TYPE = "kubernetes:batch/v1:Job"

TELL = """
import json, os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
told = {"pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ)}
(folder / f"{os.getpid()}.part").write_text(json.dumps(told))
(folder / f"{os.getpid()}.part").rename(folder / f"{os.getpid()}.json")
time.sleep(600)
"""
"""A process that writes its settings to a file and keeps running."""

SERVE = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
"""A process that answers with its id."""

Manifest = dict[str, Any]


class Told:
    """The files that the processes of a test wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: set[int] = set()

    def next(self) -> dict[str, Any]:
        """Wait for a process that was not seen before."""
        wait_until(self._unseen)
        manifests: dict[str, Any] = json.loads((self.folder / f"{min(self._unseen())}.json").read_text())
        self.known.add(manifests["pid"])
        return manifests

    def _unseen(self) -> set[int]:
        return {int(path.stem) for path in self.folder.glob("*.json")} - self.known

    @property
    def alive(self) -> set[int]:
        """The processes among those seen before that still run."""
        return {pid for pid in self.known if is_alive(pid)}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def told(tmp_path: Path) -> Told:
    folder = tmp_path / "told"
    folder.mkdir()
    return Told(folder)


@pytest.fixture
def cluster() -> KubernetesApi:
    """A cluster with everything that the jobs' pods need, without the fence's own Deployment."""
    api = KubernetesApi()
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    api.apply(
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "lifeline-data"},
            "value": 1,
        }
    )
    for account in ("fence", "handover"):
        meta = {"name": account, "namespace": NAMESPACE}
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    set_config(api, **CONFIG)
    return api


def set_config(api: KubernetesApi, **data: str) -> None:
    meta = {"name": CONFIG_MAP, "namespace": NAMESPACE}
    api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})


def without_image(manifest: Manifest, command: list[str]) -> Manifest:
    """A job's manifest with another command, and without the password mount that a laptop lacks."""
    made = copy.deepcopy(manifest)
    pod = made["spec"]["template"]["spec"]
    pod["containers"][0] |= {"command": command}
    pod["containers"][0]["volumeMounts"].pop()
    pod["volumes"].pop()
    return made


def fence(told: Told, checksum: str = "one", *, replicas: int = 1) -> Manifest:
    made = jobs.fence(image="operations@sha256:1", checksum=checksum, labels={})
    made["spec"]["replicas"] = replicas
    return without_image(made, ["python", "-c", TELL, str(told.folder)])


def job(script: str, *words: str) -> Manifest:
    leader = DatabaseId("primary", 1)
    made = once.handover(image="operations@sha256:1", ending_epoch=1, leader=leader, accept_loss=False, labels={})
    return without_image(made, ["python", "-c", script, *words])


@contextmanager
def running(cluster: KubernetesApi, folder: Path) -> Generator[Pods]:
    servers, clock, api = {HOST: SERVER}, ScaledClock(SPEED), ApiServer(cluster)
    with api, Warm() as jobs, Pods(cluster, api, "us-west-2", GATEWAY, servers.get, clock, folder, jobs) as pods:
        yield pods


@pytest.fixture
def pods(cluster: KubernetesApi, tmp_path: Path) -> Iterator[Pods]:
    with running(cluster, tmp_path / "logs") as manifest:
        yield manifest


def test_a_process_is_told_what_its_manifest_says(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(fence(told))
    environment = told.next()["env"]
    assert {key: environment[key] for key in ("DATABASE", "DRAIN", "LEDGER_TABLE", "DB_NAME")} == {
        "DATABASE": "the DATABASE",
        "DRAIN": "the DRAIN",
        "LEDGER_TABLE": "the LEDGER_TABLE",
        "DB_NAME": "the DB_NAME",
    }
    assert environment["EPOCH"] == "the EPOCH"


def test_what_a_laptop_has_not_got_is_put_in_its_place(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(fence(told))
    manifest = told.next()
    environment = manifest["env"]
    assert (environment["DB_HOST"], environment["DB_PORT"]) == ("127.0.0.1", str(SERVER.port))
    assert (environment["AWS_ENDPOINT_URL"], environment["PGSSLMODE"]) == (GATEWAY, "disable")
    assert environment["AWS_ACCESS_KEY_ID"] == "us-west-2.fence"
    assert float(environment["FENCE_SECONDS"]) == jobs.FENCE_SECONDS / SPEED
    assert Path(environment["ALIVE_FILE"]).exists()
    assert Path(manifest["cwd"], "operations").is_dir()


def test_a_process_gets_nothing_of_its_owners_credentials(
    cluster: KubernetesApi, pods: Pods, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "owner")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the owner")
    monkeypatch.setenv("PGPASSWORD", "of the owner")
    cluster.apply(fence(told))
    environment = told.next()["env"]
    assert environment.keys().isdisjoint({"AWS_PROFILE", "PGPASSWORD"})
    assert "of the owner" not in environment.values()


def test_a_host_that_no_server_stands_behind_stays_as_it_is(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    set_config(cluster, **{**CONFIG, "DB_HOST": "elsewhere.example"})
    cluster.apply(fence(told))
    environment = told.next()["env"]
    assert (environment["DB_HOST"], environment["DB_PORT"]) == ("elsewhere.example", "5432")
    assert environment["DB_PASSWORD_FILE"] == "/var/run/secrets/lifeline/database/password"


def test_a_changed_template_replaces_the_process(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(fence(told))
    before = told.next()["pid"]
    set_config(cluster, **{**CONFIG, "DRAIN": "true"})
    pods.beginnings.answered("fence")
    cluster.apply(fence(told, checksum="two"))
    assert told.next()["env"]["DRAIN"] == "true"
    assert before not in told.alive
    assert not pods.beginnings.has_begun("fence")


def test_what_is_not_in_the_template_replaces_nothing(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    """A running container keeps its environment, which is why pods have a checksum."""
    cluster.apply(fence(told))
    told.next()
    set_config(cluster, **{**CONFIG, "DRAIN": "true"})
    cluster.apply({**fence(told), "metadata": {"name": "fence", "namespace": NAMESPACE, "labels": {"a": "b"}}})
    pods._settle("fence")
    assert len(list(told.folder.glob("*.json"))) == len(told.alive) == 1


def test_a_process_that_dies_is_started_again(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(fence(told))
    first = told.next()["pid"]
    pods.beginnings.answered("fence")
    pods._running["fence-0"].process.kill()
    assert told.next()["pid"] != first
    assert pods.beginnings.has_begun("fence")


def test_a_pod_whose_settings_are_missing_is_tried_again(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(fence(told))
    told.next()
    cluster.delete("v1", "ConfigMap", CONFIG_MAP, NAMESPACE)
    pods._running["fence-0"].process.kill()
    wait_until(lambda: "fence-0" not in pods._running)
    with pods._lock:  # held from the end of the old process to the start of the next one, which has failed by then
        set_config(cluster, **CONFIG)
    told.next()


def test_every_pod_of_a_deployment_runs_and_an_old_one_ends_before_a_new_one_begins(
    cluster: KubernetesApi, pods: Pods, told: Told
) -> None:
    cluster.apply(fence(told, replicas=2))
    before = {told.next()["pid"], told.next()["pid"]}
    assert told.alive == before
    cluster.apply(fence(told, checksum="two", replicas=2))
    told.next()
    told.next()
    assert len(told.alive) == 2
    assert not told.alive & before


def serving(told: Told) -> Manifest:
    """Two pods that answer with their ids at their ports."""
    made = fence(told, replicas=2)
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container["command"] = ["python", "-c", SERVE]
    container["env"].append({"name": "PORT", "value": "8080"})
    return made


def asked(pods: Pods, times: int = 4) -> list[Reply]:
    return [pods.ask("fence", Request("GET", "/")) for _ in range(times)]


def test_the_pods_of_a_deployment_are_asked_in_turn(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    assert {reply.status for reply in asked(pods)} == {503}
    cluster.apply(serving(told))
    wait_until(lambda: len({reply.body["answer"] for reply in asked(pods) if reply.status == 200}) == 2)
    ids = [reply.body["answer"] for reply in asked(pods)]
    assert ids == [*ids[:2], *ids[:2]]
    assert len(set(ids)) == 2


def test_a_silent_pod_is_silent_for_its_share_of_the_requests(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(serving(told))
    wait_until(lambda: len({reply.body["answer"] for reply in asked(pods) if reply.status == 200}) == 2)
    pods.signal("fence-0", signal.SIGSTOP)
    assert sorted(reply.status for reply in asked(pods, 2)) == [200, 502]
    pods.signal("fence-0", signal.SIGCONT)


def test_a_deployment_that_is_gone_runs_nothing(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(fence(told))
    told.next()
    cluster.delete("apps/v1", "Deployment", "fence", NAMESPACE)
    wait_until(lambda: not told.alive)
    assert pods._running == {}


def test_a_lost_region_takes_its_pods_and_brings_them_back(cluster: KubernetesApi, pods: Pods, told: Told) -> None:
    cluster.apply(fence(told))
    told.next()
    process = pods._running["fence-0"].process
    pods.lose()
    assert process.returncode == -9
    pods._settle("fence")
    assert (told.alive, pods._running) == (set(), {})
    pods.restore()
    told.next()


def test_nothing_is_left_after_the_end(cluster: KubernetesApi, told: Told, tmp_path: Path) -> None:
    with running(cluster, tmp_path / "logs"):
        cluster.apply(fence(told))
        environment = told.next()["env"]
    assert told.alive == set()
    assert not Path(environment["ALIVE_FILE"]).exists()
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["fence.log"]


def test_a_job_that_ends_well_says_nothing(pods: Pods, tmp_path: Path) -> None:
    pods.run(job("print('well')"))
    assert (tmp_path / "logs" / "handover-1.log").read_text() == "well\n"


def test_a_job_that_fails_is_an_error_with_its_code_and_last_words(pods: Pods) -> None:
    with pytest.raises(ApiError, match=r'^Job "handover-1" failed with exit code 3: behind$'):
        pods.run(job("import sys; print('first'); print('behind'); sys.exit(3)"))


def test_a_job_that_fails_without_a_word_is_told_as_such(pods: Pods) -> None:
    with pytest.raises(ApiError, match=r"failed with exit code 1: silent$"):
        pods.run(job("import sys; sys.exit(1)"))


def test_a_job_that_lacks_a_setting_is_refused(cluster: KubernetesApi, pods: Pods) -> None:
    set_config(cluster, SITE="primary")
    with pytest.raises(ApiError, match="couldn't find key AWS_REGION in ConfigMap"):
        pods.run(job("print('well')"))


@contextmanager
def failing_job(pods: Pods, told: Told) -> Generator[list[str]]:
    """A Job that would never end, and the error that it fails with."""
    errors: list[str] = []

    def run() -> None:
        try:
            pods.run(job(TELL, str(told.folder)))
        except ApiError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    told.next()
    yield errors
    wait_until(lambda: not thread.is_alive())


def test_a_lost_region_takes_a_running_job(pods: Pods, told: Told) -> None:
    with failing_job(pods, told) as errors:
        pods.lose()
    assert errors == ['Job "handover-1" failed with exit code -9: silent']
    assert told.alive == set()


def test_no_running_job_is_left_after_the_end(cluster: KubernetesApi, told: Told, tmp_path: Path) -> None:
    with ExitStack() as stack:
        pods = stack.enter_context(running(cluster, tmp_path / "logs"))
        with failing_job(pods, told) as errors:
            stack.close()
    assert errors == ['Job "handover-1" failed with exit code -15: silent']
    assert told.alive == set()


def backend(cluster: KubernetesApi, run_job: Callable[[Manifest], None] | None) -> KubernetesBackend:
    return KubernetesBackend(lambda _: cluster, region="us-east-2", run_job=run_job)


def test_a_job_that_nobody_runs_does_not_pass_for_one_that_ended_well(cluster: KubernetesApi) -> None:
    with pytest.raises(ApiError, match=r'^Job "handover-1" cannot be run here$'):
        backend(cluster, None).create(JOB_TYPE, "urn::gate", job(""))
    assert cluster.list("Job") == []


def test_a_job_that_failed_is_forgotten_and_tried_anew(cluster: KubernetesApi, pods: Pods) -> None:
    gate = backend(cluster, pods.run)
    with pytest.raises(ApiError, match="exit code 3"):
        gate.create(JOB_TYPE, "urn::gate", job("import sys; sys.exit(3)"))
    assert cluster.list("Job") == []
    id_, _ = gate.create(JOB_TYPE, "urn::gate", job(""))
    assert id_ == f"{NAMESPACE}/handover-1"


def test_a_job_that_ended_well_stays_in_the_cluster(cluster: KubernetesApi, pods: Pods) -> None:
    backend(cluster, pods.run).create(JOB_TYPE, "urn::gate", job(""))
    assert [manifest["metadata"]["name"] for manifest in cluster.list("Job")] == ["handover-1"]


def test_the_fence_itself_starts_from_its_own_manifest(cluster: KubernetesApi, pods: Pods, tmp_path: Path) -> None:
    """Run its real command with a ledger that does not answer: it logs this and keeps running."""
    set_config(
        cluster, **{**CONFIG, "DATABASE": "primary-1", "DRAIN": "false", "EPOCH": "1", "AWS_REGION": "us-east-2"}
    )
    made = jobs.fence(image="operations@sha256:1", checksum="one", labels={})
    cluster.apply(without_image(made, made["spec"]["template"]["spec"]["containers"][0]["command"]))
    log = tmp_path / "logs" / "fence.log"
    wait_until(lambda: log.exists() and '"standing": "unknown"' in log.read_text())
    assert pods._running["fence-0"].process.poll() is None
    assert {json.loads(line)["step"] for line in log.read_text().splitlines()} == {"look failed", "standing"}


def cron_job(*words: str, **env: str) -> Manifest:
    container = {
        "name": "job",
        "image": "operations@sha256:1",
        "command": ["python", "-c", *words],
        "env": [{"name": name, "value": env[name]} for name in env],
    }
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": NAMESPACE},
        "spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": template}}},
    }


TELL_ONCE = """
import json, os, subprocess
version = subprocess.run(["initdb", "--version"], capture_output=True, text=True, check=True).stdout
print(json.dumps({"initdb": version, "scratch": os.environ["SCRATCH_FOLDER"]}))
"""


def test_a_cron_job_runs_at_once_with_a_disk_and_postgresql_each_time_anew(cluster: KubernetesApi, pods: Pods) -> None:
    cluster.apply(cron_job(TELL_ONCE, SCRATCH_FOLDER="/scratch"))
    (first,), (second,) = pods.run_cron_job("nightly"), pods.run_cron_job("nightly")
    assert first == second
    assert "PostgreSQL" in first["initdb"]
    assert Path(first["scratch"]).is_dir()
    assert first["scratch"] != "/scratch"


def test_a_cron_job_that_fails_is_an_error_with_its_last_line(cluster: KubernetesApi, pods: Pods) -> None:
    cluster.apply(cron_job("print('no disk'); raise SystemExit(3)"))
    with pytest.raises(ApiError, match=r'Job "nightly-manual-1" failed with exit code 3: no disk'):
        pods.run_cron_job("nightly")


def test_a_cron_job_that_is_not_declared_is_an_error(pods: Pods) -> None:
    with pytest.raises(ApiError, match='"nightly" not found'):
        pods.run_cron_job("nightly")
