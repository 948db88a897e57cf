"""Commands of the runbooks, as a test makes them."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from tests.harness import ROOT


def aws_call(page: str, command: str) -> dict[str, Any]:
    """The options of the only command of a runbook that begins so, as boto3's parameters."""
    text = (ROOT / f"docs/runbooks/{page}.md").read_text().replace("\\\n", " ")
    (found,) = re.findall(rf"^ *aws {command} (.+)$", text, re.MULTILINE)
    words = shlex.split(found)
    return {
        name.removeprefix("--").title().replace("-", ""): json.loads(value) if value.startswith("{") else value
        for name, value in zip(words[::2], words[1::2], strict=True)
    }
