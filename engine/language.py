"""Run the program in a process of its own: `python -m engine.language`.

Both the in-process engine and the language host of the real engine start it. It runs `__main__.py` of the current
folder against the given monitor, and reads its configuration from PULUMI_CONFIG and PULUMI_CONFIG_SECRET_KEYS.

Exit codes: 0 success, 32 failure. The error is in the engine's log by then; 32 tells the real engine to add nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import runpy
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pulumi
from pulumi.runtime import resource, stack
from pulumi.runtime.proto import source_pb2

EXIT_LOGGED = 32
"""The program failed and the engine has its error. Source: pulumi/pulumi, the official language hosts use it too."""


def main(words: Sequence[str] | None = None) -> int:
    """Run `__main__.py` of the current folder against a monitor, and return an exit code."""
    arguments = _parser().parse_args(words)
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=arguments.project,
            stack=arguments.stack,
            monitor=arguments.monitor,
            engine=arguments.engine,
            parallel=arguments.parallel,
            dry_run=arguments.dry_run,
            organization=arguments.organization,
        )
    )
    # A program that fails leaves unfinished tasks behind, each of which asyncio would report.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    gc.disable()  # every object of the graph stays in use until the program ends: a collection frees nothing

    if arguments.quiet:
        _spare_work()

    def program() -> None:
        runpy.run_path(str(Path("__main__.py").resolve()), run_name="__main__")

    try:
        asyncio.run(stack.run_in_stack(program))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
    except Exception:  # noqa: BLE001 - every error of the program goes to the engine's log
        pulumi.log.error(f"Program failed with an unhandled exception:\n{traceback.format_exc()}")
    else:
        return 0
    return EXIT_LOGGED


def _spare_work() -> None:
    """Let the SDK do less: its own bookkeeping takes half the time of a program that changes nothing.

    Debug messages are calls of the engine. Each registration tells the engine the lines of the program that led to it,
    which this engine does not show. And each time that one output is known, the SDK looks at all the other ones: here
    it waits for all of them, or for the first that fails.
    """
    replacements: tuple[tuple[ModuleType, str, object], ...] = (
        (pulumi.log, "debug", _drop),
        (resource, "_get_stack_trace", source_pb2.StackTrace),
        (stack, "asyncio", SimpleNamespace(**{**vars(asyncio), "wait": _wait})),
    )
    for module, name, value in replacements:
        setattr(module, name, value)


def _drop(*_: Any, **__: Any) -> None:
    """Log nothing."""


async def _wait(tasks: Iterable[asyncio.Task[Any]], **_: Any) -> tuple[set[asyncio.Task[Any]], set[asyncio.Task[Any]]]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--monitor", "--engine", "--project", "--stack"):
        parser.add_argument(option, required=True)
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="let the SDK tell the engine less, and take less time")
    parser.add_argument("--organization", default="organization")
    return parser


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of the SDK wait for registrations that a failed program never finishes; a normal exit would join them.
    os._exit(code)
