"""The decision of IAM on a request, from one role's policy.

It knows what this program's policies contain. Any other element raises `UnknownElementError`: a policy that cannot be
read grants nothing by silence.
Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition"}


class UnknownElementError(ValueError):
    """A policy has an element whose meaning is not known here."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of an AWS API."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The values of each condition key. A key that the request does not have is absent."""


def allows(document: Mapping[str, Any], request: Request) -> bool:
    """Whether a policy allows a request: a statement allows it and none denies it."""
    effects = [entry["Effect"] for entry in statements(document) if _applies(entry, request)]
    return "Allow" in effects and "Deny" not in effects


def statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The statements of a policy, of which a single one needs no list."""
    return listed(document.get("Statement"))


def actions(document: Mapping[str, Any]) -> set[str]:
    """All actions that statements of a policy allow."""
    return {
        action for entry in statements(document) if entry["Effect"] == "Allow" for action in listed(entry["Action"])
    }


def matches(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern of IAM, with `*` and `?`."""
    return _compiled(pattern).fullmatch(text) is not None


def listed(value: Any) -> list[Any]:
    """A list, which IAM lets an author shorten to its only element."""
    return [] if value is None else value if isinstance(value, list) else [value]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    if unknown := set(statement) - _KNOWN:
        raise UnknownElementError(f"statement {statement.get('Sid')} has {', '.join(sorted(unknown))}")
    # Actions ignore case, resources do not.
    named = any(matches(pattern.lower(), request.action.lower()) for pattern in listed(statement["Action"]))
    if not named or not any(matches(pattern, request.resource) for pattern in listed(statement["Resource"])):
        return False
    return all(
        _holds(operator, listed(expected), request.context.get(key))
        for operator, keys in statement.get("Condition", {}).items()
        for key, expected in keys.items()
    )


def _holds(operator: str, expected: list[str], given: tuple[str, ...] | None) -> bool:
    if operator == "Null":
        # A key without a value is null: IAM User Guide, "Condition operators", ForAllValues.
        return (not given) == (str(expected[0]).lower() == "true")
    quantifier, _, plain = operator.rpartition(":")
    compare = _COMPARISONS.get(plain)
    if compare is None or quantifier not in _QUANTIFIERS:
        raise UnknownElementError(f"the condition operator {operator}")
    values = given or ()
    if not quantifier and len(values) != 1:
        return False
    return _QUANTIFIERS[quantifier](any(compare(pattern, value) for pattern in expected) for value in values)


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda pattern, value: pattern == value,
    "StringLike": matches,
}
_QUANTIFIERS: dict[str, Callable[[Iterable[bool]], bool]] = {"": all, "ForAllValues": all, "ForAnyValue": any}
"""`ForAllValues` is true without values, `ForAnyValue` false."""
