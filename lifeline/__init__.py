"""The `lifeline` command. Exit codes: 0 well, 1 not well, 2 usage, 3 refused."""

from __future__ import annotations

from lifeline.app import main

__all__ = ["main"]
