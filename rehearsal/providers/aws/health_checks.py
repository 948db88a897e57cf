"""Health checks of Route 53, in a form that a DNS evaluator can read back with boto3."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain, digest

_CHECK_NAMES = {
    "fqdn": "FullyQualifiedDomainName",
    "ipAddress": "IPAddress",
    "invertHealthcheck": "Inverted",
    "childHealthchecks": "ChildHealthChecks",
    "childHealthThreshold": "HealthThreshold",
    "enableSni": "EnableSNI",
}
_CHECK_KEYS = words(
    "type fqdn ipAddress port resourcePath searchString requestInterval failureThreshold measureLatency"
    " invertHealthcheck disabled enableSni childHealthchecks childHealthThreshold regions"
)
_CHECK_FIXED = words("type requestInterval measureLatency")


def _check_config(call: Call, keys: frozenset[str]) -> Plain:
    shape: Any = call.clients.model("route53", "CreateHealthCheck").input_shape
    values = {key: call.inputs[key] for key in sorted(keys) if call.inputs.get(key) is not None}
    return parameters(shape.members["HealthCheckConfig"], values, _CHECK_NAMES)


def _create_check(call: Call) -> Created:
    made = call.do(
        "CreateHealthCheck", CallerReference=digest(call.urn, 32), HealthCheckConfig=_check_config(call, _CHECK_KEYS)
    )
    id_: str = made["HealthCheck"]["Id"]
    tag(call, "healthcheck", id_)
    return id_, {"arn": f"arn:aws:route53:::healthcheck/{id_}"}


def _update_check(call: Call) -> Plain:
    """Send every input that can change: moto drops the regions of a health check that is updated without them."""
    call.do("UpdateHealthCheck", HealthCheckId=call.id, **_check_config(call, _CHECK_KEYS - _CHECK_FIXED))
    return {}


def tag(call: Call, kind: str, id_: str) -> None:
    """Tag a resource of Route 53, which takes no tags at creation."""
    if call.tag_list:
        call.do("ChangeTagsForResource", ResourceType=kind, ResourceId=id_, AddTags=call.tag_list)


ADAPTERS = (
    Adapter(
        type="aws:route53/healthCheck:HealthCheck",
        service="route53",
        inputs=_CHECK_KEYS,
        create=_create_check,
        update=_update_check,
        updates=_CHECK_KEYS - _CHECK_FIXED,
        delete=remover("DeleteHealthCheck", HealthCheckId="id"),
    ),
)
