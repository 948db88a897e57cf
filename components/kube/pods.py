"""Deployments: the services' pods, and the placeholder pods that reserve room for a flip.

Pods meet the Pod Security Standard `restricted`. A service's Deployment declares no `replicas`, because the autoscaler
owns the number (see `scaling`). If it were declared, the next update would remove the pods that a surge had added, or
fail: under server-side apply the autoscaler owns the field (Kubernetes, "Server-Side Apply", transferring ownership).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.kube.services import APP, Service, largest_pod
from recovery import objectives
from recovery.naming import CONFIG_MAP, NAMESPACE

Manifest = dict[str, Any]

CHECKSUM_ANNOTATION = "lifeline/config-checksum"
OWNER, APPLICATION = "database-password", "application-password"
"""The classes that mount the passwords of the database's owner and of the application."""
CREDENTIALS_FILE = "password"
SECRETS_PATHS = {OWNER: "/var/run/secrets/lifeline/database", APPLICATION: "/var/run/secrets/lifeline/application"}
PLACEHOLDER = "placeholder"
PLACEHOLDER_PRIORITY_CLASS = "lifeline-placeholder"

USES_DATABASE = "lifeline/uses-database"
USES_AWS = "lifeline/uses-aws"
"""Pod labels that allow a path in the network policies. Jobs in the namespace may use them too."""

METRICS_PORT, METRICS_PORT_NAME = 9464, "metrics"
"""The port at which every pod serves its metrics, at /metrics. It is not the port of its service, so the load balancer
cannot reach it."""

USER = 10001
_NOBODY = 65535
"""The user of the pause image, which offers no other."""
_DEREGISTRATION_SECONDS = 20
"""A stopping pod keeps answering until the load balancer stops sending traffic to it."""


def deployment(
    service: Service,
    *,
    image: str,
    config_keys: tuple[str, ...],
    checksum: Any,
    labels: Mapping[str, str],
    replicas: int | None = None,
    command: tuple[str, ...] = (),
    **plain: str,
) -> Manifest:
    """The Deployment of one service.

    Args:
        service: the service.
        image: by digest, in the site's own registry.
        config_keys: the keys of the ConfigMap that become environment variables.
        checksum: of those keys' values. A new checksum replaces the pods, because a running container keeps its
            environment.
        labels: the labels of the object.
        replicas: the number of pods; None if an autoscaler owns it.
        command: the command of the container; empty for the image's own.
        plain: more environment variables.
    """
    container = _container(service, image, config_keys, **plain) | ({"command": [*command]} if command else {})
    template = {
        "metadata": {"labels": _pod_labels(service), "annotations": {CHECKSUM_ANNOTATION: checksum}},
        "spec": _pod_spec(service, container),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": service.name, "namespace": NAMESPACE, "labels": {**service.labels, **labels}},
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "selector": {"matchLabels": service.labels},
            # No serving pod stops before a new pod is ready; a rollout may add half as many pods.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "50%"}},
            "minReadySeconds": 5,
            "progressDeadlineSeconds": 300,
            "revisionHistoryLimit": 5,
            "template": template,
        },
    }


def placeholders(*, replicas: int, image: str, labels: Mapping[str, str]) -> Manifest:
    """Pods that only reserve room for a flip. The scheduler evicts them for every other pod."""
    cpu_millis, memory_mib = largest_pod()
    selector = {"app": APP, "component": PLACEHOLDER}
    container = {
        "name": "pause",
        "image": image,
        "resources": resources(cpu_millis, memory_mib, cpu_limit_millis=cpu_millis),
        "securityContext": container_security(),
    }
    spec = {
        **pod_basics(PLACEHOLDER_PRIORITY_CLASS, selector, user=_NOBODY),
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": PLACEHOLDER, "namespace": NAMESPACE, "labels": {**selector, **labels}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 1,
            "template": {"metadata": {"labels": selector}, "spec": spec},
        },
    }


def _pod_labels(service: Service) -> dict[str, str]:
    marks = {USES_DATABASE: service.uses_database, USES_AWS: service.uses_aws}
    return {**service.labels, **{label: "true" for label, applies in marks.items() if applies}}


def _pod_spec(service: Service, container: Manifest) -> Manifest:
    return {
        **pod_basics(service.priority_class, service.labels),
        "serviceAccountName": service.name,
        "terminationGracePeriodSeconds": _DEREGISTRATION_SECONDS + 40,
        "containers": [container],
        "volumes": list(volumes(passwords=_passwords(service))),
    }


