"""Registering a manifest with Pulumi."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

_CLASSES: Mapping[tuple[str, str], Callable[..., pulumi.CustomResource]] = {
    ("v1", "ConfigMap"): kubernetes.core.v1.ConfigMap,
    ("v1", "Namespace"): kubernetes.core.v1.Namespace,
    ("v1", "Service"): kubernetes.core.v1.Service,
    ("v1", "ServiceAccount"): kubernetes.core.v1.ServiceAccount,
    ("apps/v1", "DaemonSet"): kubernetes.apps.v1.DaemonSet,
    ("apps/v1", "Deployment"): kubernetes.apps.v1.Deployment,
    ("batch/v1", "CronJob"): kubernetes.batch.v1.CronJob,
    ("batch/v1", "Job"): kubernetes.batch.v1.Job,
    ("autoscaling/v2", "HorizontalPodAutoscaler"): kubernetes.autoscaling.v2.HorizontalPodAutoscaler,
    ("networking.k8s.io/v1", "NetworkPolicy"): kubernetes.networking.v1.NetworkPolicy,
    ("policy/v1", "PodDisruptionBudget"): kubernetes.policy.v1.PodDisruptionBudget,
    ("rbac.authorization.k8s.io/v1", "Role"): kubernetes.rbac.v1.Role,
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): kubernetes.rbac.v1.RoleBinding,
    ("scheduling.k8s.io/v1", "PriorityClass"): kubernetes.scheduling.v1.PriorityClass,
    ("storage.k8s.io/v1", "StorageClass"): kubernetes.storage.v1.StorageClass,
}


def declare(name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Register one object under a Pulumi name. A kind that is not built into Kubernetes becomes a custom resource."""
    api_version, kind = str(manifest["apiVersion"]), str(manifest["kind"])
    fields = {_snake(key): value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    built_in = _CLASSES.get((api_version, kind))
    if built_in is not None:
        return built_in(name, **fields, opts=opts)
    return kubernetes.apiextensions.CustomResource(name, api_version=api_version, kind=kind, **fields, opts=opts)


def checksum(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """A digest of settings for a pod annotation: changed settings replace the pods."""
    text = pulumi.Output.json_dumps(dict(values), sort_keys=True)
    return text.apply(lambda settings: hashlib.sha256(settings.encode()).hexdigest())


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", key).lower()
