"""The place of the program. It imports nothing, because the processes of a rehearsal begin with it."""

from __future__ import annotations

from pathlib import Path

PROGRAM_ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds `Pulumi.yaml` and `__main__.py`."""
