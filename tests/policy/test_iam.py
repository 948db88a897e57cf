"""IAM's decision, on documents whose effect AWS's guide states."""

from __future__ import annotations

from typing import Any

import pytest

from components.permissions import ledger_keys
from policy.calls import LEADING_KEYS
from policy.iam import Request, UnknownElementError, actions, allows, matches

TABLE = "arn:aws:dynamodb:us-east-2:123456789012:table/t"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Statement": list(statements)}


def allow(action: Any = "dynamodb:GetItem", resource: Any = TABLE, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def get(*keys: str, resource: str = TABLE) -> Request:
    return Request(action="dynamodb:GetItem", resource=resource, context={LEADING_KEYS: keys} if keys else {})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (policy(), False),
        (policy(allow()), True),
        ({"Statement": allow()}, True),
        (policy(allow(["dynamodb:PutItem", "dynamodb:GetItem"])), True),
        (policy(allow("dynamodb:get*")), True),
        (policy(allow("dynamodb:PutItem")), False),
        (policy(allow(resource=f"{TABLE}/index/i")), False),
        (policy(allow(resource=TABLE.upper())), False),
        (policy(allow(resource="arn:aws:dynamodb:*:*:table/?")), True),
        (policy(allow(), allow() | {"Effect": "Deny"}), False),
        (policy(allow() | {"Effect": "Deny"}), False),
    ],
)
def test_a_request_needs_a_statement_that_allows_and_none_that_denies(document: dict[str, Any], expected: bool) -> None:
    assert allows(document, get("event#1")) is expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("event#1",), True),
        (("event#1", "event#2"), True),
        (("epoch#1",), False),
        (("event#1", "epoch#1"), False),
        ((), False),
    ],
)
def test_the_condition_of_the_ledger_admits_its_keys_only_and_requires_keys(
    keys: tuple[str, ...], expected: bool
) -> None:
    assert allows(policy(allow(Condition=ledger_keys("event#*"))), get(*keys)) is expected


def test_a_condition_on_all_values_is_true_without_values() -> None:
    document = policy(allow(Condition={"ForAllValues:StringLike": {LEADING_KEYS: ["event#*"]}}))
    assert allows(document, get())


@pytest.mark.parametrize(
    ("condition", "keys", "expected"),
    [
        ({"StringEquals": {LEADING_KEYS: "a"}}, ("a",), True),
        ({"StringEquals": {LEADING_KEYS: ["b", "a"]}}, ("a",), True),
        ({"StringEquals": {LEADING_KEYS: "a*"}}, ("ab",), False),
        ({"StringEquals": {LEADING_KEYS: "a"}}, (), False),
        ({"StringEquals": {LEADING_KEYS: "a"}}, ("a", "a"), False),
        ({"ForAnyValue:StringEquals": {LEADING_KEYS: "a"}}, ("a", "b"), True),
        ({"ForAnyValue:StringEquals": {LEADING_KEYS: "a"}}, (), False),
        ({"Null": {LEADING_KEYS: "true"}}, (), True),
        ({"Null": {LEADING_KEYS: "true"}}, ("a",), False),
        ({"Null": {LEADING_KEYS: True}}, (), True),
        ({"Null": {LEADING_KEYS: False}}, (), False),
        ({"StringEquals": {LEADING_KEYS: "a", "kms:ViaService": "s"}}, ("a",), False),
    ],
)
def test_every_condition_must_hold(condition: dict[str, Any], keys: tuple[str, ...], expected: bool) -> None:
    assert allows(policy(allow(Condition=condition)), get(*keys)) is expected


@pytest.mark.parametrize(
    "statement",
    [
        allow(Condition={"NumericLessThan": {"s3:max-keys": "10"}}),
        allow(Condition={"ForSomeValue:StringLike": {LEADING_KEYS: "a"}}),
        allow(NotAction="dynamodb:PutItem"),
    ],
)
def test_an_element_without_a_known_meaning_is_refused(statement: dict[str, Any]) -> None:
    with pytest.raises(UnknownElementError):
        allows(policy(statement), get("event#1"))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [("a.[b]*", "a.[b]c", True), ("a.", "ab", False), ("?", "x", True), ("?", "xy", False)],
)
def test_a_pattern_has_two_wildcards_and_nothing_else(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


def test_denied_actions_are_not_among_the_allowed() -> None:
    assert actions(policy(allow(["a:B", "a:C"]), allow("a:D") | {"Effect": "Deny"})) == {"a:B", "a:C"}
