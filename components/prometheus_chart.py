"""The values of kube-prometheus-stack: Prometheus, its operator, Alertmanager, kube-state-metrics and Grafana.

Plain data, no Pulumi. The chart's own rules and dashboards are off: each rule of this project has a runbook and tests,
and theirs have neither here. Its targets are limited to those that a rule or a dashboard reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.alerts.dashboards import DATA_SOURCE
from components.alerts.model import SCRAPE_SECONDS, duration
from components.alerts.routing import SECRETS_FOLDER, SITE
from components.kube.monitoring import ALERTING_CLASS
from components.kube.services import priority_class
from recovery import objectives

Values = dict[str, Any]

CHART = "kube-prometheus-stack"
CHART_VERSION = "88.5.3"
"""Source: prometheus-community/helm-charts, `charts/kube-prometheus-stack/Chart.yaml`."""
IMAGES: Mapping[str, str] = {
    "grafana/grafana": "docker.io/grafana/grafana:13.2.0",
    "kube-state-metrics/kube-state-metrics": "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0",
    "prometheus-operator/prometheus-config-reloader": "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1",
    "prometheus-operator/prometheus-operator": "quay.io/prometheus-operator/prometheus-operator:v0.93.1",
    "prometheus/alertmanager": "quay.io/prometheus/alertmanager:v0.34.0",
    "prometheus/prometheus": "quay.io/prometheus/prometheus:v3.14.0-distroless",
}
"""The images that this version of the chart runs, by their repository in the site's own registry. The chart names them
by tag, and the repositories' tags are immutable. Source: `helm template` of the chart with these values."""
PROMETHEUS_ACCOUNT, ALERTMANAGER_ACCOUNT = "prometheus", "alertmanager"
"""The service accounts whose pods call AWS."""
STORAGE_CLASS = "lifeline-metrics"
RETENTION = "15d"
"""The time for which each Prometheus keeps its metrics. The store in the other region keeps them for longer."""
DASHBOARDS = "lifeline-dashboards"
"""The ConfigMap of the dashboards, and their folder."""
FULL_NAME = "metrics"
"""The beginning of the names of the chart's objects."""
_DISK_GIB = 50
_ZONE = "topology.kubernetes.io/zone"
_PRIORITY = priority_class(objectives.CRISIS)
"""An alert about the crisis services must not depend on pods of lower priority."""


@dataclass(frozen=True, kw_only=True)
class ChartSettings:
    """The facts of one site that the values contain."""

    site: str
    registry: str
    """The host of the registry in the site's own region."""
    alertmanager: Mapping[str, Any]
    """Alertmanager's configuration. Helm merges it into the chart's own, whose other keys have no effect."""
    remote_write_url: Any
    remote_write_region: str


def values(settings: ChartSettings) -> Values:
    """The chart's values. The keys are those of the chart's `values.yaml`."""
    return {
        "global": {"imageRegistry": settings.registry},
        "fullnameOverride": FULL_NAME,
        "defaultRules": {"create": False},
        "prometheus": _prometheus(settings),
        "alertmanager": _alertmanager(settings),
        "prometheusOperator": _operator(),
        "kube-state-metrics": _state_metrics(),
        "grafana": _grafana(),
        # EKS runs these where no pod can reach them.
        **{name: {"enabled": False} for name in ("kubeControllerManager", "kubeEtcd", "kubeScheduler")},
        # No rule or dashboard reads them.
        **{name: {"enabled": False} for name in ("coreDns", "kubeApiServer", "kubeProxy", "nodeExporter")},
    }


