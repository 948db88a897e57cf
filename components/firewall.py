"""The web ACL of a site's load balancer: a limit per address, and AWS's managed rules.

A person in a crisis who is blocked by mistake may find no other help. So a request to the crisis services is counted
and never blocked, whatever it contains and however often it comes. Health checkers are never blocked either: a rule
that takes them for attackers would move the traffic of all users.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.health import CHECKED_PATHS
from components.site import Site
from recovery.naming import PROJECT

CRISIS_PREFIX = "/api/crisis/"
"""All paths of the crisis services begin with it. The load balancer routes by the path as it was sent, and so does this
rule."""
CHECKER_AGENT = "Amazon-Route53-Health-Check-Service"
"""The user agent of health checkers begins with it. Source: Amazon Route 53 Developer Guide, "How health checks work in
simple Route 53 configurations"."""
REQUESTS_PER_WINDOW = 3000
"""The limit of one address. A clinic with one address for all its people stays far below it."""
WINDOW_SECONDS = 300
LOG_DAYS = 365

MANAGED_GROUPS = {
    "AWSManagedRulesAmazonIpReputationList": (
        "amazon-ip-list:AWSManagedIPReputationList",
        "amazon-ip-list:AWSManagedReconnaissanceList",
    ),
    "AWSManagedRulesCommonRuleSet": ("core-rule-set:",),
    "AWSManagedRulesKnownBadInputsRuleSet": ("known-bad-inputs:",),
    "AWSManagedRulesSQLiRuleSet": ("sql-database:",),
}
"""AWS's rule groups, with the labels that block a request. A label that ends in a colon is a whole namespace.

The list of anonymous addresses is not among them: someone who hides from a violent partner may use one.
Source: AWS WAF Developer Guide, "AWS Managed Rules rule groups list".
"""
MANAGED_NAMESPACE = "awswaf:managed:aws:"
LONG_BODY = f"{MANAGED_NAMESPACE}core-rule-set:SizeRestrictions_Body"
"""The label of a body of more than 8 KB, which an entry of a diary may have. WAF reads the first 8 KB only."""
EXEMPT = "exempt:"
"""The namespace of this ACL's own labels, for requests that no rule may block."""
HELP = "help"
HELP_TEXT = "This request was blocked. In an emergency call 911. For help in a crisis call or text 988."
"""The answer to a blocked request."""


Rule = aws.wafv2.WebAclRuleArgsDict
Statement = aws.wafv2.WebAclRuleStatementArgsDict
Action = aws.wafv2.WebAclRuleActionArgsDict
Visibility = aws.wafv2.WebAclRuleVisibilityConfigArgsDict


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """The load balancer, and the key of the log."""

    load_balancer_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    site: Site


