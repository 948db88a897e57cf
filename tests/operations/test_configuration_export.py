"""The export of the configuration: against a cluster in memory whose Roles decide, and buckets in moto."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.kube import configuration_export as declared
from components.kube import foundation, jobs
from operations import cluster as cluster_module
from operations import configuration_export
from operations.backup_store import BackupStore
from operations.cluster import PAGE, Cluster, ClusterError
from operations.configuration_export import ConfigurationExport, ExportError
from operations.exit_codes import FAILURE, SUCCESS, USAGE
from recovery.naming import CONFIGURATION_CRON_JOB, NAMESPACE
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.api_server import ApiServer
from rehearsal.world.loopback import LoopbackServer, Reply
from rehearsal.world.replication import copy_missing
from tests.operations.backups import REGION, answers, locked_bucket, objects

SETTINGS = "mental-health-app-config"
STATE = {
    "version": 3,
    "checkpoint": {
        "latest": {
            "resources": [
                {
                    "urn": "urn:a",
                    "type": "aws:s3/bucket:Bucket",
                    "id": "the-bucket",
                    "inputs": {"bucket": "the-bucket"},
                },
                {
                    "urn": "urn:b",
                    "type": "aws:rds/instance:Instance",
                    "inputs": {
                        "password": {
                            "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
                            "ciphertext": "v1:not-for-exports",
                        }
                    },
                },
            ]
        }
    },
}


@pytest.fixture
def cluster() -> KubernetesApi:
    """The namespace with its settings, the exporting job, and a Deployment."""
    api = KubernetesApi()
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1}
    api.apply({**priority, "metadata": {"name": "lifeline-data"}})
    api.apply(foundation.namespace(labels={}))
    api.apply(foundation.config_map(dict.fromkeys(jobs.FENCE_SETTINGS, "x") | {"SITE": "primary"}, labels={}))
    api.apply(foundation.password_class(name="database-password", secret_name="s", region=REGION, labels={}))
    for account in (CONFIGURATION_CRON_JOB, jobs.FENCE):
        api.apply(jobs.service_account(account, labels={}))
    api.apply(jobs.fence(image="operations@sha256:1", checksum="one", labels={}))
    api.apply(declared.role(labels={}))
    api.apply(declared.role_binding(labels={}))
    return api


@pytest.fixture
def server(cluster: KubernetesApi) -> Iterator[ApiServer]:
    with ApiServer(cluster) as running:
        yield running


@pytest.fixture
def credentials(server: ApiServer, tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(server.token(NAMESPACE, CONFIGURATION_CRON_JOB))
    return tmp_path


@pytest.fixture
def copy(client: Any) -> BackupStore:
    return BackupStore(client, locked_bucket(client))


@pytest.fixture
def export(
    server: ApiServer, credentials: Path, store: BackupStore, copy: BackupStore
) -> Callable[..., ConfigurationExport]:
    def make(**changes: Any) -> ConfigurationExport:
        plain: dict[str, Any] = {
            "site": "primary",
            "namespace": NAMESPACE,
            "cluster": Cluster(server.url, credentials),
            "state": lambda: json.dumps(STATE),
            "store": store,
            "copy": copy,
        }
        return ConfigurationExport(**plain | changes)

    return make


Exporting = Callable[..., ConfigurationExport]


def files(store: BackupStore, index: int = -1) -> dict[str, str]:
    """The files of one export, the newest by default."""
    folders = sorted({key.rpartition("/")[0] for key in store.keys("configuration/2")})
    folder = folders[index]
    return {key.rpartition("/")[2]: store.text(key) for key in store.keys(f"{folder}/")}


def manifest(store: BackupStore, index: int = -1) -> dict[str, Any]:
    return json.loads(files(store, index)["manifest.json"])


def test_an_export_has_every_object_that_the_role_names(export: Exporting, store: BackupStore) -> None:
    assert export().run()
    items = json.loads(files(store)["objects.json"])["items"]
    assert [(entry["kind"], entry["metadata"]["name"]) for entry in items] == [
        ("ConfigMap", SETTINGS),
        ("Deployment", "fence"),
        ("Role", CONFIGURATION_CRON_JOB),
        ("RoleBinding", CONFIGURATION_CRON_JOB),
        ("SecretProviderClass", "database-password"),
        ("ServiceAccount", CONFIGURATION_CRON_JOB),
        ("ServiceAccount", "fence"),
    ]
    assert manifest(store)["objects"]["ServiceAccount"] == 2
    assert files(store)["images.txt"] == "Deployment/fence fence operations@sha256:1\n"


def test_an_export_names_the_kinds_that_it_lacks_and_the_secrets_that_pods_need(
    export: Exporting, store: BackupStore
) -> None:
    export().run()
    lacking = manifest(store)["notExported"]
    assert lacking["v1 Secret"] == "values of secrets are not exported"
    assert 'cannot list events in the namespace "mental-health-platform"' in lacking["v1 Event"]
    assert manifest(store)["secrets"] == ["SecretProviderClass/database-password"]


def test_a_value_that_is_encrypted_in_the_state_is_in_no_file(export: Exporting, store: BackupStore) -> None:
    export().run()
    assert "not-for-exports" not in "".join(files(store).values())
    database = json.loads(files(store)["resources.json"])[1]
    assert database == {"urn": "urn:b", "type": "aws:rds/instance:Instance", "inputs": {"password": "[secret]"}}


def test_the_second_export_says_what_changed(cluster: KubernetesApi, export: Exporting, store: BackupStore) -> None:
    export().run()
    cluster.apply(foundation.config_map({"SITE": "primary", "EMERGENCY_READ_ONLY": "true"}, labels={}))
    cluster.delete("apps/v1", "Deployment", "fence", NAMESPACE)
    cluster.apply(jobs.fence(image="operations@sha256:2", checksum="one", labels={}) | without_env())
    cluster.apply(jobs.service_account("handover", labels={}))
    export().run()
    first, second = manifest(store, 0), manifest(store)
    assert (first["previous"], second["previous"]) == (None, first["name"])
    assert second["changed"] == [
        f"changed ConfigMap/{SETTINGS}",
        "changed Deployment/fence",
        "created ServiceAccount/handover",
    ]
    added = [line for line in files(store)["changes.diff"].splitlines() if line.startswith("+")]
    assert '+    "EMERGENCY_READ_ONLY": "true",' in added
    assert "+Deployment/fence fence operations@sha256:2" in added


def without_env() -> dict[str, Any]:
    """The fence without the settings that the changed ConfigMap no longer has."""
    made = jobs.fence(image="operations@sha256:2", checksum="one", labels={})
    made["spec"]["template"]["spec"]["containers"][0]["env"] = []
    return made


def test_an_export_without_a_change_has_an_empty_diff(export: Exporting, store: BackupStore) -> None:
    export().run()
    export().run()
    assert (manifest(store)["changed"], files(store)["changes.diff"]) == ([], "")


def test_more_objects_than_one_page_are_all_exported(
    cluster: KubernetesApi, export: Exporting, store: BackupStore
) -> None:
    for number in range(PAGE + 1):
        cluster.apply(jobs.service_account(f"account-{number}", labels={}))
    export().run()
    assert manifest(store)["objects"]["ServiceAccount"] == PAGE + 3


def test_every_object_is_locked_and_the_manifest_is_written_last(
    export: Exporting, store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = store.write

    def recorded(key: str, text: str) -> None:
        written.append(key)
        write(key, text)

    monkeypatch.setattr(store, "write", recorded)
    export().run()
    assert all(store.stored(key).locked_until for key in written)
    assert [key.rpartition("/")[2] for key in written] == [
        "objects.json", "controlled.json", "images.txt", "resources.json", "changes.diff", "manifest.json"
    ]  # fmt: skip


def test_an_interrupted_export_is_no_export(export: Exporting, store: BackupStore, client: Any) -> None:
    with answers(client, "PutObject", 403, "AccessDenied"), pytest.raises(ConnectionError):
        export().run()
    client.put_object(Bucket=store.bucket, Key="configuration/20261126T030000000000Z-1a2b3c4d/objects.json", Body=b"{")
    client.put_object(Bucket=store.bucket, Key="configuration/notes/manifest.json", Body=b"{")
    export().run()
    assert manifest(store)["previous"] is None


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_bad_copy_of_an_earlier_export_fails_the_job_after_the_new_export(
    export: Exporting, store: BackupStore, copy: BackupStore, client: Any, harm: str
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    export(clock=lambda: long_ago).run()
    if harm == "changed":
        copy_missing(client, store.bucket, copy.bucket)
        key = next(key for key in objects(client, copy.bucket) if key.endswith("images.txt"))
        client.put_object(Bucket=copy.bucket, Key=key, Body=b"other")
    assert not export().run()
    assert manifest(store)["previous"] == manifest(store, 0)["name"]


def test_a_good_copy_passes_and_a_fresh_export_needs_none_yet(
    export: Exporting, store: BackupStore, copy: BackupStore, client: Any
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    export(clock=lambda: long_ago).run()
    copy_missing(client, store.bucket, copy.bucket)
    assert export().run()
    assert export().run()


def test_a_namespace_without_a_deployment_that_may_be_listed_is_no_export(
    cluster: KubernetesApi, export: Exporting, store: BackupStore
) -> None:
    cluster.delete("rbac.authorization.k8s.io/v1", "RoleBinding", CONFIGURATION_CRON_JOB, NAMESPACE)
    with pytest.raises(ExportError, match="no Deployment that this job may list"):
        export().run()
    assert store.keys("configuration/") == []


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"checkpoint": {"latest": {"resources": [1]}}}'])
def test_a_file_that_is_no_state_fails_the_export(export: Exporting, store: BackupStore, state: str) -> None:
    with pytest.raises(ExportError, match="no state of a stack"):
        export(state=lambda: state).run()
    assert store.keys("configuration/") == []


def test_exports_are_pushed_only_if_asked(export: Exporting) -> None:
    pushed: list[Mapping[str, str]] = []

    def publish(exported: Mapping[str, str]) -> str:
        pushed.append(exported)
        return "commit"

    export().run()
    assert pushed == []
    export(publish=publish).run()
    assert [*pushed[0]] == ["objects.json", "controlled.json", "images.txt", "resources.json"]


def test_a_throttled_api_server_is_asked_again_and_a_broken_extension_is_named(credentials: Path) -> None:
    asked: list[str] = []

    def answer(request: Any) -> Reply:
        asked.append(request.path)
        if len(asked) < 3:
            return Reply(429, {"message": "slow down"})
        if request.path == "/apis":
            return Reply(200, {"groups": [{"preferredVersion": {"groupVersion": "metrics.k8s.io/v1beta1"}}]})
        if request.path == "/api/v1":
            return Reply(200, {"resources": []})
        return Reply(404, {"message": "the server is currently unable to handle the request"})

    server = LoopbackServer("api", answer)
    server.start()
    try:
        discovery = Cluster("http://{}:{}".format(*server.address), credentials).discover()
    finally:
        server.close()
    assert discovery.kinds == ()
    assert "unable to handle" in discovery.unavailable["metrics.k8s.io/v1beta1"]
    assert asked.count("/apis") == 3


def test_an_api_server_that_does_not_answer_is_a_failure(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "RETRIES", False)
    with pytest.raises(ClusterError, match="/apis"):
        Cluster("http://127.0.0.1:1", credentials).discover()


@pytest.fixture
def environment(
    server: ApiServer, credentials: Path, store: BackupStore, copy: BackupStore, client: Any, endpoint: str
) -> dict[str, str]:
    """The job's environment, with the state in a bucket."""
    state = locked_bucket(client, locks=False)
    client.put_object(Bucket=state, Key=".pulumi/stacks/lifeline/primary.json", Body=json.dumps(STATE).encode())
    return {
        "AWS_REGION": REGION,
        "SITE": "primary",
        "NAMESPACE": NAMESPACE,
        "API_SERVER": server.url,
        "CREDENTIALS_FOLDER": str(credentials),
        "STATE_BUCKET": state,
        "STATE_KEY": ".pulumi/stacks/lifeline/primary.json",
        "BACKUP_BUCKET": store.bucket,
        "COPY_BUCKET": copy.bucket,
        "COPY_REGION": REGION,
        "DEADLINE_SECONDS": "60",
    }