def _prometheus(settings: ChartSettings) -> Values:
    selectors = {
        f"{kind}SelectorNilUsesHelmValues": False for kind in ("podMonitor", "probe", "rule", "scrapeConfig")
    } | {"serviceMonitorSelectorNilUsesHelmValues": False}
    return {
        "serviceAccount": {"name": PROMETHEUS_ACCOUNT},
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "prometheusSpec": {
            **selectors,
            "replicas": 2,
            "scrapeInterval": duration(SCRAPE_SECONDS),
            "scrapeTimeout": duration(SCRAPE_SECONDS // 2),
            "evaluationInterval": duration(SCRAPE_SECONDS),
            "externalLabels": {SITE: settings.site, "cluster": settings.site},
            # The store keeps the samples of one of the two replicas, by this label and `cluster`. Source: Amazon
            # Managed Service for Prometheus User Guide, "Send high availability data".
            "replicaExternalLabelName": "__replica__",
            "prometheusExternalLabelNameClear": True,
            "retention": RETENTION,
            # A full disk would stop Prometheus: the oldest metrics go first.
            "retentionSize": f"{_DISK_GIB * 8 // 10}GB",
            "storageSpec": {"volumeClaimTemplate": {"spec": _disk()}},
            "remoteWrite": [_remote_write(settings)],
            # Each replica has a disk, and a disk is in one zone: so a lost zone takes one of the two at most.
            "podAntiAffinity": "hard",
            "podAntiAffinityTopologyKey": _ZONE,
            "priorityClassName": _PRIORITY,
            "resources": _resources("500m", "2Gi"),
        },
    }


def _remote_write(settings: ChartSettings) -> Values:
    """The store in the other region: what a lost region measured is needed after its loss."""
    return {
        "url": settings.remote_write_url,
        "sigv4": {"region": settings.remote_write_region},
        "queueConfig": {"maxSamplesPerSend": 1000, "maxShards": 50, "capacity": 2500},
    }


def _disk() -> Values:
    return {
        "storageClassName": STORAGE_CLASS,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{_DISK_GIB}Gi"}},
    }


def _alertmanager(settings: ChartSettings) -> Values:
    attributes = {"secretProviderClass": ALERTING_CLASS}
    driver = {"driver": "secrets-store.csi.k8s.io", "readOnly": True, "volumeAttributes": attributes}
    return {
        "serviceAccount": {"name": ALERTMANAGER_ACCOUNT},
        "podDisruptionBudget": {"enabled": True, "minAvailable": 2},
        "config": dict(settings.alertmanager),
        "alertmanagerSpec": {
            # No disk: the three share silences and sent pages, and a pod without a disk may move to another zone.
            "replicas": 3,
            "podAntiAffinity": "soft",
            "podAntiAffinityTopologyKey": _ZONE,
            "volumes": [{"name": ALERTING_CLASS, "csi": driver}],
            "volumeMounts": [{"name": ALERTING_CLASS, "mountPath": SECRETS_FOLDER, "readOnly": True}],
            "priorityClassName": _PRIORITY,
            "resources": _resources("50m", "128Mi"),
        },
    }


def _operator() -> Values:
    return {
        # A webhook that does not answer would refuse every change of a rule. The tests check the rules instead.
        "admissionWebhooks": {"enabled": False},
        "tls": {"enabled": False},
        "resources": _resources("100m", "256Mi"),
        "prometheusConfigReloader": {"resources": _resources("10m", "64Mi")},
    }


def _state_metrics() -> Values:
    return {
        # Alerts page when its metrics are missing, so a lost node must not take all of it.
        "replicas": 2,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "affinity": _apart("kube-state-metrics"),
        "priorityClassName": _PRIORITY,
        # No Secrets: nothing reads their metrics, and listing them would show their values.
        "collectors": ["cronjobs", "deployments", "horizontalpodautoscalers", "jobs", "nodes", "pods"],
        "resources": _resources("50m", "256Mi"),
    }


def _grafana() -> Values:
    return {
        "defaultDashboardsEnabled": False,
        "forceDeployDatasources": False,
        "testFramework": {"enabled": False},
        "rbac": {"create": False},
        "serviceAccount": {"autoMount": False},
        "automountServiceAccountToken": False,
        # Mounted from a ConfigMap, so that no pod needs to read the ConfigMaps and Secrets of the whole cluster.
        "sidecar": {"dashboards": {"enabled": False}, "datasources": {"enabled": False}},
        "datasources": {"datasources.yaml": {"apiVersion": 1, "datasources": [_DATA_SOURCE]}},
        "dashboardProviders": {"providers.yaml": {"apiVersion": 1, "providers": [_PROVIDER]}},
        "dashboardsConfigMaps": {DASHBOARDS: DASHBOARDS},
        # No password: `kubectl port-forward` is the only way in, and everyone who may use it may read.
        "grafana.ini": {
            "auth": {"disable_login_form": True},
            "auth.anonymous": {"enabled": True, "org_role": "Viewer"},
            "analytics": {"check_for_updates": False, "check_for_plugin_updates": False, "reporting_enabled": False},
        },
        "env": {"GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true"},
        "resources": _resources("100m", "512Mi"),
    }


_DATA_SOURCE: Values = {
    "name": "Prometheus",
    "uid": DATA_SOURCE,
    "type": "prometheus",
    "url": f"http://{FULL_NAME}-prometheus:9090",
    "isDefault": True,
    "jsonData": {"timeInterval": duration(SCRAPE_SECONDS)},
}
_PROVIDER: Values = {
    "name": DASHBOARDS,
    "type": "file",
    "disableDeletion": True,
    "allowUiUpdates": False,
    "options": {"path": f"/var/lib/grafana/dashboards/{DASHBOARDS}"},
}


def _apart(name: str) -> Values:
    """One pod of a name per node."""
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
    }
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _resources(cpu: str, memory: str) -> Values:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
