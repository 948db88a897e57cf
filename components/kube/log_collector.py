"""Fluent Bit, which reads the logs of all pods on each node and sends them to CloudWatch Logs in the site's own region.

It reads files of the node, which the Pod Security Standards forbid: so it has a namespace of its own, without a token
of the API server, and the platform's namespace stays `restricted`. The `cloudwatch_logs` output is Fluent Bit's own.
Sources: Fluent Bit manual, "Tail", "Amazon CloudWatch" and "Buffering and storage".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from components.kube.jobs import selector, service_account
from recovery.naming import LOG_COLLECTOR, LOGGING_NAMESPACE, NAMESPACE

Manifest = dict[str, Any]

IMAGE = "fluent/fluent-bit"
VERSION = "5.1.2"
"""EKS Pod Identity is supported since 4.0. Source: fluent/fluent-bit, pull request 10115."""
STATE = "/var/lib/lifeline-logs"
"""A folder of the node: the positions in the files, and lines that CloudWatch Logs has not taken yet. It survives the
pod, so nothing is sent twice and an hour without CloudWatch Logs loses nothing."""
STATE_LIMIT = "1G"
CONFIG_FILE = "fluent-bit.yaml"
PORT = 2020

GROUP_VARIABLES = {"platform": "PLATFORM_LOG_GROUP", "system": "SYSTEM_LOG_GROUP"}
"""The variables with the log groups: one for the platform's pods, one for all others."""


def objects(*, image: str, region: str, groups: Mapping[str, str], labels: Mapping[str, str]) -> Iterator[Manifest]:
    """The namespace and everything in it, in the order in which they are created.

    Args:
        image: from the site's own registry.
        region: of the log groups.
        groups: the names of the log groups, by the keys of `GROUP_VARIABLES`.
        labels: the labels of the objects.
    """
    yield _namespace(labels)
    yield _closed(labels)
    account = service_account(LOG_COLLECTOR, labels=labels)
    yield account | {"metadata": account["metadata"] | {"namespace": LOGGING_NAMESPACE}}
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": LOG_COLLECTOR, "namespace": LOGGING_NAMESPACE, "labels": dict(labels)},
        "data": {CONFIG_FILE: configuration()},
    }
    yield _daemon_set(
        image, {"AWS_REGION": region} | {GROUP_VARIABLES[key]: name for key, name in groups.items()}, labels
    )


def configuration() -> str:
    """The configuration of Fluent Bit. A file is named `POD_NAMESPACE_CONTAINER-ID.log`."""
    own = f"/var/log/containers/*_{NAMESPACE}_*.log"
    collector = f"/var/log/containers/*_{LOGGING_NAMESPACE}_*.log"
    service = {
        "flush": 5,
        "log_level": "warn",
        "http_server": "on",
        "http_port": PORT,
        "health_check": "on",
        "storage.path": f"{STATE}/buffer",
    }
    pipeline = {
        "inputs": [_input("platform", own), _input("system", "/var/log/containers/*.log", f"{own},{collector}")],
        "outputs": [_output(tag) for tag in GROUP_VARIABLES],
    }
    text = StringIO()
    YAML(typ="safe", pure=True).dump({"service": service, "pipeline": pipeline}, text)
    return text.getvalue()


def _input(tag: str, path: str, exclude: str | None = None) -> Manifest:
    return {
        "name": "tail",
        "tag": f"{tag}.*",
        "path": path,
        **({} if exclude is None else {"exclude_path": exclude}),
        "multiline.parser": "cri",
        "db": f"{STATE}/{tag}.db",
        "read_from_head": True,
        "skip_long_lines": "on",
        "storage.type": "filesystem",
    }


def _output(tag: str) -> Manifest:
    return {
        "name": "cloudwatch_logs",
        "match": f"{tag}.*",
        "region": "${AWS_REGION}",
        "log_group_name": f"${{{GROUP_VARIABLES[tag]}}}",
        # The rest of the stream's name is the tag, which ends in the name of the file.
        "log_stream_prefix": "pods-",
        "log_key": "log",
        # The groups are declared, with a key and a retention. One that is created here would have neither.
        "auto_create_group": False,
        "retry_limit": "no_limits",
        "storage.total_limit_size": STATE_LIMIT,
    }


def _namespace(labels: Mapping[str, str]) -> Manifest:
    levels = {"pod-security.kubernetes.io/enforce": "privileged"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": LOGGING_NAMESPACE, "labels": {**levels, **labels}},
    }


def _closed(labels: Mapping[str, str]) -> Manifest:
    """Nothing reaches the pods but the probes of their node."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed", "namespace": LOGGING_NAMESPACE, "labels": dict(labels)},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []},
    }


def _daemon_set(image: str, variables: Mapping[str, str], labels: Mapping[str, str]) -> Manifest:
    own = selector(LOG_COLLECTOR)
    container = {
        "name": LOG_COLLECTOR,
        "image": image,
        "args": ["--config", f"/configuration/{CONFIG_FILE}"],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "ports": [{"name": "http", "containerPort": PORT}],
        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 30, "failureThreshold": 4},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/configuration", "readOnly": True},
            {"name": "logs", "mountPath": "/var/log", "readOnly": True},
            {"name": "state", "mountPath": STATE},
        ],
    }
    spec = {
        "serviceAccountName": LOG_COLLECTOR,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": "system-node-critical",
        # Every node has logs, also one that takes no other pods.
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 30,
        # The log files of containers belong to root.
        "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "configuration", "configMap": {"name": LOG_COLLECTOR}},
            {"name": "logs", "hostPath": {"path": "/var/log", "type": "Directory"}},
            {"name": "state", "hostPath": {"path": STATE, "type": "DirectoryOrCreate"}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": LOG_COLLECTOR, "namespace": LOGGING_NAMESPACE, "labels": {**own, **labels}},
        "spec": {
            "selector": {"matchLabels": own},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}},
            "revisionHistoryLimit": 3,
            "template": {"metadata": {"labels": own}, "spec": spec},
        },
    }
