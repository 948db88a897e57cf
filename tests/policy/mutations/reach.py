"""Mutations of the ways between pods and what they need."""

from __future__ import annotations

from tests.policy.draft import Change, Draft, both, copied, drop, put, relink
from tests.policy.mutation import DB, Mutation

LABELS = ("spec", "template", "metadata", "labels")
JOB_LABELS = ("spec", "jobTemplate", *LABELS)
TO_DATABASE, TO_AWS = "platform-policy-allow-database", "platform-policy-allow-aws"


def _to(policy: str, *ends: str) -> Change:
    """Take networks out of the first rule of a policy, by the ends of their addresses."""

    def change(draft: Draft) -> None:
        rule = draft.edit(policy)["inputs"]["spec"]["egress"][0]
        kept = [peer for peer in rule["to"] if not peer["ipBlock"]["cidr"].endswith(ends)]
        assert len(kept) < len(rule["to"]), policy
        rule["to"] = kept

    return change


def _excepted(draft: Draft) -> None:
    peer = draft.edit("platform-policy-allow-to-crisis-detector")["inputs"]["spec"]["ingress"][0]["from"][0]
    peer["ipBlock"]["except"] = ["10.10.0.0/16"]


REACH = (
    Mutation("k8s-pod-reaches-the-database", "no pod reaches the database", drop(TO_DATABASE)),
    Mutation(
        "k8s-pod-reaches-the-database",
        "a failover of zones moves the database out of reach",
        _to(TO_DATABASE, "10.10.248.0/22"),
    ),
    Mutation(
        "k8s-pod-reaches-the-database",
        "connections to the database are dropped",
        put(TO_DATABASE, 3306, "spec", "egress", 0, "ports", 0, "port"),
    ),
    Mutation(
        "k8s-pod-reaches-the-database",
        "only a probe in UDP reaches the database",
        put(TO_DATABASE, "UDP", "spec", "egress", 0, "ports", 0, "protocol"),
    ),
    Mutation(
        "k8s-pod-reaches-the-database",
        "the fence cannot close the database",
        put("fence-pods", "false", *LABELS, "lifeline/uses-database"),
    ),
    Mutation(
        "k8s-pod-reaches-the-database",
        "no backup is made",
        put("backup-jobs-backup", "false", *JOB_LABELS, "lifeline/uses-database"),
    ),
    Mutation(
        "k8s-pod-reaches-the-database",
        "pods reach the other site's network",
        put(TO_DATABASE, "10.20.240.0/22", "spec", "egress", 0, "to", 0, "ipBlock", "cidr"),
    ),
    Mutation("k8s-pod-reaches-aws", "no event is acknowledged", drop(TO_AWS)),
    Mutation(
        "k8s-pod-reaches-aws",
        "the network moves, and its policies stay",
        put("network-vpc", "10.99.0.0/16", "cidrBlock"),
    ),
    Mutation("k8s-pod-reaches-aws", "the ledger is out of reach", _to(TO_AWS, "10.10.0.0/16")),
    Mutation(
        "k8s-pod-reaches-aws",
        "pods get no credentials",
        put(TO_AWS, "169.254.169.254/32", "spec", "egress", 2, "to", 0, "ipBlock", "cidr"),
    ),
    Mutation(
        "k8s-pod-reaches-aws",
        "the detector writes no event",
        put("platform-crisis-detector", "no", *LABELS, "lifeline/uses-aws"),
    ),
    Mutation(
        "k8s-pod-reached-by-the-load-balancer",
        "no target is healthy",
        drop("platform-policy-allow-to-hotline-gateway"),
    ),
    Mutation(
        "k8s-pod-reached-by-the-load-balancer",
        "the load balancer is not in the network",
        put("platform-policy-allow-to-backend", "10.20.0.0/16", "spec", "ingress", 0, "from", 0, "ipBlock", "cidr"),
    ),
    Mutation("k8s-pod-reached-by-the-load-balancer", "an exception shuts out everyone", _excepted),
    Mutation(
        "k8s-pod-reached-by-the-load-balancer",
        "requests are dropped at the pods",
        put("platform-policy-allow-to-frontend", 80, "spec", "ingress", 0, "ports", 0, "port"),
    ),
    Mutation("rds-instance-reached-by-its-pods", "no pod can connect", drop("database-1-network-from-clients")),
    Mutation(
        "rds-instance-reached-by-its-pods",
        "the database admits another port",
        put("database-1-network-from-clients", 5431, "toPort"),
    ),
    Mutation(
        "rds-instance-reached-by-its-pods",
        "the database admits the load balancer",
        relink("database-1-network-from-clients", "referencedSecurityGroupId", "front-group"),
    ),
    Mutation(
        "rds-instance-reached-by-its-pods",
        "the database has the group of a fenced one",
        relink(DB, "vpcSecurityGroupIds", "database-1-network-reconciliation"),
    ),
    Mutation(
        "rds-instance-reached-by-its-pods",
        "a promoted database is out of reach",
        drop("database-1-network-from-clients"),
        "secondary",
    ),
    Mutation(
        "rds-instance-reached-by-its-pods",
        "the whole network tries passwords",
        both(
            copied("database-1-network-from-clients", "another-rule"),
            put("another-rule", "10.10.0.0/16", "cidrIpv4"),
            relink("another-rule", "referencedSecurityGroupId"),
        ),
    ),
    Mutation(
        "rds-instance-reached-by-its-pods",
        "pods look for the database at another port",
        put("platform-config", "5433", "data", "DB_PORT"),
    ),
)
