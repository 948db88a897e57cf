"""Run the program in a process of its own, as Pulumi's language host does: `python -m engine.language`.

Reads `PULUMI_CONFIG` for the configuration, and connects to the monitor and engine addresses given.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import runpy
import sys
from pathlib import Path

import pulumi
from pulumi.runtime.stack import run_in_stack


def main() -> int:
    """Run `__main__.py` of the current folder against a monitor."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--monitor", "--engine", "--project", "--stack"):
        parser.add_argument(option, required=True)
    arguments = parser.parse_args()
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env())
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=arguments.project,
            stack=arguments.stack,
            monitor=arguments.monitor,
            engine=arguments.engine,
            parallel=16,
            dry_run=False,
        )
    )
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    gc.disable()  # every object of the graph stays in use until the program ends: a collection frees nothing

    def program() -> None:
        runpy.run_path(str(Path("__main__.py").resolve()), run_name="__main__")

    try:
        asyncio.run(run_in_stack(program))
    except pulumi.RunError as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # Threads of the SDK wait for registrations that a failed program will never finish.
    code = main()
    sys.stderr.flush()
    os._exit(code)
