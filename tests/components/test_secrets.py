"""The passwords of the database's roles."""

import pulumi_aws as aws
import pytest

from components.secrets import DatabasePassword, DatabasePasswordArgs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

KEY = "arn:aws:kms:us-east-2:123456789012:key/secrets"


def password(*, protect: bool = True, number: int = 1) -> DatabasePassword:
    args = DatabasePasswordArgs(
        secret_name="lifeline/database/password",
        description="Password of the database's owner",
        number=number,
        peer_region="us-west-2",
        key_arn=KEY,
        site=site(protect=protect),
    )
    return DatabasePassword("password", args)


def registered(*, protect: bool = True, number: int = 1) -> dict[str, Registration]:
    recorded = record(lambda: password(protect=protect, number=number))
    return {resource.name: resource for resource in recorded if resource.custom}


def test_the_password_needs_no_escape_in_a_url():
    assert registered()["password-random"].inputs == {"length": 48, "special": False}


def test_the_secret_is_kept_under_its_fixed_name_in_both_regions():
    secret = registered()["password-secret"].inputs
    assert secret["name"] == "lifeline/database/password"
    assert secret["kmsKeyId"] == KEY
    assert secret["replicas"] == [{"region": "us-west-2"}]
    assert secret["recoveryWindowInDays"] == 30
    assert secret["tags"]["lifeline:data"] == "credentials"


def test_the_secrets_text_is_the_password_and_never_shown():
    version = registered()["password-version"]
    assert version.printable_inputs()["secretString"] == "[secret]"
    assert registered()["password-random"].urn in version.dependencies


def test_who_takes_the_password_from_the_component_gets_it_as_a_secret():
    def program() -> None:
        aws.s3.BucketObjectv2(
            "reader", bucket="copy", content=password().value
        )  # the provider does not mark the content as secret

    (reader,) = (resource for resource in record(program) if resource.name == "reader")
    assert reader.secrets == {"content"}


@pytest.mark.parametrize("protect", [True, False])
def test_password_and_secret_are_protected_together(protect):
    assert {name: resource.protect for name, resource in registered(protect=protect).items()} == {
        "password-random": protect,
        "password-secret": protect,
        "password-version": False,
    }


def test_a_higher_number_makes_another_password_and_deletes_nothing():
    first, second = registered(), registered(number=2)
    assert second.keys() - first.keys() == {"password-random-2"}
    assert second["password-random"] == first["password-random"]
    assert second["password-random-2"].protect
    assert second["password-random-2"].urn in second["password-version"].dependencies


def test_a_rotation_keeps_the_former_version():
    assert registered()["password-version"].retain_on_delete
