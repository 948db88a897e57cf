"""The recorder: it keeps every registration, refuses live reads, and leaves no settings behind."""

from __future__ import annotations

import gc
import logging

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime.proto import resource_pb2

from engine.monitor import DeploymentError, Monitor
from engine.recorder import Recorder, record, record_all
from engine.registration import STACK_TYPE


def test_registrations_come_by_urn_with_their_plain_inputs() -> None:
    def program() -> None:
        aws.s3.Bucket("zebra", bucket="z")
        aws.s3.Bucket("ant", bucket="a", tags={"size": "1"})

    resources = [entry for entry in record(program) if entry.custom]
    assert [(entry.name, entry.inputs) for entry in resources] == [
        ("ant", {"bucket": "a", "tags": {"size": "1"}}),
        ("zebra", {"bucket": "z"}),
    ]


def test_one_name_twice_is_refused() -> None:
    def program() -> None:
        aws.s3.Bucket("twin")
        aws.s3.Bucket("twin")

    with pytest.raises(DeploymentError, match="duplicate resource URN"):
        record(program)


def test_an_invoke_is_refused() -> None:
    """The program reads nothing live: a recovery must not wait for an answer."""

    def program() -> None:
        pulumi.export("account", aws.get_caller_identity_output().account_id)

    with pytest.raises(DeploymentError, match=r"getCallerIdentity: the program reads nothing live"):
        record(program)


def test_a_call_of_a_resources_method_is_refused() -> None:
    def program() -> None:
        pulumi.export("kubeconfig", pulumi.runtime.call("eks:index:Cluster/getKubeconfig", {}, aws.s3.Bucket("a")))

    with pytest.raises(DeploymentError, match=r"getKubeconfig: the program reads nothing live"):
        record(program)


def test_a_lookup_of_what_exists_is_refused() -> None:
    monitor = Monitor(Recorder(region="us-east-2", account="123456789012"), stack="primary", project="lifeline")
    with pytest.raises(DeploymentError, match=r"bucket:Bucket theirs: the program reads nothing live"):
        monitor.ReadResource(resource_pb2.ReadResourceRequest(type="aws:s3/bucket:Bucket", name="theirs"))


def test_outputs_of_the_stack_are_kept() -> None:
    def program() -> None:
        pulumi.export("site", "primary")
        pulumi.export("arn", aws.s3.Bucket("a").arn)

    outputs = record_all(program).stack_outputs
    assert outputs["site"] == "primary"
    assert outputs["arn"].startswith("arn:aws:s3:::")


def test_a_secret_input_is_known_as_one() -> None:
    def program() -> None:
        aws.secretsmanager.SecretVersion("a", secret_id="s", secret_string=pulumi.Output.secret("hidden"))

    (resource,) = (entry for entry in record(program) if entry.custom)
    assert resource.secrets == {"secretString"}
    assert "hidden" not in str(resource.printable_inputs())


def test_a_secret_output_is_secret_in_what_takes_it() -> None:
    def program() -> None:
        options = pulumi.ResourceOptions(additional_secret_outputs=["arn"])
        aws.s3.BucketPolicy("b", bucket="b", policy=aws.s3.Bucket("a", opts=options).arn)

    assert {entry.name: entry.secrets for entry in record(program) if entry.custom} == {"a": set(), "b": {"policy"}}


def test_a_program_that_fails_leaves_the_next_one_alone(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise pulumi.RunError("wrong")

    caplog.set_level(logging.INFO, "asyncio")
    with pytest.raises(pulumi.RunError, match="wrong"):
        record(fails, stack="first", config={"lifeline:owner": "somebody"})
    assert pulumi.Config("lifeline").get("owner") is None
    assert gc.isenabled()
    assert logging.getLogger("asyncio").level == logging.INFO
    seen: list[object] = []
    resources = record(
        lambda: seen.append((pulumi.get_stack(), pulumi.Config("lifeline").get("owner"))), stack="second"
    )
    assert seen == [("second", None)]
    assert [entry.type for entry in resources] == [STACK_TYPE]
