"""Log lines: one line of JSON per event on standard output, where the cluster collects logs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def say(step: str, **facts: object) -> None:
    """Write one line. Facts must contain no secret and nothing that a person wrote."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    sys.stdout.write(json.dumps({"at": now, "step": step, **facts}, default=str) + "\n")
    sys.stdout.flush()
