"""One line of JSON a step, on standard output, where the cluster's log collection reads it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def say(step: str, **facts: object) -> None:
    """Write one line. Facts must be free of secrets and of what people wrote."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    sys.stdout.write(json.dumps({"at": now, "step": step, **facts}, default=str) + "\n")
    sys.stdout.flush()
