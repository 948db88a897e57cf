"""Every Kubernetes object of every site in every role, against the schemas of the cluster's version."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from engine.registration import Registration
from lifeline import rendering
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
    return [rendering.kubernetes_object(found) for found in registrations(stack, timeline)]


def registrations(stack: str, timeline: tuple[str, ...]) -> list[Registration]:
    return [found for found in deploy(stack, timeline) if rendering.is_kubernetes_object(found)]


@every_site
def test_every_object_is_accepted(stack: str, timeline: tuple[str, ...]) -> None:
    found = objects(stack, timeline)
    assert len(found) >= 40
    assert [(each["kind"], problems) for each in found if (problems := schemas.problems(each, version=VERSION))] == []


def test_an_unknown_field_is_refused_in_every_kind() -> None:
    by_kind = {each["kind"]: each for each in objects("primary", PRIMARY_LEADS)}
    assert len(by_kind) >= 10
    for kind, each in by_kind.items():
        assert schemas.problems({**copy.deepcopy(each), "colour": "red"}, version=VERSION), kind


def test_an_unknown_kind_is_not_known() -> None:
    assert not schemas.is_known("example.com/v1", "Unheard", version=VERSION)


def test_the_render_is_one_yaml_stream_of_the_same_objects() -> None:
    documents = list(yaml.safe_load_all(rendering.rendered(ROOT, "primary", None, "k8s")))
    wanted = objects("primary", PRIMARY_LEADS)
    assert sorted(documents, key=kind_and_name) == sorted(wanted, key=kind_and_name)


def kind_and_name(each: dict[str, Any]) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]


@every_site
def test_the_plans_names_are_kept(stack: str, timeline: tuple[str, ...]) -> None:
    found = objects(stack, timeline)
    names = {(each["kind"], each["metadata"]["name"]) for each in found}
    assert ("Namespace", "mental-health-platform") in names
    for deployment in ("mental-health-backend", "mental-health-frontend", "crisis-detector", "hotline-gateway"):
        assert ("Deployment", deployment) in names
    (settings,) = [each for each in found if each["metadata"]["name"] == "mental-health-app-config"]
    assert {"EMERGENCY_READ_ONLY", "CRISIS_FALLBACK_MODE", "DB_HOST"} <= settings["data"].keys()


@pytest.mark.parametrize(
    ("stack", "timeline", "sizes"),
    [("primary", PRIMARY_LEADS, (5, 3)), ("secondary", PRIMARY_LEADS, (2, 2)), ("secondary", FAILED_OVER, (5, 3))],
)
def test_an_active_site_has_the_plans_five_backends_and_three_frontends(
    stack: str, timeline: tuple[str, ...], sizes: tuple[int, int]
) -> None:
    minimums = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["minReplicas"]
        for each in objects(stack, timeline)
        if each["kind"] == "HorizontalPodAutoscaler"
    }
    assert (minimums["mental-health-backend"], minimums["mental-health-frontend"]) == sizes
    assert minimums["crisis-detector"] == 3
