"""Rules on identities: each may make the calls that its pods make, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy import calls, iam
from policy.model import UNKNOWN, Resource, Site, table_arn
from policy.rule import About, Severity, site_rule
from policy.rules.callers import (
    ATTACHMENT,
    ROLE,
    ROLE_POLICY,
    accounts,
    aws_accounts,
    callers,
    described,
    elsewhere,
    requests,
)
from policy.rules.clusters import ASSOCIATION
from policy.rules.workloads import EVERY_POD, pod

_WIDE = re.compile(r"/(AdministratorAccess|PowerUserAccess|AmazonDynamoDBFullAccess\w*)$")
"""Policies of AWS that allow to write any table: AWS Managed Policy Reference."""
_GUIDE = "IAM User Guide"
READS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect")
WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate")
DELETES = ("dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLDelete", "dynamodb:DeleteTable")
"""`BatchWriteItem` can delete. Source: Service Authorization Reference, "Actions for Amazon DynamoDB"."""


@site_rule(
    "iam-role-may-call",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Allow the call in components/permissions.py, or list it no longer in policy/calls.py.",
        reference=f"{_GUIDE}, 'Policy evaluation logic'",
        incident="gitlab-2017",
    ),
)
def may_call(site: Site) -> Iterator[tuple[Resource, str]]:
    """Each identity may make every call that its pods make, with the keys of the buckets and secrets that they use."""
    for caller in callers(site):
        for request in requests(site, caller):
            if not iam.allows(caller.document, request):
                yield caller.policy, f"not allowed: {described(request)}"


@site_rule(
    "iam-role-no-more-than-its-calls",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(1)",),
        remediation="Take the action away, or name the resources that the pods use.",
        reference=f"{_GUIDE}, 'Apply least-privilege permissions'",
        also=("CKV_AWS_355", "CKV_AWS_290", "iam-policy-no-statements-with-admin-access"),
    ),
)
def no_more_than_its_calls(site: Site) -> Iterator[tuple[Resource, str]]:
    """No identity may make a call that its pods do not make, or on something that they do not use."""
    for caller in callers(site):
        document, expected = caller.document, list(requests(site, caller))
        known = {request.action for request in expected} | {call.action for call in caller.made}
        for action in sorted(iam.actions(document) - known):
            yield caller.policy, f"allowed, and never called: {action}"
        for other in elsewhere(expected):
            if iam.allows(document, other):
                yield caller.policy, f"allowed, and never called: {described(other)}"
    for association in site.of(ASSOCIATION):
        for role in site.linked(association, "roleArn", ROLE):
            for attachment in site.users(role, ATTACHMENT, "role"):
                yield (
                    attachment,
                    f"a policy from elsewhere is attached to the role of {association.get('serviceAccount')}",
                )
            for key in ("inlinePolicies", "managedPolicyArns"):
                if role.get(key):
                    yield role, f"{key} is set, expected one RolePolicy"


@site_rule(
    "iam-role-claims-nothing",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(a)(1)", "164.312(c)(1)"),
        remediation="Limit every write to keys (`dynamodb:LeadingKeys`) that are no claim, and require keys (`Null`).",
        reference="Amazon DynamoDB Developer Guide, 'Using IAM policy conditions for fine-grained access control'",
    ),
)
def claims_nothing(site: Site) -> Iterator[tuple[Resource, str]]:
    """Only a claim's own pods write claims, no role deletes an item, and the application touches events only."""
    names = accounts(site)
    for policy in site.of(ROLE_POLICY):
        document = policy.document("policy")
        if document is UNKNOWN or document is None:
            continue
        account = names.get(policy.urn, "")
        for number in aws_accounts(document):
            ledger = table_arn(site.setting("LEDGER_TABLE"), region=site.region, account=number)
            for request in _forbidden(ledger, account):
                if iam.allows(document, request):
                    yield policy, f"allowed: {described(request)}"
    for attachment in site.of(ATTACHMENT):
        if _WIDE.search(str(attachment.get("policyArn"))):
            yield attachment, f"policyArn is {attachment.get('policyArn')}, which allows all of the ledger"


@site_rule(
    "iam-role-own-pods",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(1)", "164.308(a)(7)(ii)(C)"),
        remediation="Name the cluster, the namespace and the service account of the association in the role's trust.",
        reference="Amazon EKS User Guide, 'Create IAM role with trust policy required by EKS Pod Identity'",
    ),
)
def own_pods(site: Site) -> Iterator[tuple[Resource, str]]:
    """Pods get the role of their own service account, and no one else does."""
    for association in site.of(ASSOCIATION):
        roles = list(site.linked(association, "roleArn", ROLE))
        if not roles:
            yield association, "roleArn leads to no role of this site"
        for role in roles:
            trust = role.document("assumeRolePolicy")
            session = {
                "aws:RequestTag/eks-cluster-name": association.get("clusterName"),
                "aws:RequestTag/kubernetes-namespace": association.get("namespace"),
                "aws:RequestTag/kubernetes-service-account": association.get("serviceAccount"),
            }
            if trust is UNKNOWN or UNKNOWN in session.values():
                continue
            for statement in iam.statements(trust):
                if statement.get("Condition") != {"StringEquals": session}:
                    yield role, f"its trust is not limited to {session['aws:RequestTag/kubernetes-service-account']}"


@site_rule(
    "iam-role-for-each-caller",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Declare a `PodIdentity` for the service account, and its calls in policy/calls.py.",
        reference="Amazon EKS User Guide, 'Learn how EKS Pod Identity grants pods access to AWS services'",
    ),
)
def for_each_caller(site: Site) -> Iterator[tuple[Resource, str]]:
    """Pods that call AWS have a role, and the calls of each role are known."""
    accounts = {association.get("serviceAccount") for association in site.of(ASSOCIATION)}
    for resource in site.of(*EVERY_POD):
        account = (pod(resource) or {}).get("serviceAccountName")
        if account in calls.CALLS and account not in accounts:
            yield resource, f"its service account {account} has no role"
    for association in site.of(ASSOCIATION):
        if association.get("serviceAccount") not in (*calls.CALLS, UNKNOWN):
            yield association, f"the calls of {association.get('serviceAccount')} are not known"


def _forbidden(ledger: str, account: str) -> Iterator[iam.Request]:
    """The requests on the ledger that the role of a service account must not be able to make."""
    application, claims = account in calls.APPLICATION, account in calls.CLAIMS
    for key in (
        *(("event#e", "handover#1", "ready#1", "closed#1") if claims else ("epoch#1",)),
        *(("handover#1", "other") if application else ()),
    ):
        context = {calls.LEADING_KEYS: (key,)}
        yield from (iam.Request(action=action, resource=ledger, context=context) for action in WRITES)
    # One allowed key must not open the way for another one.
    yield iam.Request(action="dynamodb:PutItem", resource=ledger, context={calls.LEADING_KEYS: ("event#e", "epoch#1")})
    yield from (iam.Request(action=action, resource=ledger) for action in (*WRITES, *DELETES))
    for key in (*calls.EVENTS, "epoch#1", "handover#1"):
        context = {calls.LEADING_KEYS: (key,)}
        yield from (iam.Request(action=action, resource=ledger, context=context) for action in DELETES)
    if account not in calls.EVERY_ITEM:
        yield from (iam.Request(action=action, resource=ledger) for action in READS)
    if application:
        context = {calls.LEADING_KEYS: ("epoch#1",)}
        yield from (iam.Request(action=action, resource=ledger, context=context) for action in READS)


RULES = (may_call, no_more_than_its_calls, claims_nothing, own_pods, for_each_caller)
