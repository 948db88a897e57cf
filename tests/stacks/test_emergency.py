"""The degraded modes of a site: what the pods read, and the contradictions with the words that an operator reads."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.config import parse
from stacks.emergency import EmergencyConfig
from stacks.problems import ConfigError
from tests import modes
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy
from tests.stacks.test_config import Values, accepted, changed, mistakes


@pytest.mark.parametrize(
    ("stack", "change", "message"),
    [
        (
            "secondary",
            {"emergency": {"readOnly": True}},
            "lifeline:emergency.readOnly: is true, but this site does not lead",
        ),
        (
            "secondary",
            {"emergency": {"maintenance": True}},
            "lifeline:emergency.maintenance: is true, but this site does not lead",
        ),
        (
            "primary",
            {"emergency": {"readOnly": True}, "switchover": {"drain": 1}},
            "lifeline:emergency.readOnly: is true, and lifeline:switchover.drain is set",
        ),
        (
            "primary",
            {"emergency": {"crisisReplicas": 2}},
            "lifeline:emergency.crisisReplicas: is 2, and 3 run without it",
        ),
        (
            "primary",
            {"emergency": {"crisisReplicas": 11}},
            "lifeline:emergency.crisisReplicas: is 11: input should be less than or equal to 10",
        ),
        (
            "secondary",
            {"emergency": {"modelVersion": "3sL4kqtJ", "crisisFallback": "keyword_only"}},
            "lifeline:emergency.modelVersion: is set, and crisisFallback is keyword_only",
        ),
        ("primary", {"emergency": {"readonly": True}}, "lifeline:emergency.readonly: is not a key of lifeline"),
    ],
)
def test_a_mode_that_contradicts_the_site_is_refused(stack: str, change: Values, message: str) -> None:
    assert mistakes(stack, **change) == [message]


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(changed("primary", {"emergency": {"crisisReplicas": 2}}), stack="primary")
    assert refused.value.problems[0].hint == "a surge adds pods: change lifeline:capacity to have fewer"


def test_a_drain_that_is_over_contradicts_nothing() -> None:
    site = accepted(
        "primary",
        timeline=["primary-1", "secondary-1", "primary-1"],
        discards=[2],
        switchover={"drain": 1},
        emergency={"readOnly": True},
    )
    assert (site.drains, site.takes_writes) == (False, False)


def settings(stack: str, timeline: tuple[str, ...], **values: Any) -> dict[str, Any]:
    """The ConfigMap that a site's pods read."""
    (config_map,) = (entry for entry in deploy(stack, timeline, **values) if entry.name == "platform-config")
    return config_map.inputs["data"]


@pytest.mark.parametrize(
    ("emergency", "keys"),
    [
        ({"readOnly": True}, {"EMERGENCY_READ_ONLY": "true"}),
        ({"crisisFallback": "keyword_only"}, {"CRISIS_FALLBACK_MODE": "keyword_only"}),
        ({"modelVersion": "3sL4kqtJ"}, {"MODEL_VERSION": "3sL4kqtJ"}),
        ({"hotline": "backup"}, {"HOTLINE_PROVIDER": "backup"}),
        ({"crisisReplicas": 10, "maintenance": True}, {}),
    ],
)
def test_a_mode_sets_the_plans_keys_and_no_other(emergency: dict[str, Any], keys: dict[str, str]) -> None:
    usual = settings("primary", PRIMARY_LEADS)
    assert settings("primary", PRIMARY_LEADS, emergency=emergency) == {**usual, **keys}


def test_each_mode_has_its_steps() -> None:
    tested = {key for keys, _ in modes.MODES.values() for key in keys}
    assert tested == {field.alias for field in EmergencyConfig.model_fields.values()}


def test_a_mode_changes_settings_sizes_and_routes_alone() -> None:
    """tests/test_transitions.py compares the steps of each mode with those of the engine."""
    changed = {step.split(":")[-1].split()[0] for _, steps in modes.MODES.values() for step in steps}
    assert changed == {"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "ListenerRule"}


def test_the_detector_has_the_pods_of_a_surge_and_may_grow_in_either_role_and_after_a_flip() -> None:
    for stack, timeline in (("primary", PRIMARY_LEADS), ("secondary", PRIMARY_LEADS), ("secondary", FAILED_OVER)):
        sizes = {
            entry.name: (entry.inputs["spec"]["minReplicas"], entry.inputs["spec"]["maxReplicas"])
            for entry in deploy(stack, timeline, emergency={"crisisReplicas": 10})
            if entry.type.endswith(":HorizontalPodAutoscaler")
        }
        assert sizes["platform-crisis-detector-autoscaler"] == (10, 20)
