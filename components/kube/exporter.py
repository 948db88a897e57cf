"""The pods that measure: the exporter, and the canary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.kube import jobs, pods
from recovery import objectives
from recovery.naming import CANARY, EXPORTER

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
    return jobs.observer(EXPORTER, own, checksum=checksum, database=True, labels=labels)


def canary(*, image: str, domain: str, site: str, peer: str, labels: Mapping[str, str]) -> Manifest:
    """The canary's Deployment. It reads no setting that a flip changes.

    Args:
        image: the operations image, by digest.
        domain: the platform's domain.
        site: the name of this site.
        peer: the name of the other site.
        labels: the labels of the object.
    """
    own = jobs.container(
        CANARY,
        image,
        (),
        database=False,
        DOMAIN=domain,
        SITE=site,
        PEER=peer,
        CANARY_SECONDS=str(objectives.CANARY_SECONDS),
        METRICS_PORT=str(pods.METRICS_PORT),
        ALIVE_FILE=jobs.ALIVE_FILE,
    )
    own |= jobs.alive_probes(12 * objectives.CANARY_SECONDS)
    return jobs.observer(CANARY, own, database=False, labels=labels)
