"""Identities and the requests that they make: what the rules on identities compare with their policies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policy import calls, iam
from policy.calls import Call
from policy.model import UNKNOWN, Resource, Site, table_arn
from policy.rules.buckets import BUCKET, ENCRYPTION, REPLICATION, settings
from policy.rules.clusters import ASSOCIATION
from policy.rules.keys import SECRETS
from policy.rules.workloads import containers, of_account

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ALIAS = "aws:kms/alias:Alias"
_NAME = re.compile(r"\{(\w+)\}")
_ACCOUNT = re.compile(r"arn:aws:\w+:[\w-]*:(\d{12}):")


_SERVICE, _ALIASES = "kms:ViaService", "kms:ResourceAliases"
STRANGE: dict[str, tuple[str, ...]] = {
    calls.LEADING_KEYS: ("strange#1",),
    _SERVICE: ("ec2.us-east-1.amazonaws.com",),
    _ALIASES: ("alias/strange",),
}
"""A value of each condition key that no identity uses."""


@dataclass(frozen=True)
class Caller:
    """A role's policy, and the calls that it exists for."""

    policy: Resource
    listed: tuple[Call, ...]
    names: Mapping[str, Any]
    """The values of the names in its calls; UNKNOWN if a preview cannot know one."""

    @property
    def document(self) -> Any:
        """Its permissions."""
        return self.policy.document("policy")

    @property
    def made(self) -> list[Call]:
        """The calls whose names have values: a pod without a variable does not make the call that needs it."""
        return [call for call in self.listed if set(_NAME.findall(call.resource or "")) <= set(self.names)]


def callers(site: Site) -> tuple[Caller, ...]:
    """Each role whose calls are listed, unless a preview does not know its policy."""
    return site.once(_callers)


def _callers(site: Site) -> tuple[Caller, ...]:
    return (*_of_pods(site), *_of_replication(site))


def _of_pods(site: Site) -> Iterator[Caller]:
    for association in site.of(ASSOCIATION):
        account, role = str(association.get("serviceAccount")), association.get("roleArn")
        names = {"account": aws_accounts(role)[0], **environment(site, account)}
        names |= _derived(site, names)
        for policy in _policies(site, association, "roleArn"):
            if UNKNOWN not in (role, policy.document("policy")):
                yield Caller(policy, calls.CALLS.get(account, ()), names)


def _derived(site: Site, names: Mapping[str, Any]) -> dict[str, Any]:
    """Names that follow from others: the copy of the ledger that pods use, and the bucket of the backups' copies."""
    derived: dict[str, Any] = {}
    if "LEDGER_TABLE" in names:
        region, account = names.get("AWS_REGION"), str(names["account"])
        derived["LEDGER"] = table_arn(names["LEDGER_TABLE"], region=region, account=account)
    for _, bucket, copy in _copied(site):
        if str(bucket).endswith("-backups"):
            derived["COPY_OF_BACKUPS"] = copy
    return derived


def _of_replication(site: Site) -> Iterator[Caller]:
    for config, source, target in _copied(site):
        for policy in _policies(site, config, "role"):
            if UNKNOWN not in (source, target, policy.document("policy")):
                yield Caller(policy, calls.REPLICATION, {"SOURCE_BUCKET": source, "TARGET_BUCKET": target})


def _copied(site: Site) -> Iterator[tuple[Resource, Any, Any]]:
    """Each replication, with the names of the bucket and of its copy."""
    for config in site.of(REPLICATION):
        arn = config.get("rules", 0, "destination", "bucket")
        yield config, config.get("bucket"), arn if arn is UNKNOWN else str(arn).removeprefix("arn:aws:s3:::")


def accounts(site: Site) -> dict[str, str]:
    """The service accounts of the policies of pods by URN, also while a preview does not know a role's ARN."""
    return {
        policy.urn: str(association.get("serviceAccount"))
        for association in site.of(ASSOCIATION)
        for policy in _policies(site, association, "roleArn")
    }


