"""Changes that break no recovery, and of which no rule says anything."""

from __future__ import annotations

from typing import Any

from tests.policy.draft import Change, copied, document, put
from tests.policy.mutation import BACKEND, BOX, DB, DETECTOR, EKS, TABLE
from tests.policy.mutations.proofs import FENCE_BOX, variable


def _shorter(content: Any) -> None:
    content["Statement"] = content["Statement"][0]
    content["Statement"]["Resource"] = content["Statement"]["Resource"][0]


def _renamed(content: Any) -> None:
    content["Statement"][0]["Sid"] = "Ledger"


def _reordered(content: Any) -> None:
    content["Statement"][0]["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"].reverse()


HARMLESS: dict[str, Change] = {
    "a newer minor version of PostgreSQL": put(DB, "17.7", "engineVersion"),
    "a larger database": put(DB, "db.r7g.xlarge", "instanceClass"),
    "more room for growth": put(DB, 2000, "maxAllocatedStorage"),
    "a larger disk at creation": put(DB, 300, "allocatedStorage"),
    "denser monitoring": put(DB, 5, "monitoringInterval"),
    "another backup window": put(DB, "08:00-08:30", "backupWindow"),
    "another maintenance window": put(DB, "wed:11:00-wed:11:30", "maintenanceWindow"),
    "longer insights": put(DB, 31, "performanceInsightsRetentionPeriod"),
    "another name of the last snapshot": put(DB, "last", "finalSnapshotIdentifier"),
    "an owner in the tags": put(DB, "another-team", "tags", "lifeline:owner"),
    "another storage type": put(DB, "io2", "storageType"),
    "shorter idle transactions": put("database-1-parameters", "30000", "parameters", 0, "value"),
    "another description of the parameters": put("database-1-parameters", "words", "description"),
    "longer copies of backups": put("database-copies-1", 36, "retentionPeriod"),
    "another tag of the ledger": put(TABLE, "x", "tags", "Name"),
    "another stream of the ledger": put(TABLE, "KEYS_ONLY", "streamViewType"),
    "a lock that ends a little before the object": put("backups-copy-lock", 34, "rule", "defaultRetention", "days"),
    "a stronger lock": put("logs-copy-lock", "COMPLIANCE", "rule", "defaultRetention", "mode"),
    "faster replication": put("logs-replication", 5, "rules", 0, "destination", "replicationTime", "time", "minutes"),
    "another name of the rule": put("backups-replication", "all", "rules", 0, "id"),
    "longer dumps": put("backups-own-expiry", 60, "rules", 0, "expiration", "days"),
    "another description of a key": put("keys-database", "words", "description"),
    "another alias of a key": put("keys-database-alias", "alias/other", "name"),
    "a longer lock of the vault": put("vaults-own-lock", 36, "minRetentionDays"),
    "a backup at another hour": put("vaults-plan", "cron(30 3 * * ? *)", "rules", 0, "schedule"),
    "longer recovery points": put("vaults-plan", 90, "rules", 0, "lifecycle", "deleteAfter"),
    "another description of the password": put("password-secret", "words", "description"),
    "one more log group": copied("cluster-1-logs", "another-group"),
    "longer logs": put("database-1-logs-upgrade", 3653, "retentionInDays"),
    "a newer Kubernetes": put(EKS, "1.35", "version"),
    "one more log of the control plane": put(
        EKS, ["api", "audit", "authenticator", "controllerManager", "scheduler", "extra"], "enabledClusterLogTypes"
    ),
    "larger nodes": put("cluster-1-nodes-template", "m7i.2xlarge", "instanceType"),
    "larger disks of nodes": put("cluster-1-nodes-template", 200, "blockDeviceMappings", 0, "ebs", "volumeSize"),
    "more nodes": put("cluster-1-nodes-1", 9, "scalingConfig", "maxSize"),
    "more nodes from the start": put("cluster-1-nodes-2", 3, "scalingConfig", "minSize"),
    "a newer add-on": put("cluster-1-early-eks-pod-identity-agent", "v9", "addonVersion"),
    "another name of the network": put("network-vpc", "words", "tags", "Name"),
    "rarer flow logs": put("network-flow-logs-log", 600, "maxAggregationInterval"),
    "one more private rule": copied("database-1-network-from-clients", "another-rule"),
    "another release": put(
        DETECTOR, f"123456789012.dkr.ecr.us-east-2.amazonaws.com/crisis-detector@sha256:{'9' * 64}", *BOX, "image"
    ),
    "another version of the prober": put(
        "monitoring-prober-deployment",
        "123456789012.dkr.ecr.us-east-2.amazonaws.com/prometheus/blackbox-exporter:v0.29.1",
        *BOX,
        "image",
    ),
    "one more variable": put(BACKEND, {"name": "COLOUR", "value": "blue"}, *BOX, "env", 0),
    "a file of a secret": put(BACKEND, {"name": "API_TOKEN_FILE", "value": "/run/t"}, *BOX, "env", 0),
    "more processor": put(BACKEND, "750m", *BOX, "resources", "requests", "cpu"),
    "more memory": put(BACKEND, "2048Mi", *BOX, "resources", "limits", "memory"),
    "a more patient probe": put(DETECTOR, 12, *BOX, "livenessProbe", "failureThreshold"),
    "another path of a probe": put(DETECTOR, "/healthz", *BOX, "readinessProbe", "httpGet", "path"),
    "more detectors": put("platform-crisis-detector-autoscaler", 5, "spec", "minReplicas"),
    "more detectors in a rush": put("platform-crisis-detector-autoscaler", 40, "spec", "maxReplicas"),
    "another target of the autoscaler": put(
        "platform-backend-autoscaler", 80, "spec", "metrics", 0, "resource", "target", "averageUtilization"
    ),
    "slower shrinking": put(
        "platform-backend-autoscaler", 900, "spec", "behavior", "scaleDown", "stabilizationWindowSeconds"
    ),
    "a backup at another minute": put("backup-jobs-backup", "23 7 * * *", "spec", "schedule"),
    "more old jobs": put("backup-jobs-backup", 9, "spec", "failedJobsHistoryLimit"),
    "a shorter TTL": put("traffic-api", 10, "ttl"),
    "a quicker failure": put("traffic-checks-crisis", 2, "failureThreshold"),
    "another path of a check": put("traffic-checks-app", "/ready", "resourcePath"),
    "a longer idle time": put("front-alb", 600, "idleTimeout"),
    "a quicker drain of targets": put("targets-backend", 10, "deregistrationDelay"),
    "another priority of a rule": put("routes-backend", 1035, "priority"),
    "stricter ciphers": put("front-listener-https", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "sslPolicy"),
    "one more alarm": copied("alarms-ledger-ledger-slow", "another-alarm"),
    "an earlier alarm": put("alarms-logs-log-delivery-behind", 240, "threshold"),
    "a policy with one statement written without a list": document(
        "hotline-gateway-identity-policy", "policy", _shorter
    ),
    "another name of a statement": document("backend-identity-policy", "policy", _renamed),
    "the same keys in another order": document("hotline-gateway-identity-policy", "policy", _reordered),
    "a larger network of databases": put(
        "platform-policy-allow-database", "10.10.240.0/21", "spec", "egress", 0, "to", 0, "ipBlock", "cidr"
    ),
    "more fences": put("fence-pods", 3, "spec", "replicas"),
    "a quicker fence": variable("fence-pods", "FENCE_SECONDS", "3", FENCE_BOX),
    "another description of a role": put("fence-identity-role", "words", "description"),
    "another comment of the zone": put("zone-zone", "words", "comment"),
}
