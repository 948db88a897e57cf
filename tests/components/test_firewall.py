"""The web ACL: what it blocks, and what it must never block."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import firewall
from components.firewall import Firewall, FirewallArgs
from components.health import CHECKED_PATHS
from components.kube.services import CRISIS_DETECTOR, HOTLINE_GATEWAY
from components.targets import PATHS
from engine.recorder import record
from engine.registration import Registration
from recovery import objectives
from rehearsal.world.firewall import WebRequest, decide
from rehearsal.world.health import AGENT
from tests.harness import PRIMARY_LEADS, deploy, site

BALANCER = "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/lifeline-primary/1"
LABELS = frozenset(
    f"awswaf:managed:aws:{label}"
    for label in (
        "core-rule-set:CrossSiteScripting_Body",
        "core-rule-set:SizeRestrictions_Body",
        "known-bad-inputs:Log4JRCE_Header",
        "sql-database:SQLi_QueryArguments",
        "amazon-ip-list:AWSManagedIPReputationList",
        "amazon-ip-list:AWSManagedReconnaissanceList",
    )
)
"""Labels that AWS's rule groups give: AWS WAF Developer Guide, "AWS Managed Rules rule groups list"."""
ATTACKS = st.builds(frozenset, st.sets(st.sampled_from(sorted(LABELS))))


def registered() -> dict[str, Registration]:
    args = FirewallArgs(
        load_balancer_arn=BALANCER, logs_key_arn="arn:aws:kms:us-east-2:123456789012:key/1", site=site()
    )
    return {entry.name: entry for entry in record(lambda: Firewall("firewall", args)) if entry.custom}


RESOURCES = registered()
ACL: dict[str, Any] = RESOURCES["firewall-acl"].inputs


def status(path: str, **facts: Any) -> int | None:
    return decide(ACL, WebRequest(path=path, **facts)).status


@given(st.text("abc/.%-", max_size=20), st.booleans(), ATTACKS)
def test_a_request_to_the_crisis_services_is_never_blocked(rest: str, often: bool, managed: frozenset[str]) -> None:
    assert status(f"/api/crisis/{rest}", often=often, managed=managed) is None


@given(st.sampled_from(CHECKED_PATHS), ATTACKS)
def test_no_rule_takes_a_health_checker_for_an_attacker(path: str, managed: frozenset[str]) -> None:
    assert status(path, headers={"user-agent": AGENT}, managed=managed) is None


def test_health_checkers_stay_far_below_the_limit() -> None:
    checks = sum(entry.inputs.get("type") == "HTTPS" for entry in deploy("primary", PRIMARY_LEADS))
    sent = checks * firewall.WINDOW_SECONDS // objectives.HEALTH_CHECK_INTERVAL_SECONDS
    assert 0 < sent * 10 <= firewall.REQUESTS_PER_WINDOW


@pytest.mark.parametrize("label", sorted(LABELS - {firewall.LONG_BODY}))
@pytest.mark.parametrize("path", ["/", "/health", "/api/users", "/api/crisis", "/x/api/crisis/"])
def test_an_attack_on_any_other_path_is_blocked(path: str, label: str) -> None:
    assert status(path, managed=frozenset({label})) == 403


def test_a_forged_checker_reaches_the_checked_paths_only_and_no_more_often_than_others() -> None:
    forged = {"user-agent": AGENT}
    assert status("/api/users", headers=forged, managed=LABELS - {firewall.LONG_BODY}) == 403
    assert [status(path, headers=forged, often=True) for path in ("/", "/health")] == [429, 429]


def test_too_many_requests_of_one_address_are_blocked_and_few_are_not() -> None:
    assert [status("/api/users", often=often) for often in (True, False)] == [429, None]


def test_a_long_entry_of_a_diary_is_no_attack() -> None:
    assert status("/api/users", managed=frozenset({firewall.LONG_BODY})) is None


def test_a_long_body_does_not_end_the_search_for_an_attack() -> None:
    (common,) = (rule["statement"] for rule in ACL["rules"] if rule["name"] == "AWSManagedRulesCommonRuleSet")
    overrides = common["managedRuleGroupStatement"]["ruleActionOverrides"]
    assert overrides == [{"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}]


def test_requests_to_the_crisis_services_are_counted() -> None:
    request = WebRequest(path="/api/crisis/detect", often=True, managed=LABELS)
    assert decide(ACL, request).counted == ("crisis", "limit-crisis")


def test_the_exemption_covers_every_path_of_the_crisis_services_and_no_other() -> None:
    crisis = {CRISIS_DETECTOR, HOTLINE_GATEWAY}
    exempt = [service for service, paths in PATHS for path in paths if path.startswith(firewall.CRISIS_PREFIX)]
    assert set(exempt) == crisis
    assert len(exempt) == sum(len(paths) for service, paths in PATHS if service in crisis)


def test_a_blocked_person_reads_where_to_get_help() -> None:
    (body,) = ACL["customResponseBodies"]
    assert "988" in body["content"]
    blocks = [rule["action"]["block"] for rule in ACL["rules"] if "block" in rule.get("action", {})]
    assert {entry["customResponse"]["customResponseBodyKey"] for entry in blocks} == {body["key"]}
    assert len(blocks) == 2


def test_the_acl_guards_the_load_balancer_and_its_log_keeps_no_credentials() -> None:
    assert RESOURCES["firewall-association"].inputs["resourceArn"] == BALANCER
    logging = RESOURCES["firewall-logging"].inputs
    assert [entry["singleHeader"]["name"] for entry in logging["redactedFields"]] == ["authorization", "cookie"]
    assert logging["loggingFilter"]["defaultBehavior"] == "DROP"
    group = RESOURCES["firewall-log"].inputs
    assert group["name"].startswith("aws-waf-logs-")
    assert group["tags"]["lifeline:data"] == "phi"


def test_the_rules_fit_into_the_free_capacity_of_an_acl() -> None:
    """AWS WAF Developer Guide, "AWS Managed Rules rule groups list" and "Web ACL capacity units"."""
    managed = {"IpReputation": 25, "CommonRuleSet": 700, "KnownBadInputs": 200, "SQLi": 200}
    groups = [rule["name"] for rule in ACL["rules"] if "managedRuleGroupStatement" in rule["statement"]]
    used = [units for name, (part, units) in itertools.product(groups, managed.items()) if part in name]
    assert len(used) == len(groups) == 4
    assert sum(used) + 50 < 1500  # 50 for the six rules of this program, at a few units each
