"""Rules on the way of a request: load balancer, listeners, rules, target groups and pods."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, must_be, must_be_set, resource_rule, shown, site_rule
from policy.rules.network import INGRESS
from policy.rules.workloads import SERVICE, named, selected

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
TARGETS = "aws:lb/targetGroup:TargetGroup"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
BINDING = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
MODERN_TLS = ("ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06")
_ELB = "Elastic Load Balancing, Application Load Balancers"


@resource_rule(
    "elb-loadbalancer-not-deletable",
    BALANCER,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set `enableDeletionProtection: true`.",
        reference=f"{_ELB}, 'Deletion protection'",
        incident="atlassian-2022",
        also=("CKV_AWS_150", "HIPAA.Security-ELBDeletionProtectionEnabled", "elb-deletion-protection-enabled"),
    ),
)
def balancer_not_deletable(balancer: Resource) -> Iterator[str]:
    """AWS refuses to delete a load balancer."""
    yield from must_be(balancer, True, "enableDeletionProtection")


@resource_rule(
    "elb-loadbalancer-drops-bad-headers",
    BALANCER,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(e)(1)",),
        remediation="Set `dropInvalidHeaderFields: true`.",
        reference=f"{_ELB}, 'Load balancer attributes'",
        also=("CKV_AWS_131", "HIPAA.Security-ALBHttpDropInvalidHeaderEnabled", "alb-http-drop-invalid-header-enabled"),
    ),
)
def drops_bad_headers(balancer: Resource) -> Iterator[str]:
    """No request reaches a pod with headers that it may read in another way."""
    yield from must_be(balancer, True, "dropInvalidHeaderFields")


@resource_rule(
    "elb-listener-tls",
    LISTENER,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(e)(1)",),
        remediation="Redirect HTTP to HTTPS, and use a policy with TLS 1.2 and 1.3.",
        reference=f"{_ELB}, 'Security policies for your Application Load Balancer'",
        also=(
            "CKV_AWS_2",
            "CKV_AWS_103",
            "HIPAA.Security-ALBHttpToHttpsRedirection",
            "alb-http-to-https-redirection-check",
        ),
    ),
)
def listener_tls(listener: Resource) -> Iterator[str]:
    """No one sends anything in clear text."""
    if listener.get("protocol") == "HTTPS":
        yield from must_be_set(listener, "certificateArn")
        if listener.get("sslPolicy") not in (*MODERN_TLS, UNKNOWN):
            yield f"sslPolicy is {shown(listener.get('sslPolicy'))}, expected one of {', '.join(MODERN_TLS)}"
        return
    for action in listener.items("defaultActions"):
        yield from must_be(action, "redirect", "type")
        yield from must_be(action, "HTTPS", "redirect", "protocol")


@resource_rule(
    "elb-loadbalancer-logged",
    BALANCER,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(b)",),
        remediation="Set `accessLogs` with a bucket of the same region.",
        reference=f"{_ELB}, 'Access logs for your Application Load Balancer'",
        also=("CKV_AWS_91", "HIPAA.Security-ELBLoggingEnabled", "elb-logging-enabled"),
    ),
)
def balancer_logged(balancer: Resource) -> Iterator[str]:
    """Every request leaves a trace, also one that no pod received."""
    yield from must_be_set(balancer, "accessLogs", "bucket")
    yield from must_be(balancer, True, "accessLogs", "enabled")


@site_rule(
    "elb-loadbalancer-filtered",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)", "164.312(c)(1)"),
        remediation="Associate a web ACL whose blocking rules leave out requests with a label of crisis paths.",
        reference="AWS WAF Developer Guide, 'Associating or disassociating protection with an AWS resource'",
        also=("CKV2_AWS_28", "alb-waf-enabled"),
    ),
)
def balancer_filtered(site: Site) -> Iterator[tuple[Resource, str]]:
    """A flood of requests meets a limit, and no rule of AWS decides alone that a person is an attacker."""
    for balancer in site.of(BALANCER):
        acls = [acl for entry in site.users(balancer, ASSOCIATION, "resourceArn") for acl in _acls(site, entry)]
        if not acls:
            yield balancer, "no web ACL is associated with it"
        for acl in acls:
            rules = acl.items("rules")
            if not any(
                "rateBasedStatement" in rule["statement"] and "block" in rule.get("action", {}) for rule in rules
            ):
                yield acl, "no rule limits the requests of one address"
            for rule in rules:
                if "managedRuleGroupStatement" in rule["statement"] and "none" in rule.get("overrideAction", {}):
                    yield acl, f"the group {rule['name']} blocks by itself, expected that it counts"


def _acls(site: Site, association: Resource) -> Iterator[Resource]:
    return site.linked(association, "webAclArn", WEB_ACL)


@site_rule(
    "elb-targetgroup-path-open",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Connect listener, rule, target group, binding, Service, pods' port and both groups' rules.",
        reference=f"{_ELB}, 'Target groups'; AWS Load Balancer Controller, 'TargetGroupBinding'",
    ),
)
def path_open(site: Site) -> Iterator[tuple[Resource, str]]:
    """A request passes from the load balancer to a pod: no link of its way is missing."""
    forwarded = {urn for entry in site.of(LISTENER) for urn in entry.links.get("defaultActions", ())}
    own: set[str] = set()
    for rule in site.of(RULE):
        by_header = any("httpHeader" in condition for condition in rule.items("conditions"))
        (own if by_header else forwarded).update(rule.links.get("actions", ()))
    opened = {entry.get("fromPort") for entry in site.of(INGRESS) if entry.get("referencedSecurityGroupId")}
    sent = {entry.get("fromPort") for entry in site.of(EGRESS) if entry.get("referencedSecurityGroupId")}
    for group in site.of(TARGETS):
        port = group.get("port")
        if group.urn not in forwarded:
            yield group, "no listener and no rule forwards to it"
        if group.urn not in own:
            yield group, "no rule with a header forwards to it, so that new pods would be ready before it serves"
        if port not in opened:
            yield group, f"no rule lets the load balancer reach the pods on port {port}"
        if port not in sent:
            yield group, f"no rule lets the load balancer send to port {port}"
        bindings = site.users(group, BINDING, "spec")
        if not bindings:
            yield group, "no TargetGroupBinding registers pods in it"
        for binding in bindings:
            yield from _behind(site, binding, port)


def _behind(site: Site, binding: Resource, port: object) -> Iterator[tuple[Resource, str]]:
    name = binding.get("spec", "serviceRef", "name")
    services = named(site, SERVICE, name)
    if not services:
        yield binding, f"spec.serviceRef.name is {name}, expected a Service that the site declares"
    for service in services:
        ports = service.items("spec", "ports")
        if binding.get("spec", "serviceRef", "port") not in [
            entry.get(key) for entry in ports for key in ("name", "port")
        ]:
            yield binding, f"spec.serviceRef.port is not one of {service.name}"
        selector = service.get("spec", "selector")
        pods = selected(site, selector)
        if not pods:
            yield service, f"spec.selector {shown(selector)} selects no Deployment"
        for deployment in pods:
            open_ports = [
                entry.get("containerPort")
                for container in deployment.items("spec", "template", "spec", "containers")
                for entry in container.get("ports") or ()
            ]
            if port not in open_ports:
                yield deployment, f"its pods listen on {shown(open_ports)}, expected {port} too"


RULES = (
    balancer_not_deletable,
    drops_bad_headers,
    listener_tls,
    balancer_logged,
    balancer_filtered,
    path_open,
)
