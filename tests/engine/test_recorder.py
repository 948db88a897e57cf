"""A program under the recorder: what it registers is kept, what it may not do is refused, nothing stays behind."""

from __future__ import annotations

import gc

import pulumi
import pulumi_aws as aws
import pytest

from rehearsal.engine.monitor import DeploymentError
from rehearsal.engine.recorder import record, record_all
from rehearsal.engine.registration import STACK_TYPE


def test_registrations_come_by_urn_with_their_plain_inputs() -> None:
    def program() -> None:
        aws.s3.Bucket("zebra", bucket="z")
        aws.s3.Bucket("ant", bucket="a", tags={"size": "1"})

    found = [entry for entry in record(program) if entry.custom]
    assert [(entry.name, entry.inputs) for entry in found] == [
        ("ant", {"bucket": "a", "tags": {"size": "1"}}),
        ("zebra", {"bucket": "z"}),
    ]


def test_one_name_twice_is_refused() -> None:
    def program() -> None:
        aws.s3.Bucket("twin")
        aws.s3.Bucket("twin")

    with pytest.raises(DeploymentError, match="duplicate resource URN"):
        record(program)


def test_a_lookup_is_refused() -> None:
    """The program reads nothing live: a recovery must not wait for an answer."""
    with pytest.raises(Exception, match="getCallerIdentity"):
        record(aws.get_caller_identity)


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

    (found,) = (entry for entry in record(program) if entry.custom)
    assert found.secrets == {"secretString"}
    assert "hidden" not in str(found.printable_inputs())


def test_a_program_that_fails_leaves_the_next_one_alone() -> None:
    def fails() -> None:
        raise pulumi.RunError("wrong")

    with pytest.raises(pulumi.RunError, match="wrong"):
        record(fails, stack="first", config={"lifeline:owner": "somebody"})
    seen: list[object] = []
    found = record(lambda: seen.append((pulumi.get_stack(), pulumi.Config("lifeline").get("owner"))), stack="second")
    assert seen == [("second", None)]
    assert [entry.type for entry in found] == [STACK_TYPE]
    assert gc.isenabled()
