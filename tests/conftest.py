"""Options and defaults of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import settings

from engine import pulumi_cli
from tests import harness

settings.register_profile("project", deadline=None)  # no test asserts a wall-clock time
settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-steps", action="store_true", help="record the real engine's steps again")
    parser.addoption("--require-engine", action="store_true", help="fail if the real engine is not installed")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--require-engine") and not pulumi_cli.available():
        raise pytest.UsageError("there is no pulumi\n  hint: run 'make engine'")


@pytest.fixture(scope="session", autouse=True)
def shared_deployments(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> None:
    """The processes of one run share the sites that they recorded, because a site takes a second or two."""
    base = tmp_path_factory.getbasetemp()
    harness.shared_folder = base if worker_id == "master" else base.parent
