"""The way of a request from a load balancer, by the declared rule, target group, binding, Service and pods."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.firewall import WebRequest, decide

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
WEB_ACL_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
HTTPS_PORT = 443

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Destination:
    """The pods that get a request."""

    cluster: KubernetesApi
    namespace: str
    deployment: str


class Fronts:
    """Every load balancer with its HTTPS listener and its rules, as the account's effects report them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._listeners: dict[str, str] = {}
        self._rules: dict[str, Plain] = {}
        self._acls: dict[str, Plain] = {}
        self._associations: dict[str, Plain] = {}
        self._known: dict[tuple[str, str], Plain] = {}
        """The actions that were found since the last change: every request asks several times."""

    def changed(self, type_: str, id_: str, inputs: Plain, outputs: Plain) -> None:
        """Note a resource that was created or updated."""
        with self._lock:
            self._known = {}
            if type_ == BALANCER:
                self._names[id_] = str(outputs["dnsName"])
            elif type_ == LISTENER and inputs["port"] == HTTPS_PORT:
                self._listeners[id_] = str(inputs["loadBalancerArn"])
            elif type_ == RULE:
                self._rules[id_] = inputs
            elif type_ == WEB_ACL:
                self._acls[str(outputs["arn"])] = inputs
            elif type_ == WEB_ACL_ASSOCIATION:
                self._associations[id_] = inputs

    def deleted(self, id_: str) -> None:
        """Forget a resource."""
        with self._lock:
            self._known = {}
            for known in (self._names, self._listeners, self._rules, self._associations):
                known.pop(id_, None)

    def refusal(self, name: str, request: WebRequest) -> int | None:
        """The status with which the web ACL of a load balancer blocks a request; None if it does not.

        Args:
            name: the load balancer's DNS name.
            request: the request.
        """
        with self._lock:
            balancers = {id_ for id_, known in self._names.items() if known == name}
            acls = [
                self._acls[entry["webAclArn"]]
                for entry in self._associations.values()
                if entry["resourceArn"] in balancers
            ]
        statuses = [decide(acl, request).status for acl in acls]
        return next((status for status in statuses if status is not None), None)

    def target(self, name: str, path: str, headers: Plain | None = None) -> str | None:
        """The ARN of the target group that a request goes to; None if no rule leads to one, which answers 503.

        Args:
            name: the load balancer's DNS name.
            path: the request's path.
            headers: the request's headers.
        """
        action = self._action(name, path, headers)
        return str(action["targetGroupArn"]) if action["type"] == "forward" else None

    def page(self, name: str, path: str, headers: Plain | None = None) -> tuple[int, str] | None:
        """The status and the body with which the load balancer answers by itself; None if it does not.

        Args:
            name: the load balancer's DNS name.
            path: the request's path.
            headers: the request's headers.
        """
        answer = self._action(name, path, headers).get("fixedResponse")
        return (int(answer["statusCode"]), str(answer["messageBody"])) if answer else None

    def _action(self, name: str, path: str, headers: Plain | None) -> Plain:
        known = self._known
        if headers:
            return self._find_action(name, path, headers)
        if (name, path) not in known:
            known[name, path] = self._find_action(name, path, {})
        return known[name, path]

    def _find_action(self, name: str, path: str, headers: Plain) -> Plain:
        with self._lock:
            listeners = {id_ for id_, balancer in self._listeners.items() if self._names.get(balancer) == name}
            rules = [rule for rule in self._rules.values() if rule["listenerArn"] in listeners]
        for rule in sorted(rules, key=lambda entry: int(entry["priority"])):
            if all(_matches(condition, path, headers) for condition in rule["conditions"]):
                return rule["actions"][0]
        return {"type": "none"}


def _matches(condition: Plain, path: str, headers: Plain) -> bool:
    if "httpHeader" in condition:
        header = condition["httpHeader"]
        return any(fnmatchcase(headers.get(header["httpHeaderName"], ""), value) for value in header["values"])
    return any(fnmatchcase(path, pattern) for pattern in condition["pathPattern"]["values"])


def destination(target: str, clusters: Iterable[KubernetesApi]) -> Destination | None:
    """The pods that a cluster's binding registers in a target group; None if there is no binding."""
    for cluster in clusters:
        for binding in cluster.view("TargetGroupBinding"):
            if binding["spec"]["targetGroupARN"] == target:
                namespace = binding["metadata"]["namespace"]
                service = cluster.look("v1", "Service", binding["spec"]["serviceRef"]["name"], namespace)
                deployments = cluster.view("Deployment", namespace=namespace) if service else ()
                for deployment in deployments:
                    labels = deployment["spec"]["template"]["metadata"]["labels"]
                    if service and service["spec"]["selector"].items() <= labels.items():
                        return Destination(cluster, namespace, deployment["metadata"]["name"])
    return None
