"""Application load balancers, target groups, listeners and their rules."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain, UnsupportedError

_ACTIONS = {
    "redirect": "RedirectConfig",
    "fixedResponse": "FixedResponseConfig",
    "forward": "ForwardConfig",
    "stickiness": "TargetGroupStickinessConfig",
    "duration": "DurationSeconds",
    "arn": "TargetGroupArn",
}
_BALANCER_ATTRIBUTES = {
    "idleTimeout": "idle_timeout.timeout_seconds",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
}
_GROUP_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "slowStart": "slow_start.duration_seconds",
}
_HEALTH = {
    "enabled": "HealthCheckEnabled",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthyThreshold": "HealthyThresholdCount",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}
_CONDITIONS = {
    "pathPattern": "path-pattern",
    "hostHeader": "host-header",
    "httpHeader": "http-header",
    "httpRequestMethod": "http-request-method",
    "sourceIp": "source-ip",
}


def _attributes(call: Call, names: dict[str, str], keys: frozenset[str] | None = None) -> list[Plain]:
    chosen = (key for key in names if call.inputs.get(key) is not None and (keys is None or key in keys))
    return [{"Key": names[key], "Value": _text(call.inputs[key])} for key in chosen]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_balancer(call: Call) -> Created:
    _refuse_a_second(call)
    made = call.send(
        "CreateLoadBalancer",
        ("name", "subnets", "securityGroups", "ipAddressType", "loadBalancerType", "tags"),
        renames={"loadBalancerType": "Type"},
        Scheme="internal" if call.inputs.get("internal") else "internet-facing",
    )["LoadBalancers"][0]
    arn: str = made["LoadBalancerArn"]
    attributes = [*_attributes(call, _BALANCER_ATTRIBUTES), *_access_logs(call)]
    if attributes:
        call.do("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=attributes)
    suffix = arn.split(":loadbalancer/", 1)[1]
    zone, vpc = made["CanonicalHostedZoneId"], made["VpcId"]
    return arn, {"arn": arn, "arnSuffix": suffix, "dnsName": made["DNSName"], "zoneId": zone, "vpcId": vpc}


def _refuse_a_second(call: Call) -> None:
    """Refuse a load balancer with the name of another one. moto gives it the same DNS name.

    Source: Elastic Load Balancing API Reference, "CreateLoadBalancer", `DuplicateLoadBalancerName`.
    """
    name = call.inputs["name"]
    if name in (known["LoadBalancerName"] for known in call.do("DescribeLoadBalancers")["LoadBalancers"]):
        raise UnsupportedError(f"DuplicateLoadBalancerName: a load balancer with the name '{name}' exists")


def _update_balancer(call: Call) -> Plain:
    if "securityGroups" in call.changed:
        call.do("SetSecurityGroups", LoadBalancerArn=call.id, SecurityGroups=call.inputs["securityGroups"])
    if "subnets" in call.changed:
        call.do("SetSubnets", LoadBalancerArn=call.id, Subnets=call.inputs["subnets"])
    attributes = _attributes(call, _BALANCER_ATTRIBUTES, call.changed)
    attributes += _access_logs(call) if "accessLogs" in call.changed else []
    if attributes:
        call.do("ModifyLoadBalancerAttributes", LoadBalancerArn=call.id, Attributes=attributes)
    return {}


def _access_logs(call: Call) -> list[Plain]:
    logs: Plain | None = call.inputs.get("accessLogs")
    if not logs:
        return []
    values = {"enabled": logs.get("enabled", False), "bucket": logs["bucket"], "prefix": logs.get("prefix")}
    _must_be_writable(call, logs["bucket"])
    return [{"Key": f"access_logs.s3.{key}", "Value": _text(value)} for key, value in values.items() if value]


def _must_be_writable(call: Call, bucket: str) -> None:
    """Elastic Load Balancing writes a test file when logs are turned on; moto does not.

    Source: Elastic Load Balancing, Application Load Balancers, "Enable access logs for your Application Load Balancer",
    "Troubleshooting".
    """
    policy = call.table("s3-policies").get(bucket, {"Statement": []})
    place = f"arn:aws:s3:::{bucket}/AWSLogs/{call.account}/*"
    allowed = [
        entry
        for entry in policy["Statement"]
        if entry["Effect"] == "Allow"
        and entry["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
        and place in entry["Resource"]
    ]
    if not allowed:
        raise UnsupportedError(f"InvalidConfigurationRequest: Access Denied for bucket: {bucket}")


def _delete_balancer(call: Call) -> None:
    if call.outputs.get("enableDeletionProtection"):  # moto would delete it nevertheless
        raise UnsupportedError(f"OperationNotPermitted: load balancer {call.id} has deletion protection")
    call.do("DeleteLoadBalancer", LoadBalancerArn=call.id)


def _health(call: Call) -> Plain:
    check: Plain = dict(call.inputs.get("healthCheck") or {})
    matcher = check.pop("matcher", None)
    shape: Any = call.clients.model("elbv2", "CreateTargetGroup").input_shape
    settings = parameters(shape, check, _HEALTH)
    return settings if matcher is None else {**settings, "Matcher": {"HttpCode": str(matcher)}}


def _create_group(call: Call) -> Created:
    made = call.send(
        "CreateTargetGroup",
        ("name", "protocol", "protocolVersion", "port", "vpcId", "targetType", "ipAddressType", "tags"),
        **_health(call),
    )["TargetGroups"][0]
    arn: str = made["TargetGroupArn"]
    attributes = _attributes(call, _GROUP_ATTRIBUTES)
    if attributes:
        call.do("ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=attributes)
    return arn, {"arn": arn, "arnSuffix": arn.split(":", 5)[5]}


def _update_group(call: Call) -> Plain:
    if "healthCheck" in call.changed:
        call.do("ModifyTargetGroup", TargetGroupArn=call.id, **_health(call))
    attributes = _attributes(call, _GROUP_ATTRIBUTES, call.changed)
    if attributes:
        call.do("ModifyTargetGroupAttributes", TargetGroupArn=call.id, Attributes=attributes)
    return {}


def _certificates(call: Call) -> Plain:
    arn = call.inputs.get("certificateArn")
    return {"Certificates": [{"CertificateArn": arn}]} if arn else {}


def _create_listener(call: Call) -> Created:
    keys = ("loadBalancerArn", "port", "protocol", "sslPolicy", "defaultActions", "tags")
    made = call.send("CreateListener", keys, renames=_ACTIONS, **_certificates(call))["Listeners"][0]
    return made["ListenerArn"], {"arn": made["ListenerArn"]}


def _update_listener(call: Call) -> Plain:
    keys = ("port", "protocol", "sslPolicy", "defaultActions")
    call.send("ModifyListener", keys, renames=_ACTIONS, ListenerArn=call.id, **_certificates(call))
    return {}


def _conditions(call: Call) -> list[Plain]:
    actions: list[Plain] = []
    for condition in call.inputs["conditions"]:
        for key, value in condition.items():
            if value is None:
                continue
            if key not in _CONDITIONS:
                raise UnsupportedError(f"{call.type}: the stand-in does not know conditions of {key}")
            config = {f"{inner[0].upper()}{inner[1:]}": item for inner, item in value.items() if item is not None}
            actions.append({"Field": _CONDITIONS[key], f"{key[0].upper()}{key[1:]}Config": config})
    return actions


def _create_rule(call: Call) -> Created:
    keys = ("listenerArn", "priority", "actions", "tags")
    made = call.send("CreateRule", keys, renames=_ACTIONS, Conditions=_conditions(call))["Rules"][0]
    return made["RuleArn"], {"arn": made["RuleArn"]}


def _update_rule(call: Call) -> Plain:
    if call.changed & {"actions", "conditions"}:
        call.send("ModifyRule", ("actions",), renames=_ACTIONS, RuleArn=call.id, Conditions=_conditions(call))
    if "priority" in call.changed:
        priority = {"RuleArn": call.id, "Priority": int(call.inputs["priority"])}
        call.do("SetRulePriorities", RulePriorities=[priority])
    return {}


ADAPTERS = (
    Adapter(
        type="aws:lb/loadBalancer:LoadBalancer",
        service="elbv2",
        inputs=frozenset(_BALANCER_ATTRIBUTES)
        | words("name namePrefix subnets securityGroups ipAddressType loadBalancerType internal accessLogs"),
        create=_create_balancer,
        update=_update_balancer,
        updates=frozenset(_BALANCER_ATTRIBUTES) | words("securityGroups subnets accessLogs"),
        delete=_delete_balancer,
        name="name",
    ),
    Adapter(
        type="aws:lb/targetGroup:TargetGroup",
        service="elbv2",
        inputs=frozenset(_GROUP_ATTRIBUTES)
        | words("name namePrefix protocol protocolVersion port vpcId targetType ipAddressType healthCheck"),
        create=_create_group,
        update=_update_group,
        updates=frozenset(_GROUP_ATTRIBUTES) | words("healthCheck"),
        delete=remover("DeleteTargetGroup", TargetGroupArn="id"),
        name="name",
    ),
    Adapter(
        type="aws:lb/listener:Listener",
        service="elbv2",
        inputs=words("loadBalancerArn port protocol sslPolicy certificateArn defaultActions"),
        create=_create_listener,
        update=_update_listener,
        updates=words("port protocol sslPolicy certificateArn defaultActions"),
        delete=remover("DeleteListener", ListenerArn="id"),
    ),
    Adapter(
        type="aws:lb/listenerRule:ListenerRule",
        service="elbv2",
        inputs=words("listenerArn priority actions conditions"),
        create=_create_rule,
        update=_update_rule,
        updates=words("priority actions conditions"),
        delete=remover("DeleteRule", RuleArn="id"),
    ),
)
