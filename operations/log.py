"""Log lines: one line of JSON per event on standard output, where the cluster collects logs."""

from __future__ import annotations

import json
import sys

from operations import clock


def say(step: str, **facts: object) -> None:
    """Write one line. Facts must contain no secret and nothing that a person wrote."""
    sys.stdout.write(json.dumps({"at": clock.now("milliseconds"), "step": step, **facts}, default=str) + "\n")
    sys.stdout.flush()