class Firewall(pulumi.ComponentResource):
    """The web ACL, its association with the load balancer, and the log of the requests that it counts or blocks."""

    log_group: pulumi.Output[str]
    """The name of the log group."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Firewall", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        physical = f"{PROJECT}-{args.site.name}"
        acl = aws.wafv2.WebAcl(
            f"{name}-acl",
            name=physical,
            scope="REGIONAL",
            description="Counts requests to the crisis services, and limits all others",
            default_action={"allow": {}},
            custom_response_bodies=[{"key": HELP, "content": HELP_TEXT, "content_type": "TEXT_PLAIN"}],
            rules=list(rules()),
            visibility_config={
                "cloudwatch_metrics_enabled": True,
                "metric_name": physical,
                "sampled_requests_enabled": False,
            },
            tags=args.site.tags.of(tier="platform", data="none", name=physical),
            opts=child,
        )
        aws.wafv2.WebAclAssociation(
            f"{name}-association", resource_arn=args.load_balancer_arn, web_acl_arn=acl.arn, opts=child
        )
        self.log_group = self._log(name, acl, args)
        self.register_outputs({})

    def _log(self, name: str, acl: aws.wafv2.WebAcl, args: FirewallArgs) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        # WAF takes no other prefix: AWS WAF Developer Guide, "Sending protection pack traffic logs to a CloudWatch Logs
        # log group".
        group = f"aws-waf-logs-{PROJECT}-{args.site.name}"
        log = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=group,
            kms_key_id=args.logs_key_arn,
            retention_in_days=LOG_DAYS,
            tags=args.site.tags.of(tier="platform", data="phi", name=group),
            opts=child,
        )
        aws.wafv2.WebAclLoggingConfiguration(
            f"{name}-logging",
            resource_arn=acl.arn,
            log_destination_configs=[log.arn],
            # They would let a reader of the log act as the user.
            redacted_fields=[{"single_header": {"name": header}} for header in ("authorization", "cookie")],
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [{"action_condition": {"action": action}} for action in ("BLOCK", "COUNT")],
                    }
                ],
            },
            opts=child,
        )
        return log.name


def rules() -> Iterator[Rule]:
    """The rules in their order. Only two of them block: `limit` and `attack`.

    Health checkers have no exemption from the limit, because anyone can send their user agent. They stay below it: each
    of their addresses sends a request per check and interval.
    """
    crisis, checker = f"{EXEMPT}crisis", f"{EXEMPT}health-checker"
    paths = "|".join(re.escape(path) for path in CHECKED_PATHS)
    checks = _all(_begins(CHECKER_AGENT, {"single_header": {"name": "user-agent"}}), _path_matches(f"^({paths})$"))
    yield _rule("crisis", 0, _begins(CRISIS_PREFIX, _PATH), _COUNT, label=crisis)
    yield _rule("health-checkers", 1, checks, _COUNT, label=checker)
    yield _rule("limit", 2, _often(_not(_label(crisis))), _block(429))
    yield _rule("limit-crisis", 3, _often(_label(crisis)), _COUNT)
    for number, group in enumerate(MANAGED_GROUPS, 4):
        yield _managed(group, number)
    labels = [_label(f"{MANAGED_NAMESPACE}{label}") for group in MANAGED_GROUPS.values() for label in group]
    attack = _all(_any(*labels), _not(_label(EXEMPT)), _not(_label(LONG_BODY)))
    yield _rule("attack", 4 + len(MANAGED_GROUPS), attack, _block(403))


_COUNT: Action = {"count": {}}
# The SDK has a type of its own for each place in which these two occur.
_PATH: Any = {"uri_path": {}}
_AS_SENT: Any = [{"priority": 0, "type": "NONE"}]


def _rule(name: str, priority: int, statement: Statement, action: Action, *, label: str | None = None) -> Rule:
    return {
        "name": name,
        "priority": priority,
        "statement": statement,
        "action": action,
        "rule_labels": [] if label is None else [{"name": label}],
        "visibility_config": _visible(name),
    }


def _managed(group: str, priority: int) -> Rule:
    """A group of AWS, which only labels requests."""
    longer: Any = [{"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}] if "Common" in group else []
    return {
        "name": group,
        "priority": priority,
        # A rule that counts does not end the evaluation of its group, so a long body can still meet the rules behind.
        "statement": {
            "managed_rule_group_statement": {"vendor_name": "AWS", "name": group, "rule_action_overrides": longer}
        },
        "override_action": {"count": {}},
        "visibility_config": _visible(group),
    }


def _visible(metric: str) -> Visibility:
    # A sample would show the headers of requests to anyone who may open the console.
    return {"cloudwatch_metrics_enabled": True, "metric_name": metric, "sampled_requests_enabled": False}


def _block(status: int) -> Action:
    return {"block": {"custom_response": {"response_code": status, "custom_response_body_key": HELP}}}


def _begins(text: str, field: Any) -> Statement:
    return {
        "byte_match_statement": {
            "search_string": text,
            "positional_constraint": "STARTS_WITH",
            "field_to_match": field,
            "text_transformations": _AS_SENT,
        }
    }


def _path_matches(expression: str) -> Statement:
    return {
        "regex_match_statement": {
            "regex_string": expression,
            "field_to_match": _PATH,
            "text_transformations": _AS_SENT,
        }
    }


def _often(scope: Any) -> Statement:
    """More requests from one address than the limit. The SDK has a type of its own for the scope."""
    return {
        "rate_based_statement": {
            "limit": REQUESTS_PER_WINDOW,
            "evaluation_window_sec": WINDOW_SECONDS,
            "aggregate_key_type": "IP",
            "scope_down_statement": scope,
        }
    }


def _label(key: str) -> Statement:
    return {"label_match_statement": {"key": key, "scope": "NAMESPACE" if key.endswith(":") else "LABEL"}}


def _not(statement: Statement) -> Statement:
    return {"not_statement": {"statement": statement}}


def _all(*statements: Statement) -> Statement:
    return {"and_statement": {"statements": [*statements]}}


def _any(*statements: Statement) -> Statement:
    return {"or_statement": {"statements": [*statements]}}
