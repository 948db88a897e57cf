"""A run that dies between a change and its checkpoint, over the providers' protocol, and how to continue.

`tests/rehearsal/providers/aws/test_crash.py` tests the behaviour of single AWS resources.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import grpc
import pytest
from moto import mock_aws
from pulumi.runtime.proto import provider_pb2

from engine import wire
from engine.client import GrpcProvider
from engine.deployment import Deployment, Step
from engine.monitor import DeploymentError
from engine.registration import Registration, urn
from engine.state import State
from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.providers.aws.backend import AwsBackend
from rehearsal.providers.backend import Backend, Plain
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.providers.kubernetes.backend import KubernetesBackend, Settings
from rehearsal.providers.server import ProviderServer, StandInProvider
from tests.documented import aws_call
from tests.harness import FAILED_OVER, deploy, only, stack_config
from tests.rehearsal.providers.aws.test_crash import Killed, Mortal

CLAIM = "aws:dynamodb/tableItem:TableItem"
INSTANCE = "aws:rds/instance:Instance"


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


def test_the_command_of_the_runbook_frees_the_claim_that_the_program_makes(tmp_path: Path) -> None:
    claim = only(deploy("secondary", FAILED_OVER), CLAIM)
    options = aws_call("failover", "dynamodb delete-item")
    region = options.pop("Region")
    with mock_aws(), serving(tmp_path, AwsBackend(f"https://dynamodb.{region}.amazonaws.com", region, "1")) as stack:
        dynamodb = boto3.client("dynamodb", region)
        dynamodb.create_table(
            TableName=LEDGER_TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": LEDGER_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": LEDGER_KEY, "AttributeType": "S"}],
        )
        stack.dies_after(claim)
        with pytest.raises(DeploymentError, match=r"claims-epoch-2 .*ConditionalCheckFailedException"):
            stack.up(claim)
        dynamodb.delete_item(**options)
        assert [step.op for step in stack.up(claim)] == ["create"]
        assert stack.up(claim) == []
    assert region == stack_config("secondary")["aws:region"]


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
