"""Files that are judged: those of `lifeline render` and `pulumi stack export`, and those that are refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.diff import in_order
from lifeline.rendering import as_data
from policy import sources
from policy.judge import judge
from policy.settings import read_settings
from policy.sources import SourceError, from_file, from_registrations
from tests.harness import deploy


def rendered(stack: str = "primary") -> list[dict[str, Any]]:
    return [as_data(entry) for entry in deploy(stack)]


def written(folder: Path, content: object) -> Path:
    file = folder / "site.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def exported(stack: str = "primary") -> dict[str, Any]:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    resources = [
        {
            "urn": entry.urn,
            "type": entry.type,
            "custom": entry.custom,
            "parent": entry.parent,
            "protect": entry.protect,
            "retainOnDelete": entry.retain_on_delete,
            "importID": entry.import_id,
            "ignoreChanges": list(entry.ignore_changes),
            "inputs": {key: secret if key in entry.secrets else value for key, value in entry.inputs.items()}
            | {"__defaults": []},
            "propertyDependencies": {key: list(urns) for key, urns in entry.links.items()},
        }
        for entry in deploy(stack)
    ]
    return {"version": 3, "deployment": {"resources": resources}}


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_rendered_file_is_the_recorded_site(tmp_path: Path, stack: str) -> None:
    assert from_file(written(tmp_path, rendered(stack))) == from_registrations(deploy(stack))


def test_an_exported_state_is_the_recorded_site(tmp_path: Path) -> None:
    site, recorded = from_file(written(tmp_path, exported())), from_registrations(deploy("primary"))
    without_providers = {entry.urn: entry for entry in recorded.resources if "pulumi:providers" not in entry.type}
    assert site.by_urn == without_providers


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is not complete JSON"),
        ("[", "is not complete JSON"),
        ("[" * 100_000, "is not complete JSON"),
        ([], "has no resources"),
        ({}, "is not an exported stack"),
        ({"deployment": {"resources": []}}, "has no resources"),
        ({"deployment": {"resources": [{"urn": 5}]}}, "is not an exported stack"),
        ([{"type": "aws:s3/bucket:Bucket"}], r"\[0\].name: field required"),
        ([5], r"\[0\]: input should be a valid dictionary"),
        ("5", "input should be a valid list"),
    ],
)
def test_a_file_that_holds_no_site_is_refused(tmp_path: Path, content: object, problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        from_file(written(tmp_path, content))


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        from_file(tmp_path / "absent.json")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_BYTES", 10)
    with pytest.raises(SourceError, match="expected at most 10"):
        from_file(written(tmp_path, rendered()))


def test_a_site_without_its_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no ConfigMap mental-health-app-config"):
        from_file(written(tmp_path, [entry for entry in rendered() if entry["name"] != "platform-config"]))


def test_two_sites_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="resources of 2 stacks, expected 1"):
        from_file(written(tmp_path, [*rendered("primary"), *rendered("secondary")]))


def test_a_resource_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    entries = rendered()
    with pytest.raises(SourceError, match="has a resource twice"):
        from_file(written(tmp_path, [*entries, entries[3]]))


def test_an_input_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    entries = rendered()
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    entries[-1] = {**entries[-1], "inputs": {"deep": deep}}
    with pytest.raises(SourceError, match="is nested deeper than 60 levels"):
        from_file(written(tmp_path, entries))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_that_is_cut_off_between_two_resources_never_passes(tmp_path: Path, data: st.DataObject) -> None:
    """Such a file is valid JSON. It is refused, or a rule misses what is lost."""
    entries = [as_data(entry) for entry in in_order(deploy("primary"))]
    file = written(tmp_path, entries[: data.draw(st.integers(1, len(entries) - 1))])
    try:
        site = from_file(file)
    except SourceError:
        return
    assert judge(site, settings=read_settings(), today=date(2026, 11, 26)).refuses


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_a_file_of_anything_is_refused_with_a_reason(tmp_path: Path, content: object) -> None:
    with pytest.raises(SourceError):
        from_file(written(tmp_path, json.dumps(content)))
