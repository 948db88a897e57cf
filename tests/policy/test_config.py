"""Single edits of a stack file: each that breaks a recovery is refused by the program or by its rule."""

from __future__ import annotations

import pytest

from tests.policy.mutations.config import EDITS, ConfigMutation, refusing

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mutation", EDITS, ids=str)
def test_an_edit_is_refused_by_its_rule(mutation: ConfigMutation) -> None:
    assert mutation.rule in refusing(mutation)
