"""A web ACL as it was declared: its decision on a request.

AWS's rule groups are not known here. A caller says which of their labels a request gets; the rehearsals' requests get
none. Sources: AWS WAF API reference, "Statement" and "LabelMatchStatement"; AWS WAF Developer Guide, "Web request
labeling".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Plain = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class WebRequest:
    """One request as WAF sees it."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By lower-case names."""
    often: bool = False
    """Whether its address has sent more requests than any limit allows."""
    managed: frozenset[str] = frozenset()
    """The labels that AWS's rule groups give it."""


@dataclass(frozen=True)
class Verdict:
    """The decision, and its reasons."""

    status: int | None
    """The status with which the request is blocked; None if it is allowed."""
    counted: tuple[str, ...]
    """The rules that counted it."""


class UnknownStatementError(Exception):
    """A statement or an action whose meaning is not known here."""


def decide(acl: Plain, request: WebRequest) -> Verdict:
    """Evaluate the rules of a web ACL in their order, until one allows or blocks the request."""
    labels, counted = set[str](), list[str]()
    for rule in sorted(acl["rules"], key=lambda entry: int(entry["priority"])):
        statement = rule["statement"]
        if "managedRuleGroupStatement" in statement:
            if rule["overrideAction"] != {"count": {}}:
                raise UnknownStatementError(f"{rule['name']}: only groups that count are known")
            labels |= request.managed
            continue
        if not _holds(statement, request, labels):
            continue
        labels |= {entry["name"] for entry in rule.get("ruleLabels") or ()}
        (action,) = rule["action"]
        if action == "count":
            counted.append(rule["name"])
        elif action == "block":
            return Verdict(int(rule["action"]["block"]["customResponse"]["responseCode"]), tuple(counted))
        else:
            raise UnknownStatementError(f"{rule['name']}: {action}")
    return Verdict(None if "allow" in acl["defaultAction"] else 403, tuple(counted))


def _holds(statement: Plain, request: WebRequest, labels: set[str]) -> bool:
    ((kind, settings),) = statement.items()
    match kind:
        case "andStatement":
            holds = all(_holds(inner, request, labels) for inner in settings["statements"])
        case "orStatement":
            holds = any(_holds(inner, request, labels) for inner in settings["statements"])
        case "notStatement":
            holds = not _holds(settings["statement"], request, labels)
        case "rateBasedStatement":
            holds = request.often and _holds(settings["scopeDownStatement"], request, labels)
        case "labelMatchStatement":
            holds = _labelled(settings, labels)
        case "byteMatchStatement" if settings["positionalConstraint"] == "STARTS_WITH":
            holds = _text(settings["fieldToMatch"], request).startswith(settings["searchString"])
        case "regexMatchStatement":
            holds = re.search(settings["regexString"], _text(settings["fieldToMatch"], request)) is not None
        case _:
            raise UnknownStatementError(kind)
    return holds


def _labelled(settings: Plain, labels: set[str]) -> bool:
    key = settings["key"]
    return any(label.startswith(key) if settings["scope"] == "NAMESPACE" else label == key for label in labels)


def _text(place: Plain, request: WebRequest) -> str:
    if "uriPath" in place:
        return request.path
    return request.headers.get(place["singleHeader"]["name"], "")
