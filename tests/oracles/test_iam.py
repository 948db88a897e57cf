"""`policy.iam` against an independent implementation of IAM, on policies of the program and changes of them.

The oracle runs in a process of its own (`make oracles`): it is licensed under the AGPL, and no part of Lifeline.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from random import Random
from typing import Any

import pytest

from policy import iam
from policy.calls import LEADING_KEYS
from tests.harness import ROOT, deploy

pytestmark = pytest.mark.oracles

CASES = 4000
LEAST = 2000
"""The cases of which the oracle must know the request: it refuses an action on a resource of another type."""
KEYS = ("epoch#1", "event#7", "ready#2", "handover#1", "closed#1", "", "other")
OPERATORS = (
    "StringEquals",
    "StringLike",
    "ForAllValues:StringLike",
    "ForAnyValue:StringLike",
    "ForAllValues:StringEquals",
)
KEYLESS = "dynamodb:Scan"
"""It names no item. Source: Service Authorization Reference, "Amazon DynamoDB": it has no `dynamodb:LeadingKeys`.
The oracle leaves out a value for it."""
OTHERS = (
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "DynamoDB:getitem",
    "s3:GetObject",
    "s3:PutObject",
    "rds:CreateDBSnapshot",
)
Case = dict[str, Any]


def documents() -> list[Mapping[str, Any]]:
    """The policy of every role of a site."""
    return [json.loads(entry.inputs["policy"]) for entry in deploy("primary") if entry.type.endswith(":RolePolicy")]


def changed(document: Mapping[str, Any], random: Random) -> Mapping[str, Any]:
    """A policy with up to three changes: a wildcard, a denial, another condition, or none."""
    new = deepcopy({**document})
    for _ in range(random.randrange(4)):
        statement = random.choice(new["Statement"])
        actions, resources = iam.listed(statement["Action"]), iam.listed(statement["Resource"])
        match random.randrange(6):
            case 0:
                statement["Effect"] = random.choice(("Allow", "Deny"))
            case 1:
                statement["Action"] = [re.sub(r"(?<=:)(...).*", r"\1*", random.choice(actions)), *actions[1:]]
            case 2:
                statement["Resource"] = [
                    random.choice(resources).replace("us-east-2", random.choice(("*", "us-????-2")))
                ]
            case 3:
                values = random.sample(("epoch#*", "event#?", "ready#2", "*", "handover#*"), random.randrange(1, 4))
                statement["Condition"] = {random.choice(OPERATORS): {LEADING_KEYS: values}}
            case 4:
                statement["Condition"] = {"Null": {LEADING_KEYS: random.choice(("true", "false"))}}
            case _:
                statement.pop("Condition", None)
    return new


def cases(seed: int = 0) -> Iterator[Case]:
    random, policies = Random(seed), documents()
    for _ in range(CASES):
        document = changed(random.choice(policies), random)
        named = random.choice(document["Statement"])
        action = random.choice((*iam.listed(named["Action"]), *iam.listed(named["Action"]), random.choice(OTHERS)))
        resource = str(random.choice(iam.listed(named["Resource"])))
        resource = random.choice((resource, resource, resource.replace("us-east-2", "us-west-2"), resource + "x"))
        keys = random.sample(KEYS, random.randrange(4))
        takes_keys = action.startswith("dynamodb:") and action != KEYLESS
        yield {
            "document": document,
            "action": action.replace("*", "Item"),
            "resource": resource.replace("*", random.choice(("1", "a/b", "x-y"))).replace("?", "a"),
            "context": {LEADING_KEYS: keys} if takes_keys and random.random() < 0.8 else {},
        }


def ours(case: Case) -> str:
    context = {key: tuple(values) for key, values in case["context"].items()}
    request = iam.Request(action=case["action"], resource=case["resource"], context=context)
    try:
        return "Allowed" if iam.allows(case["document"], request) else "Denied"
    except iam.UnknownElementError as error:
        return f"unknown {error}"


EXPLAINED = {
    "kms": "the oracle also asks the policy of the key, which the stand-in does not model",
    "null": "IAM calls a key without values null (IAM User Guide, `ForAllValues`), the oracle only an absent one",
}


def explanation(case: Case) -> str:
    """The key of the explanation of a difference; empty if there is none."""
    if case["action"].startswith("kms:"):
        return "kms"
    return "null" if case["context"].get(LEADING_KEYS) == [] and '"Null"' in json.dumps(case["document"]) else ""


def test_both_decide_the_same_on_thousands_of_requests() -> None:
    made = [*cases()]
    lines = "".join(json.dumps(case) + "\n" for case in made)
    command = ["node", str(ROOT / ".oracles/iam.mjs")]
    said = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=300)
    answers = said.stdout.splitlines()
    known = [(case, answer) for case, answer in zip(made, answers, strict=True) if not answer.startswith("error")]
    decided = [(case, "Allowed" if answer == "Allowed" else "Denied", ours(case)) for case, answer in known]
    counts = Counter(answer for _, answer, _ in decided)
    assert len(decided) >= LEAST
    assert min(counts["Allowed"], counts["Denied"]) >= LEAST // 5, counts
    differences = [(explanation(case), case, answer, own) for case, answer, own in decided if own != answer]
    assert [difference for difference in differences if not difference[0]] == []
    assert {difference[0] for difference in differences} == EXPLAINED.keys()
