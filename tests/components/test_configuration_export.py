"""The export of the configuration: what its job may list, and what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.kube.configuration_export import EXPORTED
from engine.registration import Registration
from operations import configuration_export
from operations.environment import Reader
from recovery.naming import NAMESPACE
from rehearsal.world.api_server import plural_of
from tests.components.test_backups import CheckedError, checked_only
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy, stack_config

REPOSITORY = {"url": "https://git.example.com/exports.git", "tokenSecret": "lifeline/git"}


def backups(**changes: Any) -> dict[str, Any]:
    return stack_config("primary")["lifeline:backups"] | changes


def named(**changes: Any) -> dict[str, Registration]:
    return {entry.name: entry for entry in deploy("primary", **changes) if entry.custom}


def container(made: dict[str, Registration]) -> dict[str, Any]:
    (only,) = pod(made)["containers"]
    return only


def pod(made: dict[str, Registration]) -> dict[str, Any]:
    return made["configuration-export-job"].inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_the_role_lists_every_kind_that_the_program_declares_in_the_namespace() -> None:
    declared = {
        (str(entry.inputs["apiVersion"]).rpartition("/")[0], plural_of(entry.inputs["kind"]))
        for stack, timeline in (("primary", PRIMARY_LEADS), ("secondary", FAILED_OVER))
        for entry in deploy(stack, timeline)
        if entry.inputs.get("metadata", {}).get("namespace") == NAMESPACE
    }
    assert len(declared) > 10
    assert sorted(declared - {(group, name) for group, names in EXPORTED.items() for name in names}) == []


def test_the_role_reads_no_secret_and_changes_nothing() -> None:
    rules = named()["configuration-export-role"].inputs["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list"}
    assert [rule for rule in rules if {"secrets", "*"} & {*rule["resources"], *rule["apiGroups"]}] == []


def test_the_binding_gives_the_role_to_the_job_alone() -> None:
    made = named()
    account = made["configuration-export-account"].inputs["metadata"]["name"]
    binding = made["configuration-export-binding"].inputs
    assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": account}]
    assert binding["roleRef"]["name"] == made["configuration-export-role"].inputs["metadata"]["name"]
    assert pod(made)["serviceAccountName"] == account


def test_no_other_pod_of_the_namespace_gets_a_token() -> None:
    with_token = [
        entry.name
        for entry in deploy("primary")
        if '"automountServiceAccountToken": true' in json.dumps(entry.inputs, default=str)
    ]
    assert with_token == ["configuration-export-job"]


@pytest.mark.parametrize("changes", [{}, {"repository": REPOSITORY}])
def test_the_pod_sets_everything_that_its_job_reads(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        entry["name"]: entry.get("value", "us-east-2") for entry in container(named(backups=backups(**changes)))["env"]
    }
    read: list[str] = []
    text: Callable[[Reader, str], str] = Reader.text
    monkeypatch.setattr(Reader, "text", lambda self, key: read.append(key) or text(self, key))
    monkeypatch.setattr(Reader, "done", checked_only(Reader.done))
    with pytest.raises(CheckedError):
        configuration_export.main(settings | {"API_SERVER": "https://example.com"})
    assert sorted(settings.keys() - read) == ["DEADLINE_SECONDS", "PGSSLMODE", "PGSSLROOTCERT"]


def test_exports_are_pushed_and_the_token_is_read_only_if_a_repository_is_named() -> None:
    def token_statements(made: dict[str, Registration]) -> list[dict[str, Any]]:
        policy = json.loads(made["configuration-export-identity-policy"].inputs["policy"])
        return [entry for entry in policy["Statement"] if "secretsmanager" in json.dumps(entry)]

    assert token_statements(named()) == []
    assert "REPOSITORY_URL" not in json.dumps(container(named()), default=str)
    pushing = named(backups=backups(repository=REPOSITORY))
    (statement,) = token_statements(pushing)
    assert statement["Resource"] == ["arn:aws:secretsmanager:us-east-2:123456789012:secret:lifeline/git-??????"]
    assert {"name": "REPOSITORY_BRANCH", "value": "configuration-exports"} in container(pushing)["env"]


def test_a_flip_changes_nothing_of_the_export() -> None:
    def export(timeline: tuple[str, ...]) -> dict[str, Any]:
        made = deploy("secondary", timeline)
        return {entry.urn: entry.inputs for entry in made if entry.name.startswith("configuration-export")}

    assert len(export(PRIMARY_LEADS)) == 9
    assert export(PRIMARY_LEADS) == export(FAILED_OVER)
