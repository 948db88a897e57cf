"""Mutations of the roles of pods and of S3's copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.policy.draft import Change, both, copied, document, drop, put, relink
from tests.policy.mutation import Mutation

BACKUP = "postgresql-backup-identity-policy"
BACKEND_ROLE = "backend-identity-policy"
FENCE = "fence-identity-policy"
SWITCH = "switch-identity-policy"
CLAIM = "claim-identity-policy"


def _statement(policy: str, sid: str, edit: Callable[[dict[str, Any]], Any]) -> Change:
    """Change the statement of a policy that has a Sid."""

    def change(content: Any) -> None:
        (entry,) = (entry for entry in content["Statement"] if entry["Sid"] == sid)
        edit(entry)

    return document(policy, "policy", change)


def _without(policy: str, sid: str) -> Change:
    def change(content: Any) -> None:
        content["Statement"] = [entry for entry in content["Statement"] if entry["Sid"] != sid]

    return document(policy, "policy", change)


def _set(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.update({key: value})


def _without_null(entry: dict[str, Any]) -> None:
    del entry["Condition"]["Null"]


def _any_value(entry: dict[str, Any]) -> None:
    entry["Condition"]["ForAnyValue:StringLike"] = entry["Condition"].pop("ForAllValues:StringLike")


def _more(action: str) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry["Action"].append(action)


def _keys(*patterns: str) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry["Condition"]["ForAllValues:StringLike"].update({"dynamodb:LeadingKeys": list(patterns)})


def _replaced(before: str, after: str) -> Callable[[dict[str, Any]], None]:
    def edit(entry: dict[str, Any]) -> None:
        entry["Resource"] = [name.replace(before, after) for name in entry["Resource"]]

    return edit


def _in_two_accounts(entry: dict[str, Any]) -> None:
    (own,) = entry["Resource"]
    entry["Resource"] = [own.replace("123456789012", "000000000000"), own]
    del entry["Condition"]


def _attached(role: str, policy: str) -> Change:
    """Attach a policy to a role, as another attachment of the site does."""
    return both(
        copied("cluster-1-nodes-worker", "another-attachment"),
        put("another-attachment", policy, "policyArn"),
        relink("another-attachment", "role", role) if role != "cluster-1-nodes-role" else lambda draft: None,
    )


def _any_account(content: Any) -> None:
    del content["Statement"][0]["Condition"]["StringEquals"]["aws:RequestTag/kubernetes-service-account"]


CLAIMS = (
    Mutation(
        "iam-role-claims-nothing",
        "a process on a node claims an epoch",
        _attached("cluster-1-nodes-role", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    Mutation(
        "iam-role-claims-nothing",
        "a right for another account hides one for ours",
        _statement(BACKEND_ROLE, "UseLedger", _in_two_accounts),
    ),
    Mutation(
        "iam-role-claims-nothing",
        "a fault in the backend claims an epoch",
        _statement(BACKEND_ROLE, "UseLedger", lambda entry: entry.pop("Condition")),
    ),
    Mutation(
        "iam-role-claims-nothing",
        "a scan hands out all events",
        both(
            _statement(BACKEND_ROLE, "UseLedger", _without_null),
            _statement(BACKEND_ROLE, "UseLedger", _more("dynamodb:Scan")),
        ),
    ),
    Mutation(
        "iam-role-claims-nothing",
        "a batch with one event reads all claims",
        _statement(BACKEND_ROLE, "UseLedger", _any_value),
    ),
    Mutation(
        "iam-role-claims-nothing",
        "a fault in the detector claims an epoch",
        _statement("crisis-detector-identity-policy", "UseLedger", _keys("e*")),
    ),
    Mutation(
        "iam-role-claims-nothing",
        "the gateway forges a handover",
        _statement("hotline-gateway-identity-policy", "UseLedger", _keys("event#*", "escalation#*", "handover#*")),
    ),
    Mutation("iam-role-claims-nothing", "a claim's pod forges a ready mark", _statement(CLAIM, "Claim", _keys("*"))),
    Mutation("iam-role-claims-nothing", "a fence claims an epoch", _statement(FENCE, "NoteHandover", _keys("*"))),
    Mutation(
        "iam-role-claims-nothing",
        "events disappear",
        _statement(BACKEND_ROLE, "UseLedger", _more("dynamodb:DeleteItem")),
    ),
    Mutation(
        "iam-role-claims-nothing",
        "a copy of the export job writes claims",
        _statement("ledger-export-identity-policy", "LookForItems", _more("dynamodb:PutItem")),
    ),
)

CALLERS = (
    Mutation(
        "iam-role-no-more-than-its-calls",
        "a policy of AWS gives a pod all buckets",
        _attached("crisis-detector-identity-role", "arn:aws:iam::aws:policy/AmazonS3FullAccess"),
    ),
    Mutation(
        "iam-role-no-more-than-its-calls",
        "a second list of rights hides in the role",
        put("fence-identity-role", ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "managedPolicyArns"),
    ),
    Mutation("iam-role-may-call", "no event is acknowledged", _without("crisis-detector-identity-policy", "UseLedger")),
    Mutation("iam-role-may-call", "no epoch can be claimed", _without(CLAIM, "Claim")),
    Mutation("iam-role-may-call", "a superseded leader goes on writing", _without(FENCE, "ReadClaims")),
    Mutation("iam-role-may-call", "a switchover waits for ever", _without(FENCE, "NoteHandover")),
    Mutation("iam-role-may-call", "traffic never follows the new leader", _without(FENCE, "MarkReady")),
    Mutation("iam-role-may-call", "the switch does not know who leads", _without(SWITCH, "ReadMarks")),
    Mutation("iam-role-may-call", "no pod can log in", _without(BACKEND_ROLE, "DecryptPassword")),
    Mutation(
        "iam-role-may-call", "no backup is written", _statement(BACKUP, "WriteBackups", _replaced("dumps", "dump"))
    ),
    Mutation(
        "iam-role-may-call",
        "the backup cannot use its bucket's key",
        _statement(BACKUP, "UseBucketKey", _replaced("backups-own", "models-own")),
    ),
    Mutation(
        "iam-role-may-call",
        "no backup is ever proved",
        _statement("restore-check-identity-policy", "DecryptCopies", _set("Action", ["kms:DescribeKey"])),
    ),
    Mutation(
        "iam-role-may-call",
        "a restore finds no backup of its own site",
        _statement("restore-identity-policy", "ReadAllBackups", _replaced("primary-backups/", "primary-backup/")),
    ),
    Mutation(
        "iam-role-may-call",
        "events are written to the region that is lost",
        _statement(BACKEND_ROLE, "UseLedger", _replaced("us-east-2", "us-west-2")),
    ),
    Mutation(
        "iam-role-may-call", "a text message reaches nobody", _without("alertmanager-identity-policy", "SendTexts")
    ),
    Mutation(
        "iam-role-may-call",
        "no object is copied to the other region",
        _statement("backups-replication-policy", "EncryptCopies", _set("Action", ["kms:Decrypt"])),
    ),
    Mutation(
        "iam-role-may-call",
        "S3 copies no locked object",
        _statement(
            "models-replication-policy", "ReadObjects", lambda entry: entry["Action"].remove("s3:GetObjectRetention")
        ),
    ),
    Mutation(
        "iam-role-no-more-than-its-calls",
        "a fault in the backup job deletes backups",
        _statement(BACKUP, "WriteBackups", _more("s3:DeleteObject")),
    ),
    Mutation(
        "iam-role-no-more-than-its-calls",
        "the backup job lifts the lock of backups",
        _statement(BACKUP, "ReadBackups", _more("s3:BypassGovernanceRetention")),
    ),
    Mutation(
        "iam-role-no-more-than-its-calls",
        "the exporter reads every bucket",
        _statement("recovery-exporter-identity-policy", "ReadManifests", _set("Resource", ["arn:aws:s3:::*"])),
    ),
    Mutation(
        "iam-role-no-more-than-its-calls",
        "the backend reads every secret",
        _statement(BACKEND_ROLE, "ReadPassword", _set("Resource", ["*"])),
    ),
    Mutation(
        "iam-role-no-more-than-its-calls",
        "the backend decrypts disks",
        _statement(BACKEND_ROLE, "DecryptPassword", lambda entry: entry.pop("Condition")),
    ),
    Mutation(
        "iam-role-no-more-than-its-calls",
        "a pod that is taken over is an administrator",
        _statement("prometheus-identity-policy", "WriteMetrics", _set("Action", ["*"])),
    ),
    Mutation(
        "iam-role-own-pods",
        "any pod of the cluster notes a handover",
        document("fence-identity-role", "assumeRolePolicy", _any_account),
    ),
    Mutation(
        "iam-role-own-pods",
        "the job is refused its role",
        put("postgresql-backup-identity-association", "backup", "serviceAccount"),
    ),
    Mutation(
        "iam-role-own-pods",
        "the fence has the rights of another job",
        relink("fence-identity-association", "roleArn", "crisis-detector-identity-role"),
    ),
    Mutation("iam-role-for-each-caller", "the fence sees no claim", drop("fence-identity-association")),
    Mutation("iam-role-for-each-caller", "no backup is made", drop("postgresql-backup-identity-association")),
    Mutation(
        "iam-role-for-each-caller",
        "an unknown job has rights that no one reviews",
        put("restore-identity-association", "cleanup", "serviceAccount"),
    ),
)
