"""Check the image itself: the programs of PostgreSQL, and the certificate authorities of RDS.

first-deployment.md runs it after a build. It needs no database, no AWS and no network.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from operations import postgres_programs
from operations.environment import Reader
from operations.exit_codes import FAILURE, SUCCESS
from operations.log import say
from operations.postgres_programs import ProgramError

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
            version = postgres_programs.version(program)
            if postgres_programs.major_version(version) != major:
                yield f"{program} is '{version}', expected major version {major}"
        except ProgramError as error:
            yield str(error)
