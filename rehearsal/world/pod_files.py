"""The files that pods find: mounted secrets, tokens, and those that a probe looks at."""

from __future__ import annotations

import tempfile
from pathlib import Path


class PodFiles:
    """A folder of this machine for the files of the pods of one cluster, until `delete`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lifeline-pods-")
        self.root = Path(self._folder.name)

    def write(self, name: str, content: str) -> str:
        """Write a file, and return its path."""
        path = self.root / name
        path.write_text(content)
        return str(path)

    def folder(self, name: str, **files: str) -> str:
        """Write files into a folder, and return its path."""
        (self.root / name).mkdir(exist_ok=True)
        for file, content in files.items():
            self.write(f"{name}/{file}", content)
        return str(self.root / name)

    def delete(self) -> None:
        """Delete the folder."""
        self._folder.cleanup()