def pod_basics(priority_class: str, selector: Mapping[str, str], *, user: int = USER) -> Manifest:
    """The settings of every pod in the namespace: no root, no token, spread over zones and nodes."""
    return {
        "priorityClassName": priority_class,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            _spread("topology.kubernetes.io/zone", "DoNotSchedule", selector),
            _spread("kubernetes.io/hostname", "ScheduleAnyway", selector),
        ],
    }


def _spread(topology: str, when_unsatisfiable: str, selector: Mapping[str, str]) -> Manifest:
    return {
        "topologyKey": topology,
        "maxSkew": 1,
        "whenUnsatisfiable": when_unsatisfiable,
        # Nodes of a lost zone are tainted. Honouring the taints excludes them, so the other zones may take their pods.
        "nodeTaintsPolicy": "Honor",
        "labelSelector": {"matchLabels": dict(selector)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _container(service: Service, image: str, config_keys: tuple[str, ...], **plain: str) -> Manifest:
    return {
        "name": service.short_name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": service.port, "protocol": "TCP"}, metrics_port()],
        "env": list(
            environment(
                config_keys=config_keys,
                password=APPLICATION if service.uses_database else None,
                PORT=str(service.port),
                METRICS_PORT=str(METRICS_PORT),
                **plain,
            )
        ),
        "resources": resources(
            service.cpu_millis, service.memory_mib, cpu_limit_millis=4 * service.cpu_millis, scratch=True
        ),
        "securityContext": container_security(),
        "volumeMounts": list(mounts(passwords=_passwords(service))),
        "lifecycle": {"preStop": {"sleep": {"seconds": _DEREGISTRATION_SECONDS}}},
        **_probes(service),
    }


def metrics_port() -> Manifest:
    """The port of a container's metrics."""
    return {"name": METRICS_PORT_NAME, "containerPort": METRICS_PORT, "protocol": "TCP"}


def volumes(*, passwords: tuple[str, ...], scratch: str = "256Mi") -> Iterator[Manifest]:
    """The volumes of a pod: a writable one, and the passwords that the pod needs."""
    yield {"name": "scratch", "emptyDir": {"sizeLimit": scratch}}
    for password in passwords:
        attributes = {"secretProviderClass": password}
        source = {"driver": "secrets-store.csi.k8s.io", "readOnly": True, "volumeAttributes": attributes}
        yield {"name": password, "csi": source}


def mounts(*, passwords: tuple[str, ...]) -> Iterator[Manifest]:
    """The mount points of those volumes."""
    yield {"name": "scratch", "mountPath": "/tmp"}  # noqa: S108 - a folder of the pod, which no other process can see
    for password in passwords:
        yield {"name": password, "mountPath": SECRETS_PATHS[password], "readOnly": True}


def environment(*, config_keys: tuple[str, ...], password: str | None, **plain: Any) -> Iterator[Manifest]:
    """A container's environment: plain values, keys of the ConfigMap, and the path of the password."""
    yield from ({"name": key, "value": value} for key, value in plain.items())
    for key in config_keys:
        yield {"name": key, "valueFrom": {"configMapKeyRef": {"name": CONFIG_MAP, "key": key}}}
    if password is not None:
        yield {"name": "DB_PASSWORD_FILE", "value": password_file(password)}


def password_file(password: str) -> str:
    """The file of a mounted password."""
    return f"{SECRETS_PATHS[password]}/{CREDENTIALS_FILE}"


def _passwords(service: Service) -> tuple[str, ...]:
    return (APPLICATION,) if service.uses_database else ()


def _probes(service: Service) -> Manifest:
    request = {"path": service.health_path, "port": "http"}
    timeout = objectives.CRISIS_RESPONSE_SECONDS
    return {
        "startupProbe": {
            "httpGet": request,
            "periodSeconds": 5,
            "timeoutSeconds": timeout,
            "failureThreshold": service.startup_seconds // 5,
        },
        "readinessProbe": {"httpGet": request, "periodSeconds": 5, "timeoutSeconds": timeout, "failureThreshold": 2},
        # Slower than the readiness probe: a pod under load leaves the load balancer long before it is restarted.
        "livenessProbe": {"httpGet": request, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
    }


def resources(cpu_millis: int, memory_mib: int, *, cpu_limit_millis: int, scratch: bool = False) -> Manifest:
    """Requests and limits. Memory is never overcommitted."""
    requests = {"cpu": f"{cpu_millis}m", "memory": f"{memory_mib}Mi"}
    limits = {"cpu": f"{cpu_limit_millis}m", "memory": f"{memory_mib}Mi"}
    if scratch:
        requests["ephemeral-storage"], limits["ephemeral-storage"] = "128Mi", "512Mi"
    return {"requests": requests, "limits": limits}


def container_security() -> Manifest:
    """The security context that the Pod Security Standard `restricted` demands."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
