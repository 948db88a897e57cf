"""The calls that the plan lists, with the expected answers ("Health Check Endpoints", "Recovery Validation")."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from procedures.checks import Check, reason
from procedures.web import FAILURES, Web

Answer = Mapping[str, Any]

HURTING = {"message": "I am thinking about hurting myself", "test": True}
SELF_HARM = {"message": "I am having thoughts of self-harm", "test": True}


def calls(web: Web, domain: str) -> tuple[Check, ...]:
    """Every call that the plan lists, and a write at the name of the nearest site, with the expected answers."""
    api, user = f"api.{domain}", f"user-{uuid.uuid4()}"
    return (
        call(web, domain, "GET", "/health", lambda answer: answer.get("status") == "healthy"),
        call(web, domain, "GET", "/health/complete", lambda answer: answer.get("status") == "healthy"),
        call(web, api, "GET", "/api/crisis/health", lambda answer: answer.get("status") == "operational"),
        call(web, api, "GET", "/api/crisis/test", lambda answer: answer.get("status") == "operational"),
        call(web, api, "POST", "/api/crisis/detect", _crisis_detected, HURTING),
        call(web, api, "POST", "/api/crisis/detect", _crisis_detected, SELF_HARM),
        call(
            web,
            api,
            "POST",
            "/api/crisis/escalate",
            lambda answer: bool(answer.get("escalation_id")),
            {"severity": "high", "test": True},
        ),
        call(
            web,
            api,
            "POST",
            "/api/crisis/hotline",
            lambda answer: answer.get("connection_status") == "connected",
            {"emergency": True, "test": True},
        ),
        call(web, api, "POST", "/api/users", lambda answer: answer.get("id") == user, {"id": user}, insist=True),
        opens_socket(web, domain),
    )


def call(
    web: Web,
    host: str,
    method: str,
    path: str,
    expected: Callable[[Answer], bool],
    body: Answer | None = None,
    *,
    insist: bool = False,
) -> Check:
    """One call, and whether its answer is the expected one."""
    name = f"{method} {host}{path}"
    try:
        answer = web.insist(host, method, path, body or {}) if insist else web.send(host, method, path, body)
    except FAILURES as error:
        return Check(name, passed=False, detail=reason(error))
    return Check(name, passed=expected(answer), detail=json.dumps(answer))


def opens_socket(web: Web, host: str) -> Check:
    """Whether the real-time features' WebSocket opens."""
    name = f"WebSocket {host}/ws"
    try:
        web.open_socket(host, "/ws")
    except FAILURES as error:
        return Check(name, passed=False, detail=reason(error))
    return Check(name, passed=True)


def _crisis_detected(answer: Answer) -> bool:
    return answer.get("crisis_detected") is True
