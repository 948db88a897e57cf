"""A Helm chart, from its copy in the registry of the site's own region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.site import Site
from recovery.naming import chart

READY_SECONDS = 600
"""A release that is not ready by then is rolled back."""


def chart_release(
    name: str,
    chart_name: str,
    *,
    version: str,
    namespace: str,
    values: Mapping[str, Any],
    site: Site,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> kubernetes.helm.v3.Release:
    """Register a release that has the name of its chart."""
    return kubernetes.helm.v3.Release(
        name,
        name=chart_name,
        chart=chart(chart_name, account=site.account, region=site.region),
        version=version,
        namespace=namespace,
        # A release that does not become ready is rolled back, so the next run starts from a known state.
        atomic=True,
        timeout=READY_SECONDS,
        values=values,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[*after]),
    )


def over_zones(chart_name: str) -> dict[str, Any]:
    """A spread of a chart's pods: they are in different zones if there is room."""
    return {
        "topologyKey": "topology.kubernetes.io/zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": chart_name}},
    }
