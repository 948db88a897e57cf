"""Mutations of proofs: copies without a test, risks without an alert, a fence that does not look."""

from __future__ import annotations

from typing import Any

from tests.policy.draft import Change, Draft, drop, put
from tests.policy.mutation import Mutation

JOB_BOX = ("spec", "jobTemplate", "spec", "template", "spec", "containers", 0)


def variable(name: str, key: str, value: str, box: tuple[str | int, ...]) -> Change:
    """Set a variable of a pod."""

    def change(draft: Draft) -> None:
        place: Any = draft.edit(name)["inputs"]
        for step in box:
            place = place[step]
        (entry,) = (entry for entry in place["env"] if entry["name"] == key)
        assert entry["value"] != value, name
        entry["value"] = value

    return change


def _without_alerts(*names: str, **labels: str) -> Change:
    """Take alerts away, by their names and labels."""

    def goes(rule: dict[str, Any]) -> bool:
        return rule.get("alert") in names and labels.items() <= rule["labels"].items()

    def change(draft: Draft) -> None:
        gone = 0
        for group in draft.edit("monitoring-rules")["inputs"]["spec"]["groups"]:
            kept = [rule for rule in group["rules"] if not goes(rule)]
            gone += len(group["rules"]) - len(kept)
            group["rules"] = kept
        assert gone, names

    return change


def _secrets_key(address: str) -> Change:
    def change(draft: Draft) -> None:
        assert draft.secrets_key != address
        draft.secrets_key = address

    return change


FENCE_BOX = ("spec", "template", "spec", "containers", 0)
HOTLINE_ALERTS = ("ServiceBelowMinimum", "ErrorBudgetBurn", "EndpointDown")

PROOFS = (
    Mutation(
        "site-copy-proved", "a backup that cannot be read is found in the disaster", drop("backup-jobs-restore-check")
    ),
    Mutation("site-copy-proved", "a hole in the ledger's export is never found", drop("ledger-export-job")),
    Mutation(
        "site-copy-proved",
        "proofs end, and no one decided it",
        put("backup-jobs-restore-check", True, "spec", "suspend"),
    ),
    Mutation(
        "site-copy-proved",
        "the original is tested, and the copy is not",
        variable("backup-jobs-restore-check", "COPY_BUCKET", "lifeline-123456789012-primary-backups", JOB_BOX),
    ),
    Mutation(
        "site-copy-proved",
        "the job asks the wrong region for the copy",
        variable("ledger-export-job", "COPY_REGION", "us-east-2", JOB_BOX),
    ),
    Mutation("site-copy-proved", "an intruder deletes the copies", drop("backups-copy-lock")),
    Mutation(
        "site-retention-by-class",
        "the mistake is older than every dump",
        put("backups-own-expiry", 7, "rules", 0, "expiration", "days"),
    ),
    Mutation(
        "site-retention-by-class",
        "the mistake is older than every copy",
        put("ledger-exports-copy-expiry", 20, "rules", 0, "expiration", "days"),
    ),
    Mutation(
        "site-retention-by-class",
        "the traces of an intruder are gone",
        put("logs-copy-expiry", 90, "rules", 0, "expiration", "days"),
    ),
    Mutation("site-fence-runs", "a superseded leader goes on writing", drop("fence-pods")),
    Mutation("site-fence-runs", "a lost node lets both sites write", put("fence-pods", 1, "spec", "replicas")),
    Mutation(
        "site-fence-runs", "both sites write for minutes", variable("fence-pods", "FENCE_SECONDS", "300", FENCE_BOX)
    ),
    Mutation(
        "prometheus-rule-each-risk",
        "a week of backups is missing",
        _without_alerts("JobOverdue", cronjob="postgresql-backup"),
    ),
    Mutation("prometheus-rule-each-risk", "the last backup is a week old", _without_alerts("BackupMissing")),
    Mutation("prometheus-rule-each-risk", "no backup was ever restored", _without_alerts("BackupNotProved")),
    Mutation(
        "prometheus-rule-each-risk",
        "a replica that stands still is promoted",
        _without_alerts("DatabaseReplicationBehind"),
    ),
    Mutation(
        "prometheus-rule-each-risk",
        "the hotline is down and no one is paged",
        _without_alerts(*HOTLINE_ALERTS, tier="hotline"),
    ),
    Mutation(
        "site-state-own-region",
        "a recovery needs the key in the lost region",
        _secrets_key("awskms://alias/lifeline-primary-state?region=us-west-2"),
    ),
    Mutation(
        "site-state-own-region",
        "a recovery needs a key in no region",
        _secrets_key("awskms://alias/lifeline-primary-state"),
    ),
    Mutation(
        "site-state-own-region",
        "the export keeps the other site's state",
        variable("configuration-export-job", "STATE_BUCKET", "lifeline-123456789012-secondary-state", JOB_BOX),
    ),
)
