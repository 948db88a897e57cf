"""Reading and editing a stack's configuration file without losing its comments."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError


class StackFileError(Exception):
    """A stack file that is missing or cannot be read."""


class StackFile:
    """A stack file, `Pulumi.<stack>.yaml`."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            StackFileError: if the file is missing, is not YAML, or has no configuration.
        """
        self.path = path
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.indent(mapping=2, sequence=4, offset=2)  # the indentation of the committed files
        self._yaml.width = 1000
        try:
            self._document: Any = self._yaml.load(path.read_text())
        except FileNotFoundError:
            stacks = ", ".join(sorted(other.name.split(".")[1] for other in path.parent.glob("Pulumi.*.yaml")))
            raise StackFileError(
                f"{path.name}: no such stack\n  hint: this folder has {stacks or 'no stack file'}"
            ) from None
        except (YAMLError, UnicodeDecodeError) as error:
            raise StackFileError(f"{path.name}: is not YAML: {str(error).splitlines()[0]}") from None
        if not isinstance(self._document, dict) or not isinstance(self._document.get("config"), dict):
            raise StackFileError(f"{path.name}: has no section 'config'")

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as plain data."""
        return {str(key): _plain(value) for key, value in self._document["config"].items()}

    @property
    def secrets_key(self) -> str | None:
        """The address of the key that encrypts the secrets of the state; None if a passphrase does."""
        value = self._document.get("secretsprovider")
        return None if value is None else str(value)

    def set(self, key: str, value: Any) -> None:
        """Set one key."""
        self._document["config"][key] = value

    def append_to_timeline(self, entry: str) -> None:
        """Append one entry to the timeline: the only edit of a failover."""
        self._document["config"]["lifeline:timeline"].append(entry)

    def text(self) -> str:
        """The file's content, with its comments."""
        stream = StringIO()
        self._yaml.dump(self._document, stream)
        return stream.getvalue()

    def save(self, path: Path | None = None) -> None:
        """Write the file, or write a copy to another path."""
        (path or self.path).write_text(self.text())


def with_timeline(config: dict[str, Any], timeline: Sequence[str] | None) -> dict[str, Any]:
    """The configuration, with another timeline if one is given."""
    return config if timeline is None else {**config, "lifeline:timeline": list(timeline)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return str(value)
    return value
