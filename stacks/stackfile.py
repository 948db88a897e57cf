"""Reading and editing a stack's configuration file without losing its comments."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.tokens import CommentToken

PULUMI_KEYS = ("config", "encryptedkey", "encryptionsalt", "environment", "secretsprovider")
"""The keys of a stack file. Source: pulumi/pulumi, `sdk/go/common/workspace/project.go`, `ProjectStack`."""


TIMELINE = "lifeline:timeline"
LONGEST_NAME = 80
"""Characters of a file's name that a message shows."""


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
            raise _no_such_stack(path) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise _no_such_stack(path) from None
            raise StackFileError(f"{path.name}: {error.strerror}") from None
        except (YAMLError, UnicodeDecodeError) as error:
            raise StackFileError(f"{path.name}{_place(error)}: is not YAML: {_reason(error)}") from None
        if not isinstance(self._document, dict) or not isinstance(self._document.get("config"), dict):
            raise StackFileError(f"{path.name}: has no section 'config'")
        self._refuse_ignored_keys()
        self._refuse_quoted_structures()

    def _refuse_ignored_keys(self) -> None:
        """Refuse a key that Pulumi ignores without a word: it would look as if it were set."""
        for key in self._document:
            if key not in PULUMI_KEYS:
                line = self._document.lc.key(key)[0] + 1
                allowed = f"allowed here: {', '.join(PULUMI_KEYS)}"
                hint = "indent it by two spaces, below 'config:'" if ":" in str(key) else allowed
                raise StackFileError(f"{self.path.name}:{line}: Pulumi ignores the key '{key}' here\n  hint: {hint}")

    def _refuse_quoted_structures(self) -> None:
        """Refuse a list or mapping in quotes: it is text, which Pulumi refuses because of the type in Pulumi.yaml."""
        for key, value in self._document["config"].items():
            if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
                line = self._document["config"].lc.key(key)[0] + 1
                hint = "remove the quotes around the list or the mapping"
                raise StackFileError(f"{self.path.name}:{line}: {key} is text\n  hint: {hint}")

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as plain data."""
        return {str(key): _plain(value) for key, value in self._document["config"].items()}

    @property
    def secrets_key(self) -> str | None:
        """The address of the key that encrypts the secrets of the state; None if a passphrase does."""
        value = self._document.get("secretsprovider")
        return None if value is None else str(value)

    def set_secrets_key(self, address: str) -> None:
        """Set the address of the key that encrypts the secrets of the state."""
        self._document["secretsprovider"] = address

    def set(self, key: str, value: Any) -> None:
        """Set one key."""
        self._document["config"][key] = value

    def set_within(self, key: str, inner: str, value: Any) -> None:
        """Set one key of a section, and keep the others with their comments. A section that is missing is made."""
        self._document["config"].setdefault(key, {})[inner] = value

    def change(self, values: Mapping[str, Any]) -> None:
        """Change some keys. Of a list and of a section, what stays the same keeps its comments. None removes a key."""
        config = self._document["config"]
        for key, value in values.items():
            present = config.get(key)
            if value is None:
                config.pop(key, None)
            elif isinstance(present, dict) and isinstance(value, dict):
                for inner in [name for name in present if name not in value]:
                    del present[inner]
                present.update({name: new for name, new in value.items() if _plain(present.get(name)) != new})
            elif key == TIMELINE and [str(entry) for entry in present] == list(value[: len(present)]):
                for entry in value[len(present) :]:
                    self.append_to_timeline(entry)
            else:
                config[key] = value

    def append_to_timeline(self, entry: str) -> None:
        """Append one entry to the timeline: the only edit of a failover."""
        entries: Any = self._document["config"][TIMELINE]
        entries.append(entry)
        if isinstance(entries, CommentedSeq):
            _keep_what_follows(entries)

    def text(self) -> str:
        """The file's content, with its comments."""
        stream = StringIO()
        self._yaml.dump(self._document, stream)
        return stream.getvalue()

    def save(self, path: Path | None = None) -> None:
        """Write the file, or write a copy to another path. A process that is killed meanwhile leaves the old file."""
        file = path or self.path
        scratch = file.with_name(f"{file.name}.new")
        scratch.write_text(self.text())
        if file.exists():
            shutil.copymode(file, scratch)
        scratch.replace(file)


def _keep_what_follows(entries: CommentedSeq) -> None:
    """Let what followed a list follow the entry that was appended.

    The parser holds an empty line, or comments in lines of their own, to be a comment on the last entry.
    """
    last = len(entries) - 1
    (token, *_) = entries.ca.items.get(last - 1, [None])
    if token is None:
        return
    own, _, following = token.value.partition("\n")
    if following:
        token.value = f"{own}\n"
        entries.ca.items[last] = [CommentToken(f"\n{following}", token.start_mark), None, None, None]
        if not own:
            del entries.ca.items[last - 1]


def _no_such_stack(path: Path) -> StackFileError:
    name = _short(path.stem)
    if "/" in path.stem or not path.parent.is_dir():  # a name with slashes
        return StackFileError(f"{name}: a stack has no slash in its name\n  hint: give the name alone, as in the file")
    stacks = ", ".join(sorted(other.name.split(".")[1] for other in path.parent.glob("Pulumi.*.yaml")))
    return StackFileError(f"{name}.yaml: no such stack\n  hint: this folder has {stacks or 'no stack file'}")


def _short(name: str) -> str:
    """A name that fits a line."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _place(error: YAMLError | UnicodeDecodeError) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f":{mark.line + 1}:{mark.column + 1}"


def _reason(error: YAMLError | UnicodeDecodeError) -> str:
    """The parser's words, without the text of the file and its own place."""
    words = (getattr(error, name, None) for name in ("context", "problem"))
    return ", ".join(word for word in words if word) or str(error).splitlines()[0]


def with_timeline(config: dict[str, Any], timeline: Sequence[str] | None) -> dict[str, Any]:
    """The configuration, with another timeline if one is given."""
    return config if timeline is None else {**config, TIMELINE: list(timeline)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return str(value)
    return value
