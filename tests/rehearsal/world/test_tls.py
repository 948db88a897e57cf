"""TLS between a job and its database, as both declare it."""

from __future__ import annotations

import pytest

from components.kube.jobs import _TLS
from rehearsal.world.declared import Declared
from rehearsal.world.tls import BUNDLE, PARAMETERS, no_tls
from rehearsal.world.ways import INSTANCE
from tests.harness import ROOT

ADDRESS = "lifeline-primary-1.rds.example"


def database(**settings: str) -> Declared:
    declared = Declared()
    parameters = [{"name": name.replace("_", ".", 1), "value": value} for name, value in settings.items()]
    declared.changed(PARAMETERS, "group", {"parameters": parameters}, {})
    declared.changed(INSTANCE, "db", {"parameterGroupName": "group"}, {"address": ADDRESS})
    return declared


def test_jobs_and_their_databases_agree() -> None:
    assert no_tls(database(rds_force_ssl="1"), ADDRESS, _TLS) is None


def test_the_bundle_is_where_the_image_has_it() -> None:
    assert f"rds-global-bundle.pem {BUNDLE}\n" in (ROOT / "images/operations/Dockerfile").read_text()


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_job_that_checks_the_certificate_needs_the_bundle(mode: str) -> None:
    assert no_tls(database(), ADDRESS, {"PGSSLMODE": mode, "PGSSLROOTCERT": BUNDLE}) is None
    for other in ({}, {"PGSSLROOTCERT": "/etc/ssl/certs/ca.pem"}):
        assert str(no_tls(database(), ADDRESS, {"PGSSLMODE": mode, **other})).startswith("the job trusts no cert")


@pytest.mark.parametrize(
    ("mode", "settings", "refused"),
    [
        ("disable", {"rds_force_ssl": "1"}, True),
        ("disable", {}, True),
        ("disable", {"rds_force_ssl": "0"}, False),
        ("allow", {"rds_force_ssl": "1"}, False),
        ("prefer", {"rds_force_ssl": "1"}, False),
        ("require", {"rds_force_ssl": "1"}, False),
    ],
)
def test_a_database_that_wants_tls_refuses_others(mode: str, settings: dict[str, str], refused: bool) -> None:
    reason = no_tls(database(**settings), ADDRESS, {"PGSSLMODE": mode})
    assert (reason == f"{ADDRESS} refuses connections without TLS") is refused
