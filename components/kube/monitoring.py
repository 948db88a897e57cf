"""The objects around Prometheus: its namespace, its targets, and the secrets of Alertmanager.

The namespace refuses connections from outside it. It refuses none to the outside: the discovery of targets needs the
API server at the address of its Service, and the VPC CNI applies policies before that address is translated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.alerts.dashboards import files
from components.kube import jobs
from components.kube.foundation import encrypted_disks, restricted_namespace
from components.kube.pods import METRICS_PORT_NAME
from components.kube.services import SERVED
from recovery.naming import ALERTING_SECRET, CANARY, DATABASE_JOB, EXPORTER, MONITORING_NAMESPACE, NAMESPACE

Manifest = dict[str, Any]

MONITORING_API = "monitoring.coreos.com/v1"
ALERTING_CLASS = "lifeline-alerting"


def namespace(*, labels: Mapping[str, str]) -> Manifest:
    """The namespace of Prometheus."""
    return restricted_namespace(MONITORING_NAMESPACE, labels=labels)


def closed(*, labels: Mapping[str, str]) -> Manifest:
    """Only pods of the namespace reach pods of the namespace. An engineer uses `kubectl port-forward`."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "allow-within", "namespace": MONITORING_NAMESPACE, "labels": dict(labels)},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]},
    }


def dashboards(name: str, *, site: str, labels: Mapping[str, str]) -> Manifest:
    """The ConfigMap whose files Grafana loads."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": MONITORING_NAMESPACE, "labels": dict(labels)},
        "data": files(site),
    }


def storage_class(name: str, *, labels: Mapping[str, str]) -> Manifest:
    """The StorageClass of Prometheus's disks, which may grow. Metrics have no health information."""
    return {**encrypted_disks(name, labels=labels), "allowVolumeExpansion": True}


def alerting_class(keys: tuple[str, ...], *, region: str, labels: Mapping[str, str]) -> Manifest:
    """Mounts the secrets of Alertmanager from Secrets Manager, in the site's own region: a file per key of the JSON.

    Parameters as in the AWS Secrets Manager User Guide, "AWS Secrets and Configuration Provider code examples".
    """
    # An underscore, because JMESPath would need quotes around a name with a hyphen.
    files = [{"path": key.replace("-", "_"), "objectAlias": key} for key in keys]
    secret = {"objectName": ALERTING_SECRET, "objectType": "secretsmanager", "jmesPath": files}
    return {
        "apiVersion": "secrets-store.csi.x-k8s.io/v1",
        "kind": "SecretProviderClass",
        "metadata": {"name": ALERTING_CLASS, "namespace": MONITORING_NAMESPACE, "labels": dict(labels)},
        "spec": {
            "provider": "aws",
            "parameters": {"region": region, "usePodIdentity": "true", "objects": json.dumps([secret])},
        },
    }


def pod_monitors(*, labels: Mapping[str, str]) -> Iterator[Manifest]:
    """The targets in the platform's namespace, under the jobs that the plan's alerts name."""
    for service in SERVED:
        yield pod_monitor(service.name, NAMESPACE, service.labels, labels=labels)
    yield pod_monitor(DATABASE_JOB, NAMESPACE, jobs.selector(EXPORTER), labels=labels)
    for job in (jobs.FENCE, CANARY):
        yield pod_monitor(job, NAMESPACE, jobs.selector(job), labels=labels)


def pod_monitor(job: str, namespace: str, selector: Mapping[str, str], *, labels: Mapping[str, str]) -> Manifest:
    """Scrapes the metrics port of all pods with some labels, as one job. The interval is Prometheus's own."""
    return {
        "apiVersion": MONITORING_API,
        "kind": "PodMonitor",
        "metadata": {"name": job, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "selector": {"matchLabels": dict(selector)},
            "podMetricsEndpoints": [
                {"port": METRICS_PORT_NAME, "relabelings": [{"targetLabel": "job", "replacement": job}]}
            ],
        },
    }
