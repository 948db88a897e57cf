"""Rules for every file: what it may contain, how long it may be, and what it must not name."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("recovery", "components", "stacks", "engine", "operations", "policy", "rehearsal", "lifeline")
INDEX_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"))]
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|farm|home|root|Users)/\w")
LONGEST_FILE = 300
LONGEST_TEST_FILE = 450
LONGEST_FUNCTION = 60


def files() -> list[Path]:
    """Every file that is, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def text_files() -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in files():
        try:
            texts[str(path.relative_to(ROOT))] = path.read_text()
        except UnicodeDecodeError:
            continue
    return texts


def modules(*folders: str) -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in files()
        if path.suffix == ".py" and (not folders or path.relative_to(ROOT).parts[0] in folders)
    }


def imports(module: ast.Module) -> set[str]:
    """Every imported name in full; `from stacks import config` counts as `stacks.config`."""
    violations: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            violations |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            violations |= {f"{node.module}.{alias.name}" for alias in node.names}
    return violations


def attributes(module: ast.Module) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Attribute)}


def test_no_file_names_the_host_of_a_package_index() -> None:
    named = [(name, host) for name, text in text_files().items() for host in INDEX_HOSTS if host in text]
    assert named == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert [name for name, text in text_files().items() if MACHINE_PATH.search(text)] == []


def test_no_file_ends_without_a_line_break() -> None:
    assert [name for name, text in text_files().items() if text and not text.endswith("\n")] == []


def test_no_python_file_outgrows_its_one_question() -> None:
    lengths = {name: len(text.splitlines()) for name, text in text_files().items() if name.endswith(".py")}
    limits = {name: LONGEST_TEST_FILE if name.startswith("tests/") else LONGEST_FILE for name in lengths}
    assert {name: length for name, length in lengths.items() if length > limits[name]} == {}


def test_no_function_outgrows_a_screen() -> None:
    long = [
        f"{name}:{node.name}"
        for name, module in modules(*PACKAGES).items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_no_module_is_a_drawer_for_what_has_no_place() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [str(path.relative_to(ROOT)) for path in files() if path.stem in drawers] == []


def test_every_package_says_what_it_is() -> None:
    packages = {name: module for name, module in modules(*PACKAGES).items() if name.endswith("__init__.py")}
    assert [name for name, module in packages.items() if not ast.get_docstring(module)] == []


def test_only_one_module_reads_the_configuration_of_a_stack() -> None:
    readers = {
        name
        for name, module in modules("stacks", "components", "__main__.py").items()
        if {"pulumi.Config", "pulumi.get_stack", "pulumi.runtime.config"} & (attributes(module) | imports(module))
    }
    assert readers <= {"stacks/config.py"}


def test_components_call_no_data_source() -> None:
    invoke = re.compile(r"(?:aws|pulumi_aws|kubernetes|k8s|eks)(?:\.\w+)*\.get_\w+")
    calls = {
        (name, ast.unparse(node.func))
        for name, module in modules("components", "stacks").items()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and invoke.fullmatch(ast.unparse(node.func))
    }
    assert calls == set()


def test_the_stack_is_built_of_one_constructor_shape() -> None:
    """The parameters are `name`, one argument object, and `opts`, as in every Pulumi component."""
    shapes = {
        (name, tuple(argument.arg for argument in constructor.args.args))
        for name, module in modules("components").items()
        for component in ast.walk(module)
        if isinstance(component, ast.ClassDef) and "ComponentResource" in "".join(map(ast.unparse, component.bases))
        for constructor in component.body
        if isinstance(constructor, ast.FunctionDef) and constructor.name == "__init__"
    }
    assert {shape for shape in shapes if len(shape[1]) != 4 or shape[1][1::2] != ("name", "opts")} == set()


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt", "images/operations/requirements.txt"])
def test_every_locked_package_is_pinned_with_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
    assert len(entries) > 10
    assert [entry for entry in entries if not re.match(r"[\w.-]+(?:\[[\w,-]+\])?==\S+", entry)] == []
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locks = {
        name: set(re.findall(r"(?m)^([\w.-]+)(?:\[.*\])?==", (ROOT / name).read_text()))
        for name in ("requirements.txt", "requirements-dev.txt")
    }
    assert _names(project["dependencies"]) <= locks["requirements.txt"]
    extras = {name for extra in project["optional-dependencies"].values() for name in _names(extra)}
    assert extras <= locks["requirements-dev.txt"]


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ]", requirement)[0].replace(".", "-") for requirement in requirements}


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        (name, target)
        for name, text in text_files().items()
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_every_document_that_code_points_at_exists() -> None:
    pointed = {
        (name, path) for name, text in text_files().items() for path in re.findall(r"\bdocs/[\w/-]+\.md\b", text)
    }
    assert {(name, path) for name, path in pointed if not (ROOT / path).exists()} == set()


def test_the_gate_runs_what_a_change_has_to_pass() -> None:
    gate = ROOT / ".ci" / "run"
    assert gate.stat().st_mode & 0o111
    assert "make check policy test test-slow fixes alerts monitoring rehearse-all" in gate.read_text()