def requests(site: Site, caller: Caller) -> Iterator[iam.Request]:
    """The calls of an identity as IAM sees them, and the uses of keys that follow from them."""
    for call in caller.made:
        values = [caller.names[name] for name in _NAME.findall(call.resource or "")]
        if call.resource is None or UNKNOWN in values:
            continue
        resource = _NAME.sub(lambda name: str(caller.names[name[1]]), call.resource)
        context = {calls.LEADING_KEYS: call.keys} if call.keys else {}
        yield iam.Request(action=call.action, resource=resource, context=context)
        if call.action in calls.KEY_USES:
            service = call.action.partition(":")[0]
            for key, region in _keys(site, resource):
                context = {
                    _SERVICE: (f"{service}.{region}.amazonaws.com",),
                    _ALIASES: tuple(_aliases(site, key)),
                }
                yield iam.Request(action=calls.KEY_USES[call.action], resource=key, context=context)


def elsewhere(made: Sequence[iam.Request]) -> Iterator[iam.Request]:
    """The same calls on what the identity does not use: other resources, items and ways."""
    for request in made:
        if request.resource == "*":
            continue
        for key in {calls.LEADING_KEYS, _SERVICE} & set(request.context):
            yield replace(request, context={**request.context, key: STRANGE[key]})
        # Another key has other aliases.
        named = {key: STRANGE[key] for key in {_ALIASES} & set(request.context)}
        for arn in _strangers(request.resource):
            yield replace(request, resource=arn, context={**request.context, **named})


def described(request: iam.Request) -> str:
    """A request in a message."""
    context = "".join(f", {key} {' and '.join(values)}" for key, values in request.context.items())
    return f"{request.action} on {request.resource}{context}"


def aws_accounts(text: Any) -> list[str]:
    """The accounts that ARNs in a text name; without any, an empty one."""
    return sorted(set(_ACCOUNT.findall(str(text)))) or [""]


def environment(site: Site, account: str) -> dict[str, Any]:
    """The variables of the pods of a service account, and the facts of the site."""
    data = site.facts.get("data") if site.facts else None
    variables = {
        entry["name"]: entry["value"]
        for resource in of_account(site, account)
        for container in containers(resource)
        for entry in container.get("env") or ()
        if "value" in entry
    }
    return {**(data if isinstance(data, Mapping) else {}), **variables}


def _policies(site: Site, owner: Resource, key: str) -> list[Resource]:
    return [entry for role in site.linked(owner, key, ROLE) for entry in site.users(role, ROLE_POLICY, "role")]


def _keys(site: Site, arn: str) -> Iterator[tuple[str, str]]:
    """The key that encrypts a bucket or a secret of this site, and its region."""
    for bucket in site.of(BUCKET):
        if arn.startswith(f"arn:aws:s3:::{bucket.get('bucket')}/"):
            for entry in settings(site, bucket, ENCRYPTION):
                key = entry.get("rules", 0, "applyServerSideEncryptionByDefault", "kmsMasterKeyId")
                if isinstance(key, str):
                    yield key, str(bucket.get("region") or site.region)
    for secret in site.of(SECRETS):
        key = secret.get("kmsKeyId")
        if f":secret:{secret.get('name')}-" in arn and isinstance(key, str):
            yield key, str(site.region)


def _aliases(site: Site, key: str) -> Iterator[str]:
    for alias in site.of(ALIAS):
        if key.endswith(f"/{alias.get('targetKeyId')}"):
            yield str(alias.get("name"))


def _strangers(arn: str) -> Iterator[str]:
    """ARNs of the same kind: another name, another account, another region."""
    head, _, name = arn.rpartition(":")
    kind, slash, rest = name.partition("/")
    bucket = head.startswith("arn:aws:s3:")
    yield f"{head}:strange{slash}{rest}" if bucket or not rest else f"{head}:{kind}/strange"
    parts = arn.split(":")
    for place, value in ((3, "eu-central-1"), (4, "999999999999")):
        if parts[place]:
            yield ":".join((*parts[:place], value, *parts[place + 1 :]))
