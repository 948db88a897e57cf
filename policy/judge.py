"""The judgement of a site: every rule over every resource, then the exemptions."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from engine.deployment import Step
from policy.catalogue import CHANGE_RULES, PAIR_RULES, SITE_RULES, STEP_RULES
from policy.change import steps_of
from policy.model import Resource, Site
from policy.rule import AnyRule, ChangeRule, Level, PairRule, ResourceRule, SiteRule, StepRule, in_site
from policy.settings import Exemption, Settings

_Judged = TypeVar("_Judged", ResourceRule | SiteRule | PairRule, StepRule, ChangeRule)
EXEMPTIONS = "exemptions"
"""The name under which a mistake of an exemption is reported."""


class JudgementError(Exception):
    """A site whose resources have another form than their types have."""


@dataclass(frozen=True, order=True)
class Finding:
    """One fault of one resource under one rule."""

    policy: str
    level: Level
    resource: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The findings that count, and those that an exemption accepts."""

    findings: tuple[Finding, ...]
    exempted: tuple[tuple[Finding, Exemption], ...]
    rules: tuple[AnyRule, ...]
    """The rules that ran."""

    @property
    def refuses(self) -> bool:
        """Whether a mandatory rule is broken."""
        return any(finding.level is Level.MANDATORY for finding in self.findings)


def judge(*sites: Site, settings: Settings, today: date) -> Judgement:
    """Apply all rules to one site, or to two sites and the relations between them.

    Args:
        sites: the resources of one stack, or of both.
        settings: levels, parameters and exemptions.
        today: an exemption is valid up to and including its last day.

    Raises:
        JudgementError: if a rule cannot read a resource. Such a site is never passed.
    """
    findings: list[Finding] = []
    exempted: list[tuple[Finding, Exemption]] = []
    for site, resource, finding in _findings(sites, settings):
        exemption = settings.exemption(finding.policy, resource.name, today=today)
        # Two sites have resources of the same names.
        shown = finding if len(sites) == 1 else replace(finding, resource=f"{site.name}/{resource.name}")
        if exemption is None:
            findings.append(shown)
        else:
            exempted.append((shown, exemption))
    findings += _expired(settings, today)
    rules = _enabled(_rules(sites), settings)
    return Judgement(findings=tuple(sorted(set(findings))), exempted=tuple(exempted), rules=rules)


def judge_steps(steps: Sequence[Step], *, settings: Settings) -> Judgement:
    """Apply the rules on transitions. No exemption accepts their findings."""
    rules = _enabled(STEP_RULES, settings)
    findings = {
        Finding(rule.name, settings.level(rule), step.name, message)
        for rule in rules
        for step, message in rule.check(steps)
    }
    return Judgement(findings=tuple(sorted(findings)), exempted=(), rules=rules)


def judge_change(before: Site, after: Site, *, settings: Settings, today: date) -> Judgement:
    """Apply the rules on a change and on its steps. Exemptions accept findings about the change, not about a step.

    Raises:
        JudgementError: if a rule cannot read a resource.
        ChangeError: if they are two sites, or a changed resource is of an unknown type.
    """
    rules = _enabled(CHANGE_RULES, settings)
    of_steps = judge_steps(steps_of(before, after), settings=settings)
    findings = set(of_steps.findings)
    exempted: list[tuple[Finding, Exemption]] = []
    for rule in rules:
        with _readable(rule, (before, after)):
            faults = list(rule.check(before, after))
        for resource, message in faults:
            finding = Finding(rule.name, settings.level(rule), resource.name, message)
            exemption = settings.exemption(rule.name, resource.name, today=today)
            if exemption is None:
                findings.add(finding)
            else:
                exempted.append((finding, exemption))
    return Judgement(findings=tuple(sorted(findings)), exempted=tuple(exempted), rules=(*of_steps.rules, *rules))


def together(*judgements: Judgement) -> Judgement:
    """Several judgements by different rules as one."""
    return Judgement(
        findings=tuple(finding for judgement in judgements for finding in judgement.findings),
        exempted=tuple(entry for judgement in judgements for entry in judgement.exempted),
        rules=tuple(rule for judgement in judgements for rule in judgement.rules),
    )


def _enabled(rules: tuple[_Judged, ...], settings: Settings) -> tuple[_Judged, ...]:
    return tuple(rule for rule in rules if settings.level(rule) is not Level.DISABLED)


def _rules(sites: Sequence[Site]) -> tuple[ResourceRule | SiteRule | PairRule, ...]:
    return (*SITE_RULES, *PAIR_RULES) if len(sites) == 2 else SITE_RULES


def _findings(sites: Sequence[Site], settings: Settings) -> Iterator[tuple[Site, Resource, Finding]]:
    for rule in _enabled(_rules(sites), settings):
        with _readable(rule, sites):
            faults = list(_faults(rule, sites, settings.parameters.get(rule.name, {})))
        for site, resource, message in faults:
            yield site, resource, Finding(rule.name, settings.level(rule), resource.name, message)


@contextmanager
def _readable(rule: AnyRule, sites: Sequence[Site]) -> Generator[None]:
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        names = " and ".join(dict.fromkeys(site.name for site in sites))
        raise JudgementError(f"{rule.name} cannot judge {names}: an input has an unknown form: {error!r}") from error


def _faults(
    rule: ResourceRule | SiteRule | PairRule, sites: Sequence[Site], parameters: dict[str, int]
) -> Iterator[tuple[Site, Resource, str]]:
    if isinstance(rule, PairRule):
        yield from rule.check(*sites, **rule.parameters | parameters)
    else:
        yield from ((site, *fault) for site in sites for fault in in_site(rule, site, parameters))


def _expired(settings: Settings, today: date) -> Iterator[Finding]:
    for entry in settings.exemptions:
        if entry.until < today:
            message = f"the exemption from {entry.rule} ended on {entry.until}: {entry.reason}"
            yield Finding(EXEMPTIONS, Level.MANDATORY, entry.resource, message)
