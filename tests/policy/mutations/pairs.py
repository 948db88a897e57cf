"""Mutations of one of two sites, which only a rule on both can see."""

from __future__ import annotations

from recovery import naming
from tests.policy.draft import both, drop, put
from tests.policy.mutation import BACKEND, BOX, DB, DETECTOR, EKS, TABLE, Mutation

PARITY = (
    Mutation(
        "rds-instance-same-at-both-sites",
        "the new leader is too small",
        put(DB, "db.t4g.small", "instanceClass"),
        "secondary",
    ),
    Mutation(
        "rds-instance-same-at-both-sites", "the new leader fills", put(DB, 400, "maxAllocatedStorage"), "secondary"
    ),
    Mutation("rds-instance-same-at-both-sites", "the new leader is slow", put(DB, "gp2", "storageType"), "secondary"),
    Mutation(
        "rds-instance-same-at-both-sites",
        "RDS refuses the promotion's parameters",
        put("database-1-parameters", "postgres16", "family"),
        "secondary",
    ),
    Mutation(
        "rds-instance-same-at-both-sites",
        "sessions end at one site only",
        put("database-1-parameters", "30000", "parameters", 0, "value"),
        "secondary",
    ),
    Mutation(
        "rds-replica-upgraded-first", "RDS refuses the leader's upgrade", put(DB, "17.5", "engineVersion"), "secondary"
    ),
    Mutation("eks-cluster-same-at-both-sites", "an API is missing", put(EKS, "1.31", "version"), "secondary"),
    Mutation(
        "eks-cluster-same-at-both-sites", "no secret is mounted", drop("cluster-1-late-aws-secrets*"), "secondary"
    ),
    Mutation(
        "eks-cluster-same-at-both-sites",
        "the controller reads other settings",
        put("controllers-load-balancer", "3.4.0", "version"),
        "secondary",
    ),
    Mutation(
        "eks-nodegroup-same-at-both-sites",
        "workloads do not fit",
        put("cluster-1-nodes-2", 2, "scalingConfig", "maxSize"),
        "secondary",
    ),
    Mutation(
        "eks-nodegroup-same-at-both-sites",
        "workloads do not fit",
        put("cluster-1-nodes-template", "t3.small", "instanceType"),
        "secondary",
    ),
    Mutation(
        "k8s-deployment-same-at-both-sites",
        "last month's detector takes over",
        put(DETECTOR, f"123456789012.dkr.ecr.us-west-2.amazonaws.com/crisis-detector@sha256:{'9' * 64}", *BOX, "image"),
        "secondary",
    ),
    Mutation("k8s-deployment-same-at-both-sites", "a service is missing", drop(BACKEND), "secondary"),
)

RELATIONS = (
    Mutation(
        "rds-replica-follows-the-peer",
        "the replica follows nothing",
        put(DB, "arn:aws:rds:us-east-2:123456789012:db:lifeline-primary-9", "replicateSourceDb"),
        "secondary",
    ),
    Mutation("rds-replica-follows-the-peer", "RDS stops the replication", put(DB, 0, "backupRetentionPeriod")),
    Mutation(
        "dynamodb-table-serves-both-sites",
        "one site cannot store events",
        put(TABLE, "us-west-1", "replicas", 0, "regionName"),
    ),
    Mutation("dynamodb-table-serves-both-sites", "no one declares the ledger", drop(TABLE)),
    Mutation(
        "dynamodb-table-serves-both-sites",
        "one site uses a copy that does not exist",
        put("platform-config", naming.ledger_arn(account="123456789012", region="us-west-1"), "data", "LEDGER_TABLE"),
        "secondary",
    ),
    Mutation(
        "secretsmanager-secret-serves-both-sites",
        "no pod of the survivor connects",
        put("password-secret", "us-west-1", "replicas", 0, "region"),
    ),
    Mutation(
        "route53-record-opposite",
        "Route 53 refuses the second answer",
        both(
            put("traffic-web", "PRIMARY", "failoverRoutingPolicies", 0, "type"),
            put("traffic-alive", "PRIMARY", "failoverRoutingPolicies", 0, "type"),
        ),
        "secondary",
    ),
    Mutation("route53-record-opposite", "people find one site only", drop("traffic-api"), "secondary"),
    Mutation(
        "route53-record-opposite",
        "one answer replaces the other",
        put("traffic-api", "primary", "setIdentifier"),
        "secondary",
    ),
    Mutation(
        "route53-record-opposite", "another name has the answer", put("traffic-api", "ap.x.com", "name"), "secondary"
    ),
    Mutation(
        "site-role-one-leader", "two sites write", put("platform-config", "active", "data", "SITE_ROLE"), "secondary"
    ),
    Mutation("site-role-one-leader", "no site writes", put("platform-config", "standby", "data", "SITE_ROLE")),
    Mutation(
        "site-role-one-leader",
        "the sites disagree about the epoch",
        put("platform-config", "7", "data", "EPOCH"),
        "secondary",
    ),
    Mutation(
        "site-region-apart",
        "one region takes both",
        put("platform-config", "us-east-2", "data", "AWS_REGION"),
        "secondary",
    ),
    Mutation(
        "site-region-apart",
        "the networks cannot be joined",
        put("network-vpc", "10.10.0.0/16", "cidrBlock"),
        "secondary",
    ),
)

CAPACITY = (
    Mutation(
        "site-standby-warm",
        "the pods of a failover wait for nodes that do not come",
        put("platform-placeholder", 3, "spec", "replicas"),
        "secondary",
    ),
    Mutation(
        "site-standby-warm",
        "the active site grew, and the room did not",
        put("platform-backend-autoscaler", 8, "spec", "minReplicas"),
    ),
    Mutation(
        "site-standby-warm",
        "detectors cannot take the load of both regions",
        put("platform-crisis-detector-autoscaler", 2, "spec", "minReplicas"),
        "secondary",
    ),
    Mutation(
        "site-standby-warm",
        "the hotline does not scale at the standby",
        drop("platform-hotline-gateway-autoscaler"),
        "secondary",
    ),
)
