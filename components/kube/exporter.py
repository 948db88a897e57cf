"""The exporter: the heartbeat of the leading database, and the metrics of replication and backups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.kube import jobs, pods
from recovery import objectives
from recovery.naming import EXPORTER, NAMESPACE

Manifest = dict[str, Any]


def exporter(*, image: str, checksum: Any, bucket: str, labels: Mapping[str, str]) -> Manifest:
    """The exporter's Deployment. Two pods may run at once: both write the same row.

    Args:
        image: the operations image, by digest.
        checksum: of the settings that it reads; a new checksum replaces the pods.
        bucket: the site's own bucket of backups.
        labels: the labels of the object.
    """
    own = jobs.container(
        "exporter",
        image,
        jobs.PLACE_SETTINGS,
        BACKUP_BUCKET=bucket,
        METRICS_PORT=str(pods.METRICS_PORT),
        HEARTBEAT_SECONDS=str(objectives.HEARTBEAT_SECONDS),
        ALIVE_FILE=jobs.ALIVE_FILE,
    )
    own |= jobs.alive_probes(5 * objectives.HEARTBEAT_SECONDS)
    own["ports"] = [pods.metrics_port()]
    template = {
        "metadata": {"labels": jobs.pod_labels(EXPORTER), "annotations": {pods.CHECKSUM_ANNOTATION: checksum}},
        "spec": {**jobs.pod_spec(EXPORTER, own), "terminationGracePeriodSeconds": 15},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": EXPORTER, "namespace": NAMESPACE, "labels": {**jobs.selector(EXPORTER), **labels}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": jobs.selector(EXPORTER)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            "revisionHistoryLimit": 5,
            "template": template,
        },
    }
