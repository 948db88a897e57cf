"""Mistakes in a stack file that Pulumi ignores, or reports without their place."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from stacks import config as configuration
from stacks.stackfile import StackFile, StackFileError
from tests.harness import ROOT

GOOD = (ROOT / "Pulumi.secondary.yaml").read_text()
LINES = GOOD.count("\n")


def refused(folder: Path, text: str) -> str:
    file = folder / "Pulumi.secondary.yaml"
    file.write_text(text)
    with pytest.raises(StackFileError) as error:
        StackFile(file)
    return str(error.value)


def test_a_snippet_pasted_without_its_indentation_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD + "lifeline:timeline:\n  - primary-1\n  - secondary-1\n") == (
        f"Pulumi.secondary.yaml:{LINES + 1}: Pulumi ignores the key 'lifeline:timeline' here\n"
        "  hint: indent it by two spaces, below 'config:'"
    )


def test_an_unknown_key_of_the_file_gets_the_allowed_ones(tmp_path: Path) -> None:
    assert refused(tmp_path, "confg: {}\n" + GOOD) == (
        "Pulumi.secondary.yaml:1: Pulumi ignores the key 'confg' here\n"
        "  hint: allowed here: config, encryptedkey, encryptionsalt, environment, secretsprovider"
    )


def test_text_that_is_no_yaml_is_refused_with_line_and_column(tmp_path: Path) -> None:
    assert refused(tmp_path, "config:\n  lifeline:owner: a\n lifeline:domain: b\n") == (
        "Pulumi.secondary.yaml:3:2: is not YAML: while parsing a block mapping, expected <block end>, but found"
        " '<block mapping start>'"
    )


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.secondary.yaml"
    file.write_bytes(b"config: \xff")
    with pytest.raises(StackFileError, match=r"Pulumi\.secondary\.yaml: is not YAML: "):
        StackFile(file)


def test_a_list_in_quotes_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("lifeline:owner: platform-team", "lifeline:owner: platform-team\n  lifeline:discards: '[1]'")
    assert "lifeline:discards is text\n  hint: remove the quotes" in refused(tmp_path, text)


def test_the_committed_files_are_accepted() -> None:
    for stack in ("primary", "secondary"):
        assert StackFile(ROOT / f"Pulumi.{stack}.yaml").config


def test_a_deployment_refuses_a_file_with_a_key_in_the_wrong_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.secondary.yaml").write_text(GOOD + "lifeline:timeline: []\n")
    monkeypatch.setattr(configuration, "ROOT", tmp_path)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "secondary")
    with pytest.raises(pulumi.RunError, match=r"nothing was changed\nPulumi\.secondary\.yaml:"):
        configuration.load()


@pytest.mark.parametrize(
    "text",
    [
        "config:\n  lifeline:timeline:\n    - primary-1\n{}",
        "config:\n  lifeline:timeline:\n    - primary-1\n{}\n  lifeline:owner: a\n",
        "config:\n  lifeline:timeline:\n    - primary-1\n{}\n  # The owner.\n  lifeline:owner: a\n",
        "config:\n  lifeline:timeline:\n    - primary-1   # the first\n{}\n\n  # The owner.\n  lifeline:owner: a\n",
        "config:\n  lifeline:timeline:\n    - primary-1   # the first\n{}  lifeline:owner: a\n",
        "config:\n  lifeline:timeline:\n    # From the beginning.\n    - primary-1\n{}",
    ],
)
def test_one_line_more_in_the_timeline_is_the_whole_change(tmp_path: Path, text: str) -> None:
    path = tmp_path / "Pulumi.primary.yaml"
    path.write_text(text.format(""))
    file = StackFile(path)
    file.append_to_timeline("secondary-1")
    file.save()
    assert path.read_text() == text.format("    - secondary-1\n")
