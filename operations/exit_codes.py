"""The exit codes of all jobs."""

from __future__ import annotations

SUCCESS = 0
FAILURE = 1
USAGE = 2
"""A setting is missing or malformed, or there is no such job."""
REFUSED = 3
