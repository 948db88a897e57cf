"""The `lifeline` command. Exit codes: 0 success, 1 failure, 2 usage, 3 refused."""

from __future__ import annotations

from lifeline.app import main

__all__ = ["main"]
