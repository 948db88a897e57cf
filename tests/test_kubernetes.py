"""Every Kubernetes object of every site in every role, against the schemas of the cluster's version."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from engine.registration import Registration
from lifeline import rendering
from recovery.naming import CONFIG_MAP
from rehearsal.providers.kubernetes import schemas
from tests.harness import FAILED_OVER, PRIMARY_LEADS, ROOT, deploy

VERSION = schemas.schema_version("1.34")
SITES = {
    "primary leads": ("primary", PRIMARY_LEADS),
    "primary fenced": ("primary", FAILED_OVER),
    "secondary follows": ("secondary", PRIMARY_LEADS),
    "secondary leads": ("secondary", FAILED_OVER),
}
every_site = pytest.mark.parametrize(("stack", "timeline"), SITES.values(), ids=SITES)


def objects(stack: str, timeline: tuple[str, ...]) -> list[dict[str, Any]]:
    return [rendering.kubernetes_object(resource) for resource in registrations(stack, timeline)]


def registrations(stack: str, timeline: tuple[str, ...]) -> list[Registration]:
    return [resource for resource in deploy(stack, timeline) if rendering.is_kubernetes_object(resource)]


@every_site
def test_every_object_is_accepted(stack: str, timeline: tuple[str, ...]) -> None:
    resources = objects(stack, timeline)
    assert len(resources) >= 40
    assert [
        (manifest["kind"], problems)
        for manifest in resources
        if (problems := schemas.problems(manifest, version=VERSION))
    ] == []


def test_an_unknown_field_is_refused_in_every_kind() -> None:
    by_kind = {manifest["kind"]: manifest for manifest in objects("primary", PRIMARY_LEADS)}
    assert len(by_kind) >= 10
    for kind, manifest in by_kind.items():
        assert schemas.problems({**copy.deepcopy(manifest), "colour": "red"}, version=VERSION), kind


def test_an_unknown_kind_is_not_known() -> None:
    assert not schemas.is_known("example.com/v1", "Unheard", version=VERSION)


def test_the_render_is_one_yaml_stream_of_the_same_objects() -> None:
    documents = list(yaml.safe_load_all(rendering.rendered(ROOT, "primary", None, "k8s")))
    expected = objects("primary", PRIMARY_LEADS)
    assert sorted(documents, key=kind_and_name) == sorted(expected, key=kind_and_name)


def kind_and_name(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


@every_site
def test_the_plans_names_are_kept(stack: str, timeline: tuple[str, ...]) -> None:
    resources = objects(stack, timeline)
    names = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in resources}
    assert ("Namespace", "mental-health-platform") in names
    for deployment in ("mental-health-backend", "mental-health-frontend", "crisis-detector", "hotline-gateway"):
        assert ("Deployment", deployment) in names
    (settings,) = [manifest for manifest in resources if manifest["metadata"]["name"] == "mental-health-app-config"]
    assert {"EMERGENCY_READ_ONLY", "CRISIS_FALLBACK_MODE", "DB_HOST"} <= settings["data"].keys()


@every_site
def test_clients_get_the_addresses_of_both_sites_and_that_of_the_own_one_first(
    stack: str, timeline: tuple[str, ...]
) -> None:
    (settings,) = (entry for entry in objects(stack, timeline) if entry["metadata"]["name"] == CONFIG_MAP)
    other = {"primary": "secondary", "secondary": "primary"}[stack]
    addresses = [f"https://{site}.mentalhealthplatform.com" for site in (stack, other)]
    assert settings["data"]["CRISIS_ENDPOINTS"].split(",") == addresses


@pytest.mark.parametrize(
    ("stack", "timeline", "sizes"),
    [("primary", PRIMARY_LEADS, (5, 3)), ("secondary", PRIMARY_LEADS, (2, 2)), ("secondary", FAILED_OVER, (5, 3))],
)
def test_an_active_site_has_the_plans_five_backends_and_three_frontends(
    stack: str, timeline: tuple[str, ...], sizes: tuple[int, int]
) -> None:
    minimums = {
        manifest["spec"]["scaleTargetRef"]["name"]: manifest["spec"]["minReplicas"]
        for manifest in objects(stack, timeline)
        if manifest["kind"] == "HorizontalPodAutoscaler"
    }
    assert (minimums["mental-health-backend"], minimums["mental-health-frontend"]) == sizes
    assert minimums["crisis-detector"] == 3
