"""The entry point of the jobs: `python -m operations fence|handover`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from operations import fence, handover
from operations.environment import SettingError
from operations.log import say

JOBS: Mapping[str, Callable[[Mapping[str, str]], int]] = {"fence": fence.main, "handover": handover.main}
USAGE = 2


def main(words: list[str]) -> int:
    """Run one job by name."""
    if len(words) != 1 or words[0] not in JOBS:
        say("usage", expected=sorted(JOBS), received=words)
        return USAGE
    try:
        return JOBS[words[0]](os.environ)
    except SettingError as error:
        say("settings", problem=str(error))
        return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
