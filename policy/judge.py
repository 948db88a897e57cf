"""The judgement of a site: every rule over every resource, then the exemptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from policy.catalogue import RULES
from policy.model import Site
from policy.rule import Level, in_site
from policy.settings import Exemption, Settings

EXEMPTIONS = "exemptions"
"""The name under which a mistake of an exemption is reported."""


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

    @property
    def refuses(self) -> bool:
        """Whether a mandatory rule is broken."""
        return any(finding.level is Level.MANDATORY for finding in self.findings)


def judge(site: Site, settings: Settings, *, today: date) -> Judgement:
    """Apply all rules to a site.

    Args:
        site: the resources of one stack.
        settings: levels, parameters and exemptions.
        today: an exemption is valid up to and including its last day.
    """
    accepted = {(entry.rule, entry.resource): entry for entry in settings.exemptions if entry.until >= today}
    findings: list[Finding] = []
    exempted: list[tuple[Finding, Exemption]] = []
    for finding in _findings(site, settings):
        exemption = accepted.get((finding.policy, finding.resource))
        if exemption is None:
            findings.append(finding)
        else:
            exempted.append((finding, exemption))
    findings += _expired(settings, today)
    return Judgement(findings=tuple(sorted(set(findings))), exempted=tuple(exempted))


def _findings(site: Site, settings: Settings) -> Iterator[Finding]:
    for rule in RULES:
        level = settings.level(rule)
        if level is Level.DISABLED:
            continue
        for resource, message in in_site(rule, site, settings.parameters.get(rule.name, {})):
            yield Finding(rule.name, level, resource.name, message)


def _expired(settings: Settings, today: date) -> Iterator[Finding]:
    for entry in settings.exemptions:
        if entry.until < today:
            message = f"the exemption from {entry.rule} ended on {entry.until}: {entry.reason}"
            yield Finding(EXEMPTIONS, Level.MANDATORY, entry.resource, message)
