"""The mutants: each still changes the program, is named with its outage, and belongs to a link."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.harness import ROOT
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import LINKS, POLICY, REGION_LOSS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_a_mutant_changes_one_place(mutant: Mutant) -> None:
    assert mutant.text(ROOT) != (ROOT / mutant.file).read_text()


def test_a_text_that_is_gone_is_an_error() -> None:
    gone = Mutant("gone", "", "README.md", "a text that is not there", "", "")
    with pytest.raises(ValueError, match="gone: the text occurs 0 times"):
        gone.text(ROOT)


def test_what_notices_a_mutant_exists() -> None:
    others = {mutant.noticed_by for mutant in MUTANTS.values()} - {LINKS, POLICY, REGION_LOSS}
    assert [other for other in others if not (ROOT / other.partition("::")[0]).exists()] == []


def test_no_link_is_left_to_one_mutant() -> None:
    counts = Counter(mutant.link for mutant in MUTANTS.values())
    assert [link for link, number in counts.items() if number < 2] == []
