"""A rule: a plain function, and everything that a reader of its finding needs to know."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.deployment import Step
from policy.model import UNKNOWN, Resource, Site, at


class Level(StrEnum):
    """The consequence of a finding."""

    ADVISORY = "advisory"
    """It is printed."""
    MANDATORY = "mandatory"
    """It stops the deployment."""
    DISABLED = "disabled"
    """The rule does not run."""


class Severity(StrEnum):
    """The damage that the fault can do."""

    CRITICAL = "critical"
    """Data is lost, or people in crisis reach no help."""
    HIGH = "high"
    """A recovery fails or takes longer than promised."""
    MEDIUM = "medium"
    """A second fault is needed."""


@dataclass(frozen=True, kw_only=True)
class About:
    """The facts about a rule besides its function."""

    severity: Severity
    clauses: tuple[str, ...]
    """The paragraphs of HIPAA that it serves, as in `policy.hipaa.CLAUSES`."""
    remediation: str
    reference: str
    """The documentation that it rests on."""
    incident: str | None = None
    """The incident that it would have stopped or shortened, as in `policy.incidents.INCIDENTS`."""
    also: tuple[str, ...] = ()
    """The ids of the same check in checkov, cdk-nag and AWS Config."""
    level: Level = Level.MANDATORY


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of any kind."""

    name: str
    """`<service>-<resource>-<rule>`."""
    title: str
    """The promise that it keeps, in one sentence."""
    about: About
    parameters: dict[str, int]
    """The defaults of its parameters. Each is a number."""


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """A rule that one resource keeps or breaks alone."""

    types: tuple[str, ...]
    check: Callable[..., Iterable[str]]
    """Takes the resource and the parameters; yields a message per fault."""


@dataclass(frozen=True, kw_only=True)
class SiteRule(Rule):
    """A rule about the relations between the resources of one site."""

    check: Callable[..., Iterable[tuple[Resource, str]]]
    """Takes the site and the parameters; yields the resource at fault and a message."""


@dataclass(frozen=True, kw_only=True)
class PairRule(Rule):
    """A rule about the relations between two sites, which no policy over one stack can see."""

    check: Callable[..., Iterable[tuple[Site, Resource, str]]]
    """Takes the two sites and the parameters; yields the site and the resource at fault, and a message."""


@dataclass(frozen=True, kw_only=True)
class StepRule(Rule):
    """A rule about the steps from one configuration to another."""

    check: Callable[..., Iterable[tuple[Step, str]]]
    """Takes the steps and the parameters; yields the step at fault and a message."""


@dataclass(frozen=True, kw_only=True)
class ChangeRule(Rule):
    """A rule about a change of one site."""

    check: Callable[..., Iterable[tuple[Resource, str]]]
    """Takes the site before, the site after and the parameters; yields the resource at fault and a message."""


def resource_rule(name: str, *types: str, about: About) -> Callable[[Callable[..., Iterable[str]]], ResourceRule]:
    """A decorator that makes a function a rule on resources of some types.

    The first line of its docstring is the title. Its keyword arguments are the rule's parameters.
    """

    def decorate(check: Callable[..., Iterable[str]]) -> ResourceRule:
        return ResourceRule(name=name, about=about, types=types, check=check, **_described(check))

    return decorate


def site_rule(name: str, *, about: About) -> Callable[[Callable[..., Iterable[tuple[Resource, str]]]], SiteRule]:
    """A decorator that makes a function a rule on a site, as `resource_rule` does on a resource."""

    def decorate(check: Callable[..., Iterable[tuple[Resource, str]]]) -> SiteRule:
        return SiteRule(name=name, about=about, check=check, **_described(check))

    return decorate


def pair_rule(name: str, *, about: About) -> Callable[[Callable[..., Iterable[tuple[Site, Resource, str]]]], PairRule]:
    """A decorator that makes a function a rule on two sites, as `resource_rule` does on a resource."""

    def decorate(check: Callable[..., Iterable[tuple[Site, Resource, str]]]) -> PairRule:
        return PairRule(name=name, about=about, check=check, **_described(check))

    return decorate


def step_rule(name: str, *, about: About) -> Callable[[Callable[..., Iterable[tuple[Step, str]]]], StepRule]:
    """A decorator that makes a function a rule on steps, as `resource_rule` does on a resource."""

    def decorate(check: Callable[..., Iterable[tuple[Step, str]]]) -> StepRule:
        return StepRule(name=name, about=about, check=check, **_described(check))

    return decorate


def change_rule(name: str, *, about: About) -> Callable[[Callable[..., Iterable[tuple[Resource, str]]]], ChangeRule]:
    """A decorator that makes a function a rule on a change, as `resource_rule` does on a resource."""

    def decorate(check: Callable[..., Iterable[tuple[Resource, str]]]) -> ChangeRule:
        return ChangeRule(name=name, about=about, check=check, **_described(check))

    return decorate


def _described(check: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(check).parameters.values()
    return {
        "title": (inspect.getdoc(check) or "").splitlines()[0],
        "parameters": {entry.name: entry.default for entry in parameters if entry.kind is entry.KEYWORD_ONLY},
    }


def must_be(value: Any, expected: Any, *path: str | int) -> Iterator[str]:
    """A message unless the value at a path is the expected one, or a preview does not know it."""
    actual = at(value.inputs if isinstance(value, Resource) else value, *path)
    if actual is not UNKNOWN and actual != expected:
        yield f"{dotted(path)} is {shown(actual)}, expected {shown(expected)}"


def must_be_set(resource: Resource, *path: str | int) -> Iterator[str]:
    """A message unless there is a value at a path."""
    if resource.get(*path) in (None, ""):
        yield f"{dotted(path)} is not set"


def must_be_protected(resource: Resource) -> Iterator[str]:
    """A message unless Pulumi refuses to delete the resource, or forgets it instead."""
    if not resource.protect and not resource.retained:
        yield "protect is false, expected true"


def must_be_at_least(resource: Resource, least: int, *path: str | int) -> Iterator[str]:
    """A message unless the number at a path is large enough. Without a number, it is not."""
    actual = resource.get(*path)
    if actual is not UNKNOWN and (not isinstance(actual, int | float) or isinstance(actual, bool) or actual < least):
        yield f"{dotted(path)} is {shown(actual)}, expected at least {least}"


def dotted(path: tuple[str | int, ...]) -> str:
    """A path as a reader writes it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value in a message."""
    return "not set" if value is None else json.dumps(value, default=str, sort_keys=True)


AnyRule = ResourceRule | SiteRule | PairRule | StepRule | ChangeRule


REMOTE_COMPONENTS = ("eks:index:Cluster",)
"""Components that another program builds. The engine shows them without inputs, and their children besides."""


def in_site(rule: ResourceRule | SiteRule, site: Site, parameters: dict[str, int]) -> Iterator[tuple[Resource, str]]:
    """The faults of a site under one rule: the resource and the message."""
    settings = rule.parameters | parameters
    if isinstance(rule, SiteRule):
        yield from rule.check(site, **settings)
        return
    for resource in site.of(*rule.types):
        if not resource.inputs and resource.type in REMOTE_COMPONENTS:
            continue
        yield from ((resource, message) for message in rule.check(resource, **settings))
