"""Sites with new names in scenarios: their files, and the check that one database of theirs leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from procedures.checks import Check
from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from stacks.stackfile import StackFile


def new_file(old: SiteWorld, name: str, cidr: str, **changes: Any) -> StackFile:
    """A copy of a lost site's file for a site with a new name, with other lines, as an engineer writes it."""
    file = StackFile(old.file.path)
    file.path = Path(old.file.path).parent / "new" / f"Pulumi.{name}.yaml"
    file.path.parent.mkdir(exist_ok=True)
    own: dict[str, Any] = file.config["lifeline:network"]
    edit(file, network={**own, "cidr": cidr}, **changes)
    return file


def edit(file: StackFile, **changes: Any) -> None:
    """Change lines of a file that no run has used yet."""
    for key, value in changes.items():
        file.set(f"lifeline:{key}", value)
    file.save()


def one_writer(environment: Environment, leader: SiteWorld, *others: SiteWorld) -> Check:
    """Of all databases of some sites, those that are fenced too, the leader's alone takes writes."""
    servers = sorted(name for site in (leader, *others) for name in environment.databases(site))
    writable = [name for name in servers if environment.postgres.is_writable(name)]
    return Check(
        "exactly one database takes writes",
        passed=writable == [database_identifier(leader.config.own_database)],
        detail=", ".join(writable),
    )
