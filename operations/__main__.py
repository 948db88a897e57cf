"""The in-cluster jobs of Lifeline, one command each: `python -m operations NAME`.

Every setting is an environment variable. Exit codes: 0 success, 1 failure, 2 usage or a wrong setting, 3 refused.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from operations import (
    backup,
    canary,
    claim,
    configuration_export,
    crisis_review,
    exporter,
    fence,
    handover,
    ledger_export,
    ledger_restore,
    promotion_snapshot,
    promotion_wait,
    restore,
    restore_check,
    roles,
    self_check,
    switch,
)
from operations.environment import SettingError
from operations.exit_codes import SUCCESS, USAGE
from operations.log import say

JOBS: dict[str, ModuleType] = {
    "backup": backup,
    "canary": canary,
    "claim": claim,
    "configuration-export": configuration_export,
    "exporter": exporter,
    "fence": fence,
    "handover": handover,
    "crisis-review": crisis_review,
    "ledger-export": ledger_export,
    "ledger-restore": ledger_restore,
    "promotion-snapshot": promotion_snapshot,
    "promotion-wait": promotion_wait,
    "restore": restore,
    "restore-check": restore_check,
    "roles": roles,
    "self-check": self_check,
    "switch": switch,
}
HELP = ("--help", "-h")


def main(words: list[str]) -> int:
    """Run one job by name, or print the help of one or of all."""
    if len(words) == 1 and words[0] in HELP:
        _print_overview()
        return SUCCESS
    if len(words) == 2 and words[0] in JOBS and words[1] in HELP:
        sys.stdout.write(f"{JOBS[words[0]].__doc__}")
        return SUCCESS
    if len(words) != 1 or words[0] not in JOBS:
        say("usage", expected=sorted(JOBS), received=words)
        return USAGE
    try:
        return JOBS[words[0]].main(os.environ)
    except SettingError as error:
        say("settings", problem=str(error))
        return USAGE


def _print_overview() -> None:
    sys.stdout.write(f"{__doc__}\n")
    for name, job in JOBS.items():
        summary = (job.__doc__ or "").strip().splitlines()[0]
        sys.stdout.write(f"  {name:22}{summary}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
