"""Rules on the steps from one configuration to another: `lifeline diff --json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.deployment import Step
from policy.rule import About, Severity, step_rule
from policy.rules.workloads import JOB

STATEFUL = (
    "aws:amp/workspace:Workspace",
    "aws:backup/vault:Vault",
    "aws:dynamodb/table:Table",
    "aws:ecr/repository:Repository",
    "aws:kms/key:Key",
    "aws:rds/instance:Instance",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "eks:index:Cluster",
    "random:index/randomPassword:RandomPassword",
)
"""The types that hold data, or that cannot be made again."""
GLOBAL = ("aws:iam/", "aws:route53/")
"""Services whose control planes are in us-east-1: AWS Fault Isolation Boundaries, 'Global services'."""
NETWORK = "aws:ec2/vpc:Vpc"
ROLE_KEYS = frozenset(
    {"finalSnapshotIdentifier", "replicateSourceDb", "skipFinalSnapshot", "vpcSecurityGroupIds"},
)
"""The inputs of a database that its role decides."""
FLIPPED = (
    "aws:rds/instance:Instance",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
    "kubernetes:core/v1:ConfigMap",
)
"""The types that a change of the leader updates."""
_NEW_DATABASE = re.compile(r"(alarms-|logs-)?database-|(restore|roles)-\d")
"""The names of the resources that a restore creates with a new database, and with a dump."""
_CLAIM = re.compile(r"claims(-\d+)?-epoch-(?P<claim>\d+-.+)")
"""The name of a claim's Job: the generation of its cluster, the epoch, and the database."""
Fault = tuple[Step, str]


def is_flip(steps: Sequence[Step]) -> bool:
    """Whether the steps change the leader: they claim an epoch at a site that exists."""
    return bool(_new_claims(steps)) and not any(step.type == NETWORK and step.op == "create" for step in steps)


def _claims(steps: Sequence[Step], op: str) -> dict[str, Step]:
    """The steps of one kind on the Jobs of claims, by epoch and database."""
    named = ((step, _CLAIM.fullmatch(step.name)) for step in steps if step.type == JOB and step.op == op)
    return {match["claim"]: step for step, match in named if match}


def _new_claims(steps: Sequence[Step]) -> list[Step]:
    """The claims of new epochs. A move to another cluster deletes the Jobs of all claims and creates them there."""
    moved = _claims(steps, "delete")
    return [step for claim, step in _claims(steps, "create").items() if claim not in moved]


@step_rule(
    "transition-step-keeps-data",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)", "164.308(a)(7)(ii)(A)"),
        remediation="Add a resource beside the old one. Remove the old one by `lifeline:database.retired`, by hand.",
        reference="Pulumi documentation, 'protect'; docs/runbooks/retire.md",
        incident="atlassian-2022",
    ),
)
def keeps_data(steps: Sequence[Step]) -> Iterator[Fault]:
    """No step deletes or replaces a resource that holds data."""
    for step in steps:
        if step.op in ("delete", "replace") and step.type in STATEFUL:
            yield step, f"it would {step.op} {step.type}{_because(step)}"


@step_rule(
    "transition-claim-is-history",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Append to the timeline. Never remove or reorder its entries.",
        reference="docs/architecture.md, 'The timeline decides every role'",
        incident="gitlab-2017",
    ),
)
def claim_is_history(steps: Sequence[Step]) -> Iterator[Fault]:
    """A timeline only grows: no claim is removed, and at most one is added."""
    kept = _claims(steps, "create")
    for claim, step in _claims(steps, "delete").items():
        if claim not in kept:
            yield step, "it would delete a claim: the timeline was shortened or reordered"
    created = _new_claims(steps)
    for step in created[1:] if is_flip(steps) else ():
        yield step, f"it would claim {len(created)} epochs at once, expected 1"


@step_rule(
    "transition-flip-without-global-services",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Deploy the change of DNS or IAM before or after the flip.",
        reference="AWS Fault Isolation Boundaries, 'Global services'",
        incident="aws-2021-12",
    ),
)
def without_global_services(steps: Sequence[Step]) -> Iterator[Fault]:
    """A flip changes no DNS record and no role: their control planes may be down with us-east-1."""
    if not is_flip(steps):
        return
    for step in steps:
        if step.type.startswith(GLOBAL) and not _is_new_database(step):
            yield step, f"it would {step.op} {step.type} in a flip"


@step_rule(
    "transition-flip-touches-roles-only",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Flip with the deployed version of the program and of the images, and change nothing else with it.",
        reference="docs/architecture.md, 'A flip, step by step'",
        incident="roblox-2021",
    ),
)
def touches_roles_only(steps: Sequence[Step]) -> Iterator[Fault]:
    """A flip changes what the roles decide, and nothing else."""
    for step in steps if is_flip(steps) else ():
        foreign = set(step.keys) - ROLE_KEYS if step.type == "aws:rds/instance:Instance" else set[str]()
        if not _is_part_of_a_flip(step):
            yield step, f"it would {step.op} {step.type} in a flip"
        elif foreign and step.op == "update":
            yield step, f"it would change {', '.join(sorted(foreign))} of a database in a flip"


def _is_part_of_a_flip(step: Step) -> bool:
    if step.op == "create":
        return step.name.startswith(("claims-", "handover-", "promotion-wait-")) or _is_new_database(step)
    return step.op == "update" and step.type in FLIPPED


@step_rule(
    "transition-flip-promotes",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Name the database that this site holds as the new leader.",
        reference="docs/architecture.md, 'A flip, step by step'",
    ),
)
def promotes(steps: Sequence[Step]) -> Iterator[Fault]:
    """A claimed epoch has a leader: the flip changes a database or creates one."""
    changed = any(step.type == "aws:rds/instance:Instance" and step.op in ("create", "update") for step in steps)
    for step in _new_claims(steps) if is_flip(steps) and not changed else ():
        yield step, "it would claim an epoch, and no database changes"


def _because(step: Step) -> str:
    return f" because of {', '.join(step.keys)}" if step.keys else ""


def _is_new_database(step: Step) -> bool:
    return step.op == "create" and _NEW_DATABASE.match(step.name) is not None


RULES = (keeps_data, claim_is_history, without_global_services, touches_roles_only, promotes)
