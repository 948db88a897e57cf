"""Options and defaults of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-steps", action="store_true", help="record the real engine's steps anew")