@pytest.fixture
def on_this_machine(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in (("ENDPOINT_URL", endpoint), ("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(f"AWS_{key}", value)


@pytest.mark.usefixtures("on_this_machine")
def test_the_job_exits_with_its_result(
    environment: dict[str, str], store: BackupStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert configuration_export.main(environment) == SUCCESS
    assert configuration_export.main(environment | {"STATE_KEY": "other.json"}) == FAILURE
    assert "NoSuchKey" in capsys.readouterr().out
    assert len(store.keys("configuration/")) == 6


@pytest.mark.usefixtures("on_this_machine")
def test_a_missing_token_for_version_control_fails_the_job_after_the_export(
    environment: dict[str, str], store: BackupStore, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = {
        "REPOSITORY_URL": "https://127.0.0.1:1/x",
        "REPOSITORY_BRANCH": "b",
        "REPOSITORY_TOKEN_SECRET": "none",
    }
    assert configuration_export.main(environment | repository) == FAILURE
    assert "the token in none cannot be read" in capsys.readouterr().out
    assert len(store.keys("configuration/")) == 6


def test_a_repository_without_a_token_is_a_wrong_setting(environment: dict[str, str]) -> None:
    from operations.__main__ import main as run

    settings = environment | {"REPOSITORY_URL": "https://127.0.0.1:1/x"}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in settings.items():
            patch.setenv(key, value)
        assert run([CONFIGURATION_CRON_JOB]) == USAGE
