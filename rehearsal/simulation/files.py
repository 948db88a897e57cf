"""Stack files, checked by the program's own code."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from stacks.config import SiteConfig, parse


def checked(name: str, file: dict[str, Any]) -> SiteConfig:
    """The configuration in a file.

    Raises:
        ConfigError: if the file has mistakes.
    """
    return _parsed(name, json.dumps(file, sort_keys=True))


@lru_cache(maxsize=4096)
def _parsed(name: str, text: str) -> SiteConfig:
    return parse(json.loads(text), stack=name)
