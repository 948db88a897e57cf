"""The resources that exist: what a search finds, before and after a change."""

from __future__ import annotations

import pytest

from rehearsal.world.declared import Declared

TYPE = "aws:ec2/route:Route"


@pytest.fixture
def declared() -> Declared:
    declared = Declared()
    declared.changed(TYPE, "r-1", {"table": "a", "port": 1}, {})
    declared.changed(TYPE, "r-2", {"table": "a", "port": 2}, {})
    declared.changed(TYPE, "r-1", {"table": "b", "port": 1}, {}, region="us-west-2")
    return declared


def ids(declared: Declared, **inputs: object) -> list[tuple[str, str]]:
    return [(entry.region, entry.id) for entry in declared.of(TYPE, **inputs)]


def test_a_search_finds_the_resources_of_a_type_that_have_all_inputs(declared: Declared) -> None:
    assert ids(declared) == [("", "r-1"), ("", "r-2"), ("us-west-2", "r-1")]
    assert ids(declared, table="a") == [("", "r-1"), ("", "r-2")]
    assert ids(declared, table="a", port=2) == [("", "r-2")]
    assert ids(declared, table="a", owner=None) == [("", "r-1"), ("", "r-2")], "an input that none has"
    assert declared.of("aws:ec2/vpc:Vpc") == ()


def test_a_search_that_was_made_before_follows_every_change(declared: Declared) -> None:
    assert ids(declared, table="b") == [("us-west-2", "r-1")]
    declared.changed(TYPE, "r-2", {"table": "b", "port": 2}, {})
    assert ids(declared, table="b") == [("", "r-2"), ("us-west-2", "r-1")]
    declared.deleted(TYPE, "r-1", region="us-west-2")
    assert ids(declared, table="b") == [("", "r-2")]
    assert ids(declared, table="a") == [("", "r-1")]
    assert declared.changes == 5
