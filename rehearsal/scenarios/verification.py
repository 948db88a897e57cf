"""The plan's own verification calls, made after a recovery ("System Health Validation")."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from recovery.objectives import CRISIS_RESPONSE_SECONDS, Tier
from rehearsal.environment import Environment
from rehearsal.history import reason
from rehearsal.report import Check
from rehearsal.world.browser import FAILURES, Browser
from rehearsal.world.people import People

Answer = Mapping[str, Any]


def verify(client: People, domain: str) -> tuple[Check, ...]:
    """Every call that the plan lists, with the expected answers, in time."""
    return (*calls(client.browser, domain), _responds_in_time(client))


def calls(browser: Browser, domain: str) -> tuple[Check, ...]:
    """Every call that the plan lists, and a write at the name of the nearest site, with the expected answers."""
    api, user = f"api.{domain}", f"user-{uuid.uuid4()}"
    hurting = {"message": "I am thinking about hurting myself", "test": True}
    self_harm = {"message": "I am having thoughts of self-harm", "test": True}
    return (
        call(browser, domain, "GET", "/health", lambda answer: answer.get("status") == "healthy"),
        call(browser, domain, "GET", "/health/complete", lambda answer: answer.get("status") == "healthy"),
        call(browser, api, "GET", "/api/crisis/health", lambda answer: answer.get("status") == "operational"),
        call(browser, api, "GET", "/api/crisis/test", lambda answer: answer.get("status") == "operational"),
        call(browser, api, "POST", "/api/crisis/detect", _crisis_detected, hurting),
        call(browser, api, "POST", "/api/crisis/detect", _crisis_detected, self_harm),
        call(
            browser,
            api,
            "POST",
            "/api/crisis/escalate",
            lambda answer: bool(answer.get("escalation_id")),
            {"severity": "high", "test": True},
        ),
        call(
            browser,
            api,
            "POST",
            "/api/crisis/hotline",
            lambda answer: answer.get("connection_status") == "connected",
            {"emergency": True, "test": True},
        ),
        call(browser, api, "POST", "/api/users", lambda answer: answer.get("id") == user, {"id": user}, insist=True),
        _opens_socket(browser, domain),
    )


def _opens_socket(browser: Browser, host: str) -> Check:
    name = f"WebSocket {host}/ws"
    try:
        browser.open_socket(host, "/ws")
    except FAILURES as error:
        return Check(name, passed=False, detail=reason(error))
    return Check(name, passed=True)


def said(client: People, domain: str, path: str, body: Answer, field: str) -> str:
    """A field of the crisis services' answer to a person, or the reason for which they get none."""
    try:
        return str(client.browser.send(f"api.{domain}", "POST", path, body)[field])
    except FAILURES as error:
        return reason(error)


def none_fails(name: str, client: People, tiers: Iterable[Tier], since: float, until: float = math.inf) -> Check:
    """Whether no request of some tiers failed between two moments, in simulated seconds."""
    failed = [str(sample) for tier in tiers for sample in client.failures(tier.name, since, until)]
    return Check(name, passed=not failed, detail="; ".join(failed))


def _crisis_detected(answer: Answer) -> bool:
    return answer.get("crisis_detected") is True


def call(
    browser: Browser,
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
        answer = browser.insist(host, method, path, body or {}) if insist else browser.send(host, method, path, body)
    except FAILURES as error:
        return Check(name, passed=False, detail=reason(error))
    return Check(name, passed=expected(answer), detail=json.dumps(answer))


def _responds_in_time(client: People) -> Check:
    """The checklist's "responding < 2 s", over every answered request of the client that asks often.

    In real seconds, because a simulated one is shorter, and without those for which this machine was behind.
    """
    slowest = max((sample.latency for sample in client.first.samples("crisis") if sample.ok), default=float("inf"))
    return Check(
        "crisis detection responds in time",
        passed=slowest < CRISIS_RESPONSE_SECONDS,
        detail=f"slowest answer {slowest:.3f} s of this machine's time, limit {CRISIS_RESPONSE_SECONDS} s",
    )


def every_stray_was_led(environment: Environment) -> Check:
    """Whether every web request that met a site that cannot take writes was led to the other one, once it was ready."""
    strays = [platform.strays for platform in environment.platforms.values()]
    answered = [request for stray in strays for request in stray.answered]
    led, pages = sum(stray.led for stray in strays), sum(stray.pages for stray in strays)
    text = f"web requests answered by a site that cannot take writes while the other one could: {len(answered)}"
    name = f"{text}, led there: {led}, pages without data: {pages}"
    return Check(name, passed=not answered, detail="; ".join(answered))
