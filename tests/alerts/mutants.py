"""Mutants of alerting rules: each is a rule with one small mistake, which the cases of the rule must catch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser

from components.alerts.model import Alert, Rule, duration
from tests.alerts.promtool import DOMAIN

_OPERATORS = {"==": ("!=", "<", ">"), "<": ("<=", ">"), "<=": ("<", ">"), ">=": (">", "<"), ">": (">=", "<")}
_AGGREGATIONS = ("max", "min", "sum", "avg", "count", "group")
_COMPARISON = re.compile(r" (==|<=|>=|<|>) ")
_AGGREGATION = re.compile(rf"\b({'|'.join(_AGGREGATIONS)})\b(?= ?(?:by \([\w, ]+\) )?\()")
_NUMBER = re.compile(r"(?<= )(\d+)\b")
_RANGE = re.compile(r"\[(\d+)[mhd]\]")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')
_CLAUSES = (
    (re.compile(r"^vector\(1\) unless \((.*)\)$"), r"\1"),
    (re.compile(r"^vector\(1\) unless "), "vector(1) and "),
    (re.compile(r"\((.*) and .*\)$"), r"(\1)"),
    (re.compile(r"\(.* and (.*)\)$"), r"(\1)"),
    (re.compile(r"\((.*) unless [^()]*\([^()]*\)[^()]*\)$"), r"(\1)"),
    (re.compile(r"(?<=== 1) unless "), " and "),
    (re.compile(r" by \([\w, ]+\)"), ""),
    (re.compile(r"\bby \(\w+, "), "by ("),
    (re.compile(r"\b1 - "), ""),
    (re.compile(r" - time\(\)$"), ""),
    (re.compile(r"^time\(\) - (?=[^<]*$)"), ""),
    (re.compile(r"avg_over_time"), "max_over_time"),
    (re.compile(r"\brate\("), "increase("),
    (re.compile(r"\bby \("), "without ("),
)


@dataclass(frozen=True)
class Mutant:
    """A rule with one mistake, under a name of its own."""

    original: Rule
    rule: Rule

    @property
    def name(self) -> str:
        """The name under which Prometheus sees it."""
        return str(self.rule["alert"])

    @property
    def is_equivalent(self) -> bool:
        """Whether no sample can tell it from its rule: in the escalation, another aggregation over the same series.

        Proof: every aggregation yields one sample for each group that has a series. They differ in the value of that
        sample, which nothing compares, and an alert's labels and annotations do not contain its value.
        """
        before, after = (_AGGREGATION.sub("group", str(rule["expr"])) for rule in (self.original, self.rule))
        return before == after and before.startswith("group by") and self.rule["for"] == self.original["for"]


def mutants(alert: Alert) -> Iterator[Mutant]:
    """All mutants of an alert's rule that are PromQL."""
    rule, wait = alert.rule(DOMAIN), alert.wait_seconds
    changes = [{"expr": expr} for expr in expressions(str(rule["expr"]))]
    changes += [{"for": duration(seconds)} for seconds in ((0, wait // 2, wait * 2) if wait else (60,))]
    for number, change in enumerate(changes):
        yield Mutant(rule, {**rule, **change, "alert": f"{rule['alert']}_{number}"})


def expressions(expr: str) -> list[str]:
    """All mutants of an expression that are PromQL."""
    return [changed for changed in dict.fromkeys(_expressions(expr)) if changed != expr and _is_promql(changed)]


def _expressions(expr: str) -> Iterator[str]:
    for found in _COMPARISON.finditer(expr):
        for operator in _OPERATORS[found[1]]:
            yield f"{expr[: found.start(1)]}{operator}{expr[found.end(1) :]}"
    for found in _AGGREGATION.finditer(expr):
        for aggregation in _AGGREGATIONS:
            yield f"{expr[: found.start()]}{aggregation}{expr[found.end() :]}"
    for found in _NUMBER.finditer(expr):
        for number in {int(found[1]) + 1, int(found[1]) - 1, int(found[1]) * 2, int(found[1]) // 2}:
            yield f"{expr[: found.start()]}{number}{expr[found.end() :]}"
    for found in _RANGE.finditer(expr):
        for number in (int(found[1]) * 2, int(found[1]) // 2):
            yield f"{expr[: found.start(1)]}{number}{expr[found.end(1) :]}"
    yield from _matchers(expr)
    for pattern, replacement in _CLAUSES:
        yield pattern.sub(replacement, expr, count=1)


def _matchers(expr: str) -> Iterator[str]:
    for braces in _MATCHERS.finditer(expr):
        matchers = [match[0] for match in _MATCHER.finditer(braces[1])]
        for index, matcher in enumerate(matchers):
            others = matchers[:index] + matchers[index + 1 :]
            negated = re.sub(r"=~?", lambda sign: "!~" if sign[0] == "=~" else "!=", matcher, count=1)
            for changed in (others, [*others, negated], *([*others, narrower] for narrower in _narrower(matcher))):
                yield f"{expr[: braces.start()]}{{{', '.join(changed)}}}{expr[braces.end() :]}"


def _narrower(matcher: str) -> Iterator[str]:
    """A matcher by a regular expression, without one of its alternatives."""
    name, sign, text = _MATCHER.findall(matcher)[0]
    alternatives = text.split("|") if sign == "=~" else []
    for alternative in alternatives:
        yield f'{name}=~"{"|".join(other for other in alternatives if other != alternative)}"'


def _is_promql(expr: str) -> bool:
    try:
        promql_parser.parse(expr)
    except ValueError:
        return False
    return True
