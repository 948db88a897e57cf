"""The rules as policies of Pulumi's SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from engine.registration import PROVIDER_PREFIX, STACK_TYPE
from policy.catalogue import SITE_RULES
from policy.model import UNKNOWN, Resource, Site
from policy.rule import ResourceRule, Rule, SiteRule, in_site
from policy.settings import Settings

COLLECTOR = "site-resource-read"
_LEVELS = {level.value: level for level in EnforcementLevel}
_SEVERITIES = {severity.value: severity for severity in Severity}


class Pack:
    """The policies of one run of the engine.

    The engine shows each resource with its inputs, and at the end all resources with their outputs. In a preview, an
    object of a cluster that does not exist yet has no outputs. So the pack keeps the inputs for the rules on the site.
    """

    def __init__(self, settings: Settings, *, today: Callable[[], date]) -> None:
        self._settings, self._today = settings, today
        self._inputs: dict[str, Any] = {}

    def policies(self) -> list[Policy]:
        """Every rule as a policy."""
        collector = ResourceValidationPolicy(
            COLLECTOR,
            "Reads the inputs of each resource for the rules on the whole site.",
            self._collect,
            enforcement_level=EnforcementLevel.ADVISORY,
        )
        return [collector, *(self._policy(rule) for rule in SITE_RULES)]

    def _collect(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        self._inputs[args.urn] = plain(args.props)

    def _policy(self, rule: ResourceRule | SiteRule) -> Policy:
        if isinstance(rule, SiteRule):
            return StackValidationPolicy(rule.name, rule.title, self._validate_site(rule), **self._described(rule))
        return ResourceValidationPolicy(rule.name, rule.title, self._validate_resource(rule), **self._described(rule))

    def _validate_resource(self, rule: ResourceRule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            resource = Resource(
                type=args.resource_type,
                name=args.name,
                urn=args.urn,
                inputs=plain(args.props),
                protect=args.opts.protect,
            )
            for _, message in in_site(rule, Site(resources=(resource,)), self._parameters(rule, args.get_config())):
                if not self._is_exempted(rule, args.name):
                    report(message, None)

        return validate

    def _validate_site(self, rule: SiteRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            site = Site(resources=tuple(self._resources(args.resources)))
            for resource, message in in_site(rule, site, self._parameters(rule, args.get_config())):
                if not self._is_exempted(rule, resource.name):
                    report(message, resource.urn)

        return validate

    def _resources(self, resources: Iterable[PolicyResource]) -> Iterator[Resource]:
        for entry in resources:
            if entry.resource_type == STACK_TYPE or entry.resource_type.startswith(PROVIDER_PREFIX):
                continue
            links = {key: tuple(sorted(target.urn for target in targets)) for key, targets in _links(entry)}
            yield Resource(
                type=entry.resource_type,
                name=entry.name,
                urn=entry.urn,
                parent=entry.parent.urn if entry.parent else "",
                # A state that is judged without a run has outputs only, and they contain the inputs.
                inputs=self._inputs.get(entry.urn) or plain(entry.props),
                protect=entry.opts.protect,
                links=links,
            )

    def _parameters(self, rule: Rule, config: Mapping[str, Any]) -> dict[str, int]:
        given = {name: int(config[name]) for name in rule.parameters if name in config}
        return rule.parameters | self._settings.parameters.get(rule.name, {}) | given

    def _is_exempted(self, rule: Rule, resource: str) -> bool:
        return self._settings.exemption(rule.name, resource, today=self._today()) is not None

    def _described(self, rule: ResourceRule | SiteRule) -> dict[str, Any]:
        schema: dict[str, dict[str, Any]] = {name: {"type": "integer"} for name in rule.parameters}
        return {
            "enforcement_level": _LEVELS[self._settings.level(rule).value],
            "config_schema": PolicyConfigSchema(properties=schema) if schema else None,
            "severity": _SEVERITIES[rule.about.severity.value],
            "framework": PolicyComplianceFramework(
                name="HIPAA Security Rule", specification=", ".join(rule.about.clauses)
            ),
            "remediation_steps": rule.about.remediation,
        }


def _links(entry: PolicyResource) -> Iterable[tuple[str, list[PolicyResource]]]:
    return [(key, targets) for key, targets in entry.property_dependencies.items() if targets]


def plain(value: Any) -> Any:
    """A value without the SDK's proxies. A value that a preview does not know becomes UNKNOWN.

    The engine sends every number as a floating one.
    """
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(value, index) for index in range(len(value))]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
