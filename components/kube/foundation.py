"""The objects that every deployment needs: the namespace, the settings, identities and the database password."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from components.kube.pods import CREDENTIALS_FILE
from components.kube.services import Service
from recovery.naming import CONFIG_MAP, NAMESPACE

Manifest = dict[str, Any]


def restricted_namespace(name: str, *, labels: Mapping[str, str]) -> Manifest:
    """A namespace that refuses pods that do not meet the Pod Security Standard `restricted`."""
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**levels, **labels}}}


def encrypted_disks(name: str, *, labels: Mapping[str, str]) -> Manifest:
    """A StorageClass of EBS volumes, each in the zone of its pod.

    Encrypted with AWS's own key, which the role of the EBS add-on may use. A volume is deleted with its claim.
    """
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "labels": dict(labels)},
        "provisioner": "ebs.csi.aws.com",
        "parameters": {"type": "gp3", "encrypted": "true"},
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }


def namespace(*, labels: Mapping[str, str]) -> Manifest:
    """The platform's namespace."""
    # A new pod counts as ready when the load balancer sends traffic to it, so a rollout never empties a target group.
    gate = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}
    return restricted_namespace(NAMESPACE, labels={**gate, **labels})


def config_map(data: Mapping[str, Any], *, labels: Mapping[str, str]) -> Manifest:
    """The settings that a flip, or an operator in an emergency, changes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG_MAP, "namespace": NAMESPACE, "labels": dict(labels)},
        "data": dict(data),
    }


def service_account(of: Service, *, labels: Mapping[str, str]) -> Manifest:
    """The identity of one service's pods, with the Deployment's name.

    EKS Pod Identity associates an AWS role with it.
    """
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": of.name, "namespace": NAMESPACE, "labels": {**of.labels, **labels}},
        "automountServiceAccountToken": False,
    }


def password_class(*, name: str, secret_name: str, region: str, labels: Mapping[str, str]) -> Manifest:
    """Mounts a password of the database from Secrets Manager, in the site's own region, as a file.

    Parameters as in the AWS Secrets Manager User Guide, "AWS Secrets and Configuration Provider code examples".
    """
    # The alias is the file's name. Without it, the slashes of the secret's name would become underscores.
    secret = {"objectName": secret_name, "objectType": "secretsmanager", "objectAlias": CREDENTIALS_FILE}
    return {
        "apiVersion": "secrets-store.csi.x-k8s.io/v1",
        "kind": "SecretProviderClass",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": dict(labels)},
        "spec": {
            "provider": "aws",
            "parameters": {"region": region, "usePodIdentity": "true", "objects": json.dumps([secret])},
        },
    }
