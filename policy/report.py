"""A judgement as text, JSON, SARIF and JUnit."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any
from xml.etree import ElementTree as ET

from policy.catalogue import BY_NAME
from policy.judge import Finding, Judgement
from policy.rule import AnyRule, Level

FORMATS = ("text", "json", "sarif", "junit")
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Level.ADVISORY: "warning", Level.MANDATORY: "error"}


def report(judgement: Judgement, form: str, *, source: str) -> str:
    """The judgement in one of the formats.

    Args:
        judgement: of one site.
        form: one of `FORMATS`.
        source: the file that a reader would change, such as `Pulumi.primary.yaml`.
    """
    if form == "json":
        return json.dumps([_as_data(finding) for finding in judgement.findings], indent=2)
    if form == "sarif":
        return json.dumps(_sarif(judgement, source), indent=2)
    return _junit(judgement, source) if form == "junit" else _text(judgement)


def _as_data(finding: Finding) -> dict[str, str]:
    return {
        "policy": finding.policy,
        "level": str(finding.level),
        "resource": finding.resource,
        "message": finding.message,
    }


def _text(judgement: Judgement) -> str:
    lines: list[str] = []
    for finding in judgement.findings:
        lines.append(f"{finding.level}: {finding.policy}: {finding.resource}: {finding.message}")
        rule = BY_NAME.get(finding.policy)
        if rule is not None:
            lines.append(f"  hint: {rule.about.remediation}")
    for finding, exemption in judgement.exempted:
        lines.append(f"exempted until {exemption.until}: {finding.policy}: {finding.resource}: {finding.message}")
        lines.append(f"  reason: {exemption.reason}")
    mandatory = sum(finding.level is Level.MANDATORY for finding in judgement.findings)
    advisory, exempted = len(judgement.findings) - mandatory, len(judgement.exempted)
    summary = f"{len(judgement.rules)} rules: {mandatory} mandatory, {advisory} advisory, {exempted} exempted"
    return "\n".join([*lines, summary])


def _sarif(judgement: Judgement, source: str) -> dict[str, Any]:
    results = [_result(finding, source) for finding in judgement.findings]
    for finding, exemption in judgement.exempted:
        suppression = {"kind": "external", "justification": f"{exemption.reason} (until {exemption.until})"}
        results.append(_result(finding, source) | {"suppressions": [suppression]})
    driver = {"name": "lifeline policy", "rules": [_described(rule) for rule in judgement.rules]}
    return {"version": "2.1.0", "$schema": SARIF_SCHEMA, "runs": [{"tool": {"driver": driver}, "results": results}]}


def _described(rule: AnyRule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "help": {"text": f"{rule.about.remediation} Source: {rule.about.reference}"},
        "properties": {"severity": str(rule.about.severity), "tags": list(rule.about.clauses)},
    }


def _result(finding: Finding, source: str) -> dict[str, Any]:
    place = {"physicalLocation": {"artifactLocation": {"uri": source}}}
    named = {"logicalLocations": [{"name": finding.resource, "kind": "resource"}]}
    return {
        "ruleId": finding.policy,
        "level": _LEVELS[finding.level],
        "message": {"text": f"{finding.resource}: {finding.message}"},
        "locations": [place | named],
    }


def _junit(judgement: Judgement, source: str) -> str:
    """One test case per rule. A rule with mandatory findings fails; advisory ones are its output."""
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in judgement.findings:
        by_rule[finding.policy].append(finding)
    names = [rule.name for rule in judgement.rules]
    names += [name for name in by_rule if name not in names]
    failed = {finding.policy for finding in judgement.findings if finding.level is Level.MANDATORY}
    suite = ET.Element("testsuite", name=source, tests=str(len(names)), failures=str(len(failed)))
    for name in names:
        case = ET.SubElement(suite, "testcase", classname="policy", name=name)
        text = "\n".join(f"{finding.resource}: {finding.message}" for finding in by_rule[name])
        if name in failed:
            ET.SubElement(case, "failure", message=text.partition("\n")[0]).text = text
        elif text:
            ET.SubElement(case, "system-out").text = text
    return ET.tostring(suite, encoding="unicode")
