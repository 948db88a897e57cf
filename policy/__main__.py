"""The policy pack that `pulumi preview --policy-pack policy` starts. `PolicyPack` serves until the engine ends it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

# The engine starts the folder as a program, and its parent is not on the path then.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import PolicyPack

from policy.pack import Pack
from policy.settings import read_settings

if __name__ in ("__main__", "__mp_main__"):
    pack = Pack(read_settings(), today=lambda: datetime.now(UTC).date())
    PolicyPack(name="lifeline", policies=pack.policies())
