"""One change of the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LINKS = "links"
"""Noticed when both sites are built and every link is used once: `rehearsal.links`."""
POLICY = "policy"
"""Noticed by the policy pack: `lifeline policy`."""
REGION_LOSS = "region-loss"
"""Noticed when the leading region is lost: `lifeline rehearse region-loss`."""


@dataclass(frozen=True)
class Mutant:
    """One text of one file in the place of another."""

    name: str
    link: str
    """The part of a way that it changes."""
    file: str
    old: str
    """Occurs once in the file."""
    new: str
    outage: str
    """The outage that it would cause. Empty for a harmless change."""
    noticed_by: str = LINKS
    """LINKS, POLICY, REGION_LOSS, or the id of a test."""
    site: str = "primary"
    """The site at which the changed program is deployed, if LINKS is to notice it."""
    refused: bool = False
    """Whether AWS refuses the change."""

    def text(self, root: Path) -> str:
        """The changed text of its file.

        Raises:
            ValueError: if the old text does not occur once.
        """
        return self.changed((root / self.file).read_text())

    def changed(self, text: str) -> str:
        """A text in which the new text stands in the place of the old one.

        Raises:
            ValueError: if the old text does not occur once.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: the text occurs {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)
