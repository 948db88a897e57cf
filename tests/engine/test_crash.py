"""A run that dies between a change and its checkpoint, over the providers' protocol, and how to continue.

`tests/rehearsal/providers/aws/test_crash.py` tests the behaviour of single AWS resources.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from engine import wire
from engine.client import GrpcProvider
from engine.deployment import Deployment, Step
from engine.registration import Registration, urn
from engine.state import State
from operations import claim
from operations.exit_codes import SUCCESS
from operations.records import Claim
from recovery.naming import NAMESPACE
from recovery.timeline import DatabaseId
from rehearsal.providers.backend import Backend, Plain
from rehearsal.providers.kubernetes.api import KubernetesApi, Manifest
from rehearsal.providers.kubernetes.backend import KubernetesBackend, Settings
from rehearsal.providers.server import ProviderServer, StandInProvider
from tests.harness import FAILED_OVER, deploy, only
from tests.operations.world import Table, ledger
from tests.rehearsal.providers.aws.test_crash import Killed, Mortal

JOB = "kubernetes:batch/v1:Job"
INSTANCE = "aws:rds/instance:Instance"
NAMESPACE_OBJECT = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
PRIORITY_CLASS = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "lifeline-data"},
    "value": 1,
}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "claim", "namespace": NAMESPACE}}


class Stack:
    """One resource at a time, at a stand-in that is called as both engines call it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._file = folder / "state.json"
        self._port = port

    def up(self, registration: Registration, *, dies: bool = False) -> list[Step]:
        provider = GrpcProvider(self._port, project="lifeline", stack="secondary", config={})
        deployment = Deployment(Mortal(self._file, dies=dies), {registration.package: provider})
        try:
            deployment.register(registration)
        finally:
            provider.close()
        return deployment.steps

    def dies_after(self, registration: Registration) -> None:
        with pytest.raises(Killed):
            self.up(registration, dies=True)

    @property
    def pending(self) -> dict[str, str]:
        return State(self._file).pending


@contextmanager
def serving(folder: Path, backend: Backend) -> Generator[Stack]:
    server = ProviderServer(StandInProvider(backend, version="1.0.0"))
    try:
        yield Stack(folder, server.port)
    finally:
        server.stop()


def manifest(api_version: str, kind: str, **content: Any) -> Registration:
    type_ = f"kubernetes:{'core/' * ('/' not in api_version)}{api_version}:{kind}"
    inputs = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "default"}, **content}
    where = urn("secondary", "lifeline", "", type_, "web")
    return Registration(type=type_, name="web", urn=where, parent="", custom=True, remote=False, inputs=inputs)


def config_map(role: str) -> Registration:
    return manifest("v1", "ConfigMap", data={"ROLE": role})


def deployment(replicas: int) -> Registration:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    return manifest("apps/v1", "Deployment", spec=spec)


@pytest.mark.parametrize(
    ("before", "after"),
    [(config_map("standby"), config_map("active")), (deployment(1), deployment(3))],
    ids=["ConfigMap", "Deployment"],
)
def test_an_update_in_the_cluster_is_made_again_to_no_effect(
    tmp_path: Path, before: Registration, after: Registration
) -> None:
    cluster = KubernetesApi()
    with serving(
        tmp_path, KubernetesBackend(lambda _: cluster, region="us-west-2", settings=Settings(mutable_config=True))
    ) as stack:
        stack.up(before)
        stack.dies_after(after)
        assert stack.pending == {after.urn: "update"}
        done = cluster.list(after.inputs["kind"])
        assert [(step.op, step.type) for step in stack.up(after)] == [("update", after.type)]
        assert cluster.list(after.inputs["kind"]) == done  # the same object, of the same generation
        assert stack.pending == {}
        assert stack.up(after) == []


def test_a_claim_that_was_made_and_not_written_down_is_made_again(tmp_path: Path) -> None:
    """Server-side apply adopts the Job of the dead run, and the epoch is the owner's already."""
    declared = only(deploy("secondary", FAILED_OVER), JOB, "claims-epoch-2-secondary-1")
    registered = replace(declared, provider="")
    cluster, table, codes = KubernetesApi(), Table("primary-1"), list[int]()
    for needed in (NAMESPACE_OBJECT, PRIORITY_CLASS, ACCOUNT):
        cluster.apply(needed)

    def run(job: Manifest) -> None:
        (container,) = job["spec"]["template"]["spec"]["containers"]
        variables = {entry["name"]: entry["value"] for entry in container["env"]}
        wanted = Claim(int(variables["EPOCH"]), DatabaseId.parse(variables["DATABASE"]))
        codes.append(claim.claim(ledger(table), wanted))

    with serving(tmp_path, KubernetesBackend(lambda _: cluster, region="us-west-2", run_job=run)) as stack:
        stack.dies_after(registered)
        assert stack.pending == {registered.urn: "create"}
        assert [step.op for step in stack.up(registered)] == ["create"]
        assert stack.up(registered) == []
    assert codes == [SUCCESS, SUCCESS]
    assert table.items["epoch#2"] == Claim(2, DatabaseId("secondary", 1)).item


class Promoted:
    """A database that replicates nothing, according to AWS."""

    def read(self, type_: str, urn: str, id_: str, outputs: Plain) -> Plain:
        return {key: value for key, value in outputs.items() if key != "replicateSourceDb"}


def test_a_refresh_takes_the_source_that_is_gone_out_of_the_inputs_and_keeps_the_secrets() -> None:
    """Refresh the state, so that the next run promotes nothing. The real engine does this by `refresh --target`."""
    inputs = {"identifier": "secondary-1", "replicateSourceDb": "arn:leader", "password": "hidden"}
    request = provider_pb2.ReadRequest(
        id="secondary-1",
        urn=urn("secondary", "lifeline", "", INSTANCE, "database"),
        inputs=wire.encode(inputs, {"password"}),
        properties=wire.encode({**inputs, "arn": "arn:own"}, {"password"}),
    )
    provider = StandInProvider(cast("Backend", Promoted()), version="1.0.0")
    answer = provider.Read(request, cast("grpc.ServicerContext", SimpleNamespace(peer=lambda: "engine")))
    assert wire.decode(answer.inputs) == {"identifier": "secondary-1", "password": "hidden"}
    assert wire.secret_keys(answer.inputs) == {"password"}
