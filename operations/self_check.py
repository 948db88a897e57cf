"""Check the image itself: the programs of PostgreSQL, and the certificate authorities of RDS.

first-deployment.md runs it after a build. It needs no database, no AWS and no network.
"""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from operations.environment import Reader
from operations.exit_codes import FAILURE, SUCCESS
from operations.log import say

PROGRAMS = ("pg_dump", "pg_restore", "initdb", "postgres")


def main(environment: Mapping[str, str]) -> int:
    """Check everything, log each problem, and return an exit code. Reads PG_MAJOR and PGSSLROOTCERT."""
    reader = Reader(environment)
    bundle, major = Path(reader.text("PGSSLROOTCERT")), int(reader.number("PG_MAJOR"))
    reader.done()
    problems = [*_authority_problems(bundle), *_program_problems(major)]
    for problem in problems:
        say("self-check failed", problem=problem)
    if not problems:
        say("self-check passed", postgresql=major)
    return FAILURE if problems else SUCCESS


def _authority_problems(bundle: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        yield f"{bundle} is not a file of certificate authorities: {error}"


def _program_problems(major: int) -> Iterator[str]:
    for program in PROGRAMS:
        try:
            done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            yield f"{program} does not run: {error}"
            continue
        version = re.search(r"\d+", done.stdout)
        if version is None or int(version[0]) != major:
            yield f"{program} is '{done.stdout.strip()}', expected major version {major}"
