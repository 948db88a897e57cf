"""The file of an engineer who has looked at everything."""

from __future__ import annotations

from recovery.timeline import DatabaseId
from tests.walk_files import newest_timeline
from tests.walk_model import Cloud


def test_the_ledger_decides_an_entry_in_the_middle() -> None:
    """An outdated file claimed epoch 2 for another database after the newest file was written."""
    claims = {1: DatabaseId("primary", 1), 2: DatabaseId("secondary", 1), 3: DatabaseId("primary", 1)}
    file = {"lifeline:timeline": ["primary-1", "secondary-2", "primary-1"], "lifeline:discards": []}
    newest, history = newest_timeline([], Cloud(claims=claims, files={3: file}), set())
    assert history == [*claims.values()]
    assert newest == {"lifeline:timeline": ["primary-1", "secondary-1", "primary-1"], "lifeline:discards": [2]}
