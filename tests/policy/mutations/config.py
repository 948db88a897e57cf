"""Single edits of a stack file that break a recovery. The program is rendered with each."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from policy.judge import judge
from policy.settings import read_settings
from policy.sources import SourceError, from_registrations
from stacks.config import parse
from stacks.problems import ConfigError
from tests.harness import deploy, stack_config
from tests.policy.draft import PEER, TODAY, clean

REFUSED = "configuration"
"""The name under which the program itself refuses a stack file."""
OTHER_IMAGE = f"sha256:{'9' * 64}"


@dataclass(frozen=True)
class ConfigMutation:
    """One edit, the rule that refuses it, and its consequence."""

    rule: str
    outage: str
    stack: str
    value: Any
    path: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.outage}"


def edit(rule: str, outage: str, stack: str, value: Any, *path: str) -> ConfigMutation:
    return ConfigMutation(rule, outage, stack, value, path)


EDITS = (
    edit("rds-instance-not-deletable", "a script deletes the database", "primary", False, "protect"),
    edit(
        "eks-cluster-private", "the internet reaches the API", "primary", ["0.0.0.0/0"], "cluster", "publicAccessCidrs"
    ),
    edit(
        "site-retention-by-class",
        "the mistake is older than every dump",
        "primary",
        30,
        "backups",
        "keepDays",
        "userData",
    ),
    edit("site-retention-by-class", "the traces are gone", "primary", 90, "backups", "keepDays", "logs"),
    edit(REFUSED, "the standby has one pod", "secondary", 1, "capacity", "standby", "backend"),
    edit("site-standby-warm", "detectors are too few", "secondary", 2, "capacity", "standby", "crisisDetector"),
    edit("site-standby-warm", "the room is too small", "primary", 9, "capacity", "active", "backend"),
    edit(
        "k8s-deployment-same-at-both-sites", "another release takes over", "secondary", OTHER_IMAGE, "images", "backend"
    ),
    edit(
        "rds-instance-same-at-both-sites",
        "the leader is too small",
        "secondary",
        "db.t4g.small",
        "database",
        "instanceClass",
    ),
    edit("rds-instance-same-at-both-sites", "the new leader fills", "secondary", 500, "database", "maxStorageGib"),
    edit("eks-cluster-same-at-both-sites", "an API is missing", "secondary", "1.35", "cluster", "version"),
    edit("eks-nodegroup-same-at-both-sites", "nodes are too few", "secondary", 9, "cluster", "nodes", "maximum"),
    edit("site-role-one-leader", "both sites lead", "secondary", ["primary-1", "secondary-1"], "timeline"),
    edit(REFUSED, "the replica follows a region without a database", "secondary", "us-west-1", "peer", "region"),
    edit(REFUSED, "one region holds the majority of the ledger", "primary", "us-east-2", "ledger", "witness"),
    edit(REFUSED, "both sites are in one region", "secondary", "us-west-2", "peer", "region"),
    edit(REFUSED, "the sites cannot be joined", "secondary", "10.20.0.0/16", "peer", "cidr"),
    edit(
        REFUSED,
        "a lost zone takes two of three",
        "primary",
        ["us-east-2a", "us-east-2a", "us-east-2c"],
        "network",
        "zones",
    ),
    edit(REFUSED, "no database leads", "primary", [], "timeline"),
    edit(REFUSED, "an epoch belongs to another site's history", "primary", ["primary-2"], "timeline"),
    edit(
        REFUSED, "writes of an epoch are thrown away", "primary", ["primary-1", "secondary-1", "primary-1"], "timeline"
    ),
    edit(REFUSED, "the leader is retired", "primary", [1], "database", "retired"),
    edit(REFUSED, "no fewest number of dumped rows is checked", "primary", -1, "backups", "minimumRows"),
)


def refusing(mutation: ConfigMutation) -> set[str]:
    """The rules that an edit breaks, or the refusal of the program."""
    top, *inside = mutation.path
    config = stack_config(mutation.stack)
    value: Any = copy.deepcopy(config.get(f"lifeline:{top}"))
    place = value
    for step in inside[:-1]:
        place = place[step]
    if inside:
        assert place[inside[-1]] != mutation.value, mutation
        place[inside[-1]] = mutation.value
    else:
        assert value != mutation.value, mutation
        value = mutation.value
    try:
        parse(config | {f"lifeline:{top}": value}, stack=mutation.stack)
    except ConfigError:
        return {REFUSED}
    timeline: Any = value if top == "timeline" else config["lifeline:timeline"]
    changes: dict[str, Any] = {} if top == "timeline" else {top: value}
    try:
        site = from_registrations(deploy(mutation.stack, tuple(timeline), **changes))
    except SourceError:
        return {REFUSED}
    findings = judge(site, clean(PEER[mutation.stack]), settings=read_settings(), today=TODAY).findings
    return {finding.policy for finding in findings}
