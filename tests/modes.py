"""The degraded modes of a site, with the steps of each."""

from __future__ import annotations

from typing import Any

from tests.harness import PRIMARY_LEADS

CONFIG_MAP = "update core/v1:ConfigMap platform-config"
BACKEND = "update apps/v1:Deployment platform-backend"
PAGE = "lb/listenerRule:ListenerRule routes-maintenance"
"""The rule that answers pages during maintenance."""

VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"
"""A version id, as S3 makes them."""

MODES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no writes": ({"readOnly": True}, [CONFIG_MAP, BACKEND, "update apps/v1:Deployment platform-frontend"]),
    "keywords alone": (
        {"crisisFallback": "keyword_only"},
        [CONFIG_MAP, BACKEND, "update apps/v1:Deployment platform-crisis-detector"],
    ),
    "an earlier model": (
        {"modelVersion": VERSION},
        [CONFIG_MAP, BACKEND, "update apps/v1:Deployment platform-crisis-detector"],
    ),
    "the backup of the hotline": (
        {"hotline": "backup"},
        [CONFIG_MAP, BACKEND, "update apps/v1:Deployment platform-hotline-gateway"],
    ),
    "more crisis detectors": (
        {"crisisReplicas": 10},
        ["update autoscaling/v2:HorizontalPodAutoscaler platform-crisis-detector-autoscaler"],
    ),
    "maintenance": ({"maintenance": True}, [f"create {PAGE}"]),
}
"""The value of lifeline:emergency, and the steps. The backend reads every setting."""
ANYWHERE = {"modelVersion": VERSION, "hotline": "backup", "crisisReplicas": 10}
"""The modes that a standby has, too, together."""
CRISIS_KEYS = {"crisisFallback", *ANYWHERE}

USUAL: dict[str, Any] = {"timeline": PRIMARY_LEADS}
TRANSITIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    **{
        f"{mode} at {stack}": (stack, USUAL, {**USUAL, "emergency": keys}, steps)
        for mode, (keys, steps) in MODES.items()
        for stack in (("primary", "secondary") if keys.keys() <= CRISIS_KEYS else ("primary",))
    },
    **{
        f"the end of {mode}": (
            "primary",
            {**USUAL, "emergency": keys},
            USUAL,
            [step.replace("create", "delete") for step in steps],
        )
        for mode, (keys, steps) in MODES.items()
    },
}
