"""The blackbox exporter, and the probes that it sends to the platform's public endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.alerts.endpoints import ENDPOINTS, PROBE_JOB, PROBER
from components.kube import pods
from components.kube.monitoring import MONITORING_API, pod_monitor
from components.kube.scaling import disruption_budget
from components.kube.services import priority_class
from recovery import objectives
from recovery.naming import MONITORING_NAMESPACE

Manifest = dict[str, Any]

IMAGE = "prometheus/blackbox-exporter:v0.28.0"
"""In the site's own registry. Source: prometheus-community/helm-charts, `charts/prometheus-blackbox-exporter`,
appVersion."""
MODULE = "health"
PORT = 9115
_FOLDER = "/etc/blackbox-exporter"
_USER = 1000
"""Source: prometheus-community/helm-charts, `charts/prometheus-blackbox-exporter/values.yaml`, `securityContext`."""
_SELECTOR = {"app.kubernetes.io/name": PROBER}

SETTINGS: Mapping[str, Any] = {
    "modules": {
        MODULE: {
            "prober": "http",
            "timeout": "4s",
            "http": {
                "method": "GET",
                "fail_if_not_ssl": True,
                # A redirect to another host would hide that this one does not answer.
                "follow_redirects": False,
                # The network has no route for IPv6.
                "preferred_ip_protocol": "ip4",
                "ip_protocol_fallback": False,
            },
        }
    }
}
"""The configuration of the exporter."""


def exporter(*, registry: str, labels: Mapping[str, str]) -> Iterator[Manifest]:
    """The exporter: its configuration, its pods, their address, and the scrape of its own metrics.

    Args:
        registry: the host of the registry in the site's own region.
        labels: the labels of the objects.
    """
    meta = {"name": PROBER, "namespace": MONITORING_NAMESPACE, "labels": {**_SELECTOR, **labels}}
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta,
        "data": {"blackbox.yml": json.dumps(SETTINGS, indent=2)},
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": _SELECTOR},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": 5,
            "template": {"metadata": {"labels": _SELECTOR}, "spec": _pod(f"{registry}/{IMAGE}")},
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "type": "ClusterIP",
            "selector": _SELECTOR,
            "ports": [{"name": pods.METRICS_PORT_NAME, "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        },
    }
    yield disruption_budget(PROBER, _SELECTOR, labels=labels, namespace=MONITORING_NAMESPACE)
    yield pod_monitor(PROBER, MONITORING_NAMESPACE, _SELECTOR, labels=labels)


def _pod(image: str) -> Manifest:
    request = {"httpGet": {"path": "/-/healthy", "port": pods.METRICS_PORT_NAME}}
    container = {
        "name": "exporter",
        "image": image,
        "args": [f"--config.file={_FOLDER}/blackbox.yml"],
        "ports": [{"name": pods.METRICS_PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        "resources": pods.resources(50, 64, cpu_limit_millis=500),
        "securityContext": pods.container_security(),
        "volumeMounts": [{"name": "config", "mountPath": _FOLDER, "readOnly": True}],
        "readinessProbe": {**request, "periodSeconds": 5},
        "livenessProbe": {**request, "periodSeconds": 10, "failureThreshold": 6},
    }
    return {
        **pods.pod_basics(priority_class(objectives.CRISIS), _SELECTOR, user=_USER),
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": PROBER}}],
    }


def probes(*, domain: str, peer: str, labels: Mapping[str, str]) -> Iterator[Manifest]:
    """A Probe for each endpoint. Its name becomes a label of all its metrics.

    Args:
        domain: the platform's domain.
        peer: the name of the other site.
        labels: the labels of the objects.
    """
    for endpoint in ENDPOINTS:
        target = {
            "static": [endpoint.url(domain=domain, peer=peer)],
            "labels": {"endpoint": endpoint.name, "tier": endpoint.tier.name},
        }
        yield {
            "apiVersion": MONITORING_API,
            "kind": "Probe",
            "metadata": {"name": endpoint.name, "namespace": MONITORING_NAMESPACE, "labels": dict(labels)},
            "spec": {
                "jobName": PROBE_JOB,
                "prober": {"url": f"{PROBER}.{MONITORING_NAMESPACE}:{PORT}"},
                "module": MODULE,
                "targets": {"staticConfig": target},
            },
        }
