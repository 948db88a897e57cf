"""The jobs that operate the platform from inside its namespace: what their pods have in common, and the fence.

All run `python -m operations` from one image, and each has an identity of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.kube import pods
from components.kube.scaling import disruption_budget
from components.kube.services import APP, priority_class
from recovery import objectives
from recovery.naming import DATABASE_USER, NAMESPACE

Manifest = dict[str, Any]

FENCE = "fence"
HANDOVER = "handover"
PLACE_SETTINGS = ("AWS_REGION", "DATABASE", "DB_HOST", "DB_NAME", "DB_PORT", "LEDGER_TABLE")
"""The keys of the ConfigMap that tell a job its site, database and ledger. A flip changes none of them."""
FENCE_SETTINGS = (*PLACE_SETTINGS, "DRAIN", "EPOCH")
"""A flip changes the epoch, as its last step: then the fence may write the ready mark."""
FENCE_SECONDS = 5
"""The time between two checks of the fence. See `operations.fence.LOOK_SECONDS` for the length of a check."""
LEASE_SECONDS = 20
"""The time for which the leader of a strict fence takes writes without reading the ledger."""
ALIVE_FILE = "/tmp/alive"  # noqa: S108 - a file of the pod, which no other process can see
_TLS = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/etc/ssl/rds/global-bundle.pem"}
"""The image contains RDS's certificate authorities."""


def service_account(name: str, *, labels: Mapping[str, str]) -> Manifest:
    """The identity of one job's pods. EKS Pod Identity associates an AWS role with it."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {**selector(name), **labels}},
        "automountServiceAccountToken": False,
    }


def fence(*, image: str, checksum: Any, labels: Mapping[str, str], strict: bool = False) -> Manifest:
    """The fence's Deployment. Two pods may run at once, because repeating an action has no effect.

    Args:
        image: the operations image, by digest.
        checksum: of the settings that the fence reads; a new checksum replaces the pods.
        labels: the labels of the object.
        strict: whether a leader that cannot read the ledger stops taking writes.
    """
    own = container(
        FENCE,
        image,
        FENCE_SETTINGS,
        FENCE_SECONDS=str(FENCE_SECONDS),
        METRICS_PORT=str(pods.METRICS_PORT),
        ALIVE_FILE=ALIVE_FILE,
    )
    own |= alive_probes(12 * FENCE_SECONDS)
    if strict:
        own["env"].append({"name": "LEASE_SECONDS", "value": str(LEASE_SECONDS)})
    own["ports"] = [pods.metrics_port()]
    template = {
        "metadata": {"labels": pod_labels(FENCE), "annotations": {pods.CHECKSUM_ANNOTATION: checksum}},
        "spec": {**pod_spec(FENCE, own), "terminationGracePeriodSeconds": 15},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": FENCE, "namespace": NAMESPACE, "labels": {**selector(FENCE), **labels}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": selector(FENCE)},
            # Old and new pods must not run together: a pod without the drain setting would undo the drain.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 5,
            "template": template,
        },
    }


def observer(job: str, own: Manifest, *, checksum: Any = "", database: bool, labels: Mapping[str, str]) -> Manifest:
    """A Deployment of two pods that measure, and serve metrics. They may run at once.

    Args:
        job: the name.
        own: the container.
        checksum: of the settings that it reads; a new checksum replaces the pods.
        database: whether it connects to the site's database.
        labels: the labels of the object.
    """
    template = {
        "metadata": {
            "labels": pod_labels(job, database=database),
            "annotations": {pods.CHECKSUM_ANNOTATION: checksum},
        },
        "spec": {
            **pod_spec(job, {**own, "ports": [pods.metrics_port()]}, database=database),
            "terminationGracePeriodSeconds": 15,
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": job, "namespace": NAMESPACE, "labels": {**selector(job), **labels}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": selector(job)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            "revisionHistoryLimit": 5,
            "template": template,
        },
    }


def budget(job: str, *, labels: Mapping[str, str]) -> Manifest:
    """The disruption budget of a job's pods."""
    return disruption_budget(job, selector(job), labels=labels)


def container(
    job: str,
    image: str,
    config_keys: tuple[str, ...],
    *,
    database: bool = True,
    application: bool = False,
    cpu_millis: int = 100,
    memory_mib: int = 192,
    **plain: Any,
) -> Manifest:
    """The container of a job.

    Args:
        job: the command of `python -m operations`.
        image: the operations image, by digest.
        config_keys: the keys of the ConfigMap that become environment variables.
        database: whether the job connects to the site's database, with the password of its owner.
        application: whether it sets the application's password, which it then has too.
        cpu_millis: the request; the limit is five times as much.
        memory_mib: the request and the limit.
        plain: more environment variables.
    """
    password = pods.OWNER if database else None
    if database:
        plain["DB_USER"] = DATABASE_USER
    if application:
        plain["APPLICATION_PASSWORD_FILE"] = pods.password_file(pods.APPLICATION)
    return {
        "name": job,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "operations", job],
        "env": list(pods.environment(config_keys=config_keys, password=password, **_TLS, **plain)),
        "resources": pods.resources(cpu_millis, memory_mib, cpu_limit_millis=5 * cpu_millis, scratch=True),
        "securityContext": pods.container_security(),
        "volumeMounts": list(pods.mounts(passwords=_passwords(database, application))),
    }


def _passwords(database: bool, application: bool) -> tuple[str, ...]:
    return (*((pods.OWNER,) if database else ()), *((pods.APPLICATION,) if application else ()))


def pod_spec(account: str, container: Manifest, *, database: bool = True, application: bool = False) -> Manifest:
    """The pod of a job, with the identity of a service account."""
    return {
        **pods.pod_basics(priority_class(objectives.DATA), selector(account)),
        "serviceAccountName": account,
        "containers": [container],
        "volumes": list(pods.volumes(passwords=_passwords(database, application))),
    }


def alive_probes(seconds: int) -> Manifest:
    """Probes of a job that touches ALIVE_FILE after each round: it must not be older than so many seconds."""
    script = f"import os, sys, time; sys.exit(time.time() - os.path.getmtime('{ALIVE_FILE}') > {seconds})"
    probe = {"exec": {"command": ["python", "-c", script]}, "periodSeconds": 30, "timeoutSeconds": 10}
    return {
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 12},
        "livenessProbe": {**probe, "failureThreshold": 2},
        "readinessProbe": {**probe, "failureThreshold": 1},
    }


def selector(job: str) -> dict[str, str]:
    """The labels that select a job's pods."""
    return {"app": APP, "component": job}


def pod_labels(job: str, *, database: bool = True) -> dict[str, str]:
    """The labels of a job's pods: AWS, and the database if it uses one, are open to them."""
    marks = {pods.USES_DATABASE: "true"} if database else {}
    return {**selector(job), **marks, pods.USES_AWS: "true"}
