"""Inputs of unknown form: a site that has them is judged or refused, and never passes by a crash."""

from __future__ import annotations

import contextlib
import copy
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.judge import JudgementError, judge, judge_change
from policy.model import Resource, Site
from policy.settings import read_settings
from tests.policy.draft import changed, clean, put

TODAY = date(2026, 11, 26)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all values inside a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, entry in entries for place in ((*path, key), *places(entry, (*path, key)))]


def replaced(inputs: Any, path: tuple[str | int, ...], value: Any) -> Any:
    result = copy.deepcopy(inputs)
    parent = result
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return result


@settings(max_examples=150, deadline=None)
@given(data=st.data(), value=anything)
def test_any_value_at_any_place_is_judged_or_refused(data: st.DataObject, value: Any) -> None:
    resources = clean("primary").resources
    number = data.draw(st.sampled_from([i for i, entry in enumerate(resources) if entry.inputs]))
    entry = resources[number]
    path = data.draw(st.sampled_from(places(dict(entry.inputs))))
    hostile = Resource(
        type=entry.type,
        name=entry.name,
        urn=entry.urn,
        parent=entry.parent,
        inputs=replaced(dict(entry.inputs), path, value),
        protect=entry.protect,
        links=entry.links,
    )
    site = Site(resources=(*resources[:number], hostile, *resources[number + 1 :]))
    for run in (
        lambda: judge(site, settings=read_settings(), today=TODAY),
        lambda: judge_change(clean("primary"), site, settings=read_settings(), today=TODAY),
        lambda: judge_change(site, clean("primary"), settings=read_settings(), today=TODAY),
    ):
        with contextlib.suppress(JudgementError):
            run()


def test_a_policy_that_is_no_json_is_refused_with_the_rules_name() -> None:
    site = changed("primary", put("keys-database", "{", "policy"))
    with pytest.raises(
        JudgementError, match="kms-key-policy-closed cannot judge primary: an input has an unknown form"
    ):
        judge(site, settings=read_settings(), today=TODAY)
