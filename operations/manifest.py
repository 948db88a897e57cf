"""The manifest of a backup: what the dump contains, and how to know that a copy of it is complete.

The manifest is written last. A dump without a manifest is an interrupted upload, and no job offers it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from operations.contents import Contents
from recovery.naming import BACKUP_DUMPS, BACKUP_MANIFESTS

FORMAT = 1
_NAME_FORMAT = "%Y%m%dT%H%M%S%fZ"
_NAME = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}")


class ManifestError(ValueError):
    """A manifest or a record is not readable."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One backup. Its name begins with its time, so names sort by age."""

    name: str
    """Such as `20261124T030000000000Z-1a2b3c4d`."""
    database: str
    """The database that was dumped, such as `primary-1`."""
    role: str
    """`leader` or `replica`."""
    epoch: int
    """The epoch of the newest claim."""
    taken_at: str
    """The database's own time of the snapshot, in UTC, ISO 8601."""
    position: str
    """A position in the write-ahead log that the snapshot is not older than."""
    server_version: str
    client_version: str
    database_bytes: int
    """The size of the database on its server's disk."""
    dump_bytes: int
    sha256: str
    """Of the whole dump, in hexadecimal."""
    entries: int
    """The number of entries that `pg_restore --list` shows."""
    contents: Contents
    suspect: tuple[str, ...] = ()
    """The reasons why the dump is kept, but not offered for a restore."""

    @property
    def dump_key(self) -> str:
        """The key of the dump."""
        return dump_key(self.name)

    @property
    def key(self) -> str:
        """The key of the manifest itself."""
        return manifest_key(self.name)

    @property
    def moment(self) -> datetime:
        """The database's own time of the snapshot."""
        return datetime.fromisoformat(self.taken_at)

    def to_json(self) -> str:
        """The manifest as it is stored."""
        plain = {key: value for key, value in vars(self).items() if key != "contents"}
        return json.dumps({"format": FORMAT, **plain, "contents": self.contents.plain()}, indent=1) + "\n"

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """A stored manifest.

        Raises:
            ManifestError: if it is not one, or is of a newer format.
        """
        try:
            data: Mapping[str, Any] = json.loads(text)
            if data["format"] != FORMAT:
                raise ManifestError(f"the manifest has format {data['format']}, expected {FORMAT}")
            plain = {key: value for key, value in data.items() if key not in ("format", "contents", "suspect")}
            manifest = cls(**plain, contents=Contents.parse(data["contents"]), suspect=tuple(data["suspect"]))
            if manifest.moment.tzinfo is None:
                raise ManifestError(f"the manifest's time '{manifest.taken_at}' has no time zone")
        except (AttributeError, KeyError, TypeError) as error:
            raise ManifestError(f"the manifest is incomplete: {error}") from error
        except json.JSONDecodeError as error:
            raise ManifestError(f"the manifest is not JSON: {error}") from error
        return manifest


def backup_name(moment: datetime, suffix: str) -> str:
    """The name of a backup: a time in UTC down to microseconds, and a random part."""
    return f"{moment.astimezone(UTC).strftime(_NAME_FORMAT)}-{suffix}"


def is_name(text: str) -> bool:
    """Whether a text is the name of a backup or of an export."""
    return _NAME.fullmatch(text) is not None


def moment_of(name: str) -> datetime:
    """The time in the name of a backup or of an export.

    Raises:
        ManifestError: if it is no such name.
    """
    try:
        return datetime.strptime(name.partition("-")[0], _NAME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise ManifestError(f"'{name}' is not the name of a backup") from error


def dump_key(name: str) -> str:
    """The key of a backup's dump."""
    return f"{BACKUP_DUMPS}{name}.dump"


def manifest_key(name: str) -> str:
    """The key of a backup's manifest."""
    return f"{BACKUP_MANIFESTS}{name}.json"
