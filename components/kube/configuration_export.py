"""The CronJob that exports the namespace's objects, and the Role with which it lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.kube import jobs
from components.kube.cron import cron_job
from recovery.naming import CONFIGURATION_CRON_JOB, NAMESPACE

Manifest = dict[str, Any]

SCHEDULE = "47 6 * * *"
"""Every day, in UTC: before the dump."""
EXPORTED: Mapping[str, tuple[str, ...]] = {
    "": (
        "configmaps",
        "limitranges",
        "persistentvolumeclaims",
        "pods",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "discovery.k8s.io": ("endpointslices",),
    "elbv2.k8s.aws": ("targetgroupbindings",),
    "monitoring.coreos.com": ("podmonitors", "prometheusrules", "servicemonitors"),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
    "rbac.authorization.k8s.io": ("rolebindings", "roles"),
    "secrets-store.csi.x-k8s.io": ("secretproviderclasses",),
}
"""The kinds of objects that the job may list, by API group.

No Secret: whoever may list Secrets can read their values. The export names the Secrets that pods refer to. The manifest
of an export names every kind that the cluster has and the job may not list.
"""
CREDENTIALS_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Kubernetes mounts a token and the API server's certificate authority into it."""
_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class ExportPlace:
    """The API server and the buckets of the export."""

    api_server: Any
    """The address of the API server. The address of the Service `kubernetes` would not do: the VPC CNI applies network
    policies before the Service's address is translated."""
    bucket: str
    copy_bucket: str
    copy_region: str
    state_bucket: str
    state_key: str
    repository: Mapping[str, str]
    """REPOSITORY_URL, REPOSITORY_BRANCH and REPOSITORY_TOKEN_SECRET; empty if exports are not pushed."""


def configuration_export(place: ExportPlace, *, image: str, labels: Mapping[str, str]) -> Manifest:
    """The daily export. `kubectl create job --from=cronjob/configuration-export NAME` makes one at once."""
    own = jobs.container(
        CONFIGURATION_CRON_JOB,
        image,
        ("AWS_REGION", "SITE"),
        database=False,
        NAMESPACE=NAMESPACE,
        API_SERVER=place.api_server,
        CREDENTIALS_FOLDER=CREDENTIALS_FOLDER,
        STATE_BUCKET=place.state_bucket,
        STATE_KEY=place.state_key,
        BACKUP_BUCKET=place.bucket,
        COPY_BUCKET=place.copy_bucket,
        COPY_REGION=place.copy_region,
        DEADLINE_SECONDS=str(_SECONDS),
    )
    own["env"] += [{"name": name, "value": value} for name, value in place.repository.items()]
    return cron_job(
        CONFIGURATION_CRON_JOB,
        SCHEDULE,
        # The only pod of the namespace that gets a token of the API server.
        jobs.pod_spec(CONFIGURATION_CRON_JOB, own, database=False) | {"automountServiceAccountToken": True},
        seconds=_SECONDS,
        pod_labels=jobs.pod_labels(CONFIGURATION_CRON_JOB, database=False),
        labels=labels,
    )


def role(*, labels: Mapping[str, str]) -> Manifest:
    """Allows listing the exported kinds in the namespace, and nothing else."""
    rules = [
        {"apiGroups": [group], "resources": list(resources), "verbs": ["list"]} for group, resources in EXPORTED.items()
    ]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": CONFIGURATION_CRON_JOB, "namespace": NAMESPACE, "labels": dict(labels)},
        "rules": rules,
    }


def role_binding(*, labels: Mapping[str, str]) -> Manifest:
    """Gives the Role to the job's service account."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": CONFIGURATION_CRON_JOB, "namespace": NAMESPACE, "labels": dict(labels)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": CONFIGURATION_CRON_JOB},
        "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": CONFIGURATION_CRON_JOB}],
    }
