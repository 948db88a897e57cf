"""Mutations of network, cluster and pods."""

from __future__ import annotations

from tests.policy.draft import GONE, drop, put
from tests.policy.mutation import BACKEND, BOX, DETECTOR, EKS, POD, Mutation

CLUSTERS = (
    Mutation("eks-cluster-private", "the internet reaches the API", put(EKS, True, "endpointPublicAccess")),
    Mutation("eks-cluster-private", "nodes need the internet", put(EKS, False, "endpointPrivateAccess")),
    Mutation("eks-cluster-present", "nothing runs", drop(EKS)),
    Mutation("eks-cluster-secrets-encrypted", "a copied etcd shows secrets", put(EKS, GONE, "encryptionConfigKeyArn")),
    Mutation("eks-cluster-logs", "no one knows who did it", put(EKS, ["api"], "enabledClusterLogTypes")),
    Mutation("eks-cluster-not-deletable", "a script deletes the cluster", put(EKS, False, "deletionProtection")),
    Mutation(
        "eks-cluster-not-deletable", "AWS upgrades it by force", put(EKS, "STANDARD", "upgradePolicy", "supportType")
    ),
    Mutation(
        "ec2-launchtemplate-hardened",
        "a pod takes the node's role",
        put("cluster-1-nodes-template", "optional", "metadataOptions", "httpTokens"),
    ),
    Mutation(
        "ec2-launchtemplate-hardened",
        "a pod takes the node's role",
        put("cluster-1-nodes-template", 2, "metadataOptions", "httpPutResponseHopLimit"),
    ),
    Mutation(
        "ec2-launchtemplate-hardened",
        "a copied disk is readable",
        put("cluster-1-nodes-template", "false", "blockDeviceMappings", 0, "ebs", "encrypted"),
    ),
    Mutation("eks-nodegroup-every-zone", "a lost zone takes half", drop("cluster-1-nodes-3")),
    Mutation(
        "eks-nodegroup-every-zone",
        "a recovery waits for launches that fail",
        put("cluster-1-nodes-2", 0, "scalingConfig", "minSize"),
    ),
    Mutation("eks-nodegroup-every-zone", "AWS takes the nodes back", put("cluster-1-nodes-1", "SPOT", "capacityType")),
    Mutation("vpc-subnet-every-zone", "a lost zone takes the internet", drop("NatGateway:network-nat-2")),
    Mutation(
        "vpc-subnet-every-zone",
        "nodes are on the internet",
        put("Subnet:network-private-1", True, "mapPublicIpOnLaunch"),
    ),
    Mutation(
        "vpc-ingress-closed",
        "the internet reaches the database",
        put("database-1-network-from-clients", "0.0.0.0/0", "cidrIpv4"),
    ),
    Mutation("vpc-ingress-closed", "the internet reaches pods", put("targets-from-8080", "::/0", "cidrIpv6")),
    Mutation("vpc-ingress-closed", "the internet reaches SSH", put("front-http", 22, "fromPort")),
    Mutation(
        "vpc-defaultgroup-closed",
        "a forgotten resource is open",
        put("network-default", [{"protocol": "-1", "fromPort": 0, "toPort": 0}], "ingress"),
    ),
    Mutation("vpc-flowlog-all", "an intrusion leaves no trace", drop("network-flow-logs-log")),
    Mutation(
        "vpc-flowlog-all", "refused packets leave no trace", put("network-flow-logs-log", "ACCEPT", "trafficType")
    ),
    Mutation(
        "vpc-endpoint-recovery-stays-inside", "no secret without the internet", drop("network-endpoints-secretsmanager")
    ),
    Mutation("vpc-endpoint-recovery-stays-inside", "no role without us-east-1", drop("network-endpoints-sts")),
    Mutation(
        "vpc-endpoint-recovery-stays-inside",
        "another region serves secrets",
        put("network-endpoints-secretsmanager", "com.amazonaws.us-west-2.secretsmanager", "serviceName"),
    ),
    Mutation(
        "k8s-storageclass-encrypted",
        "a copied disk is readable",
        put("monitoring-disks", "false", "parameters", "encrypted"),
    ),
)

PODS = (
    Mutation("k8s-pod-restricted", "a pod becomes root", put(BACKEND, False, *POD, "securityContext", "runAsNonRoot")),
    Mutation(
        "k8s-pod-restricted",
        "a pod takes the node",
        put(BACKEND, True, *BOX, "securityContext", "allowPrivilegeEscalation"),
    ),
    Mutation(
        "k8s-pod-restricted",
        "an intruder stays",
        put("fence-pods", False, *BOX, "securityContext", "readOnlyRootFilesystem"),
    ),
    Mutation(
        "k8s-pod-restricted",
        "a pod forges packets",
        put(DETECTOR, GONE, *BOX, "securityContext", "capabilities"),
    ),
    Mutation("k8s-pod-restricted", "a pod sees the node", put("fence-pods", True, *POD, "hostNetwork")),
    Mutation(
        "k8s-pod-own-identity", "a pod calls the API server", put(BACKEND, True, *POD, "automountServiceAccountToken")
    ),
    Mutation(
        "k8s-pod-image-in-region",
        "no pod starts after the loss",
        put(DETECTOR, f"123456789012.dkr.ecr.us-west-2.amazonaws.com/crisis-detector@sha256:{'2' * 64}", *BOX, "image"),
    ),
    Mutation(
        "k8s-pod-image-in-region",
        "a node starts another image",
        put(DETECTOR, "123456789012.dkr.ecr.us-east-2.amazonaws.com/crisis-detector:latest", *BOX, "image"),
    ),
    Mutation(
        "k8s-pod-image-in-region",
        "no pod starts while a public registry fails",
        put("fence-pods", "python:3.12.1", *BOX, "image"),
    ),
    Mutation(
        "k8s-pod-no-secrets-in-clear",
        "every reader of objects has the password",
        put(BACKEND, {"name": "DB_PASSWORD", "value": "x"}, *BOX, "env", 0),
    ),
    Mutation(
        "k8s-namespace-restricted",
        "the cluster admits privileges",
        put("platform-namespace", "baseline", "metadata", "labels", "pod-security.kubernetes.io/enforce"),
    ),
    Mutation(
        "k8s-pod-restricted",
        "the collector rewrites the logs of a node",
        put("log-collector-daemonset", False, *BOX, "volumeMounts", 1, "readOnly"),
    ),
    Mutation("k8s-namespace-closed", "an intruder reaches all pods", drop("platform-policy-default-deny")),
    Mutation(
        "k8s-namespace-closed",
        "an intruder sends data out",
        put("platform-policy-default-deny", ["Ingress"], "spec", "policyTypes"),
    ),
    Mutation(
        "k8s-namespace-closed", "every pod is reached", put("platform-policy-default-deny", [{}], "spec", "ingress")
    ),
    Mutation(
        "site-workload-own-region",
        "pods call a lost region",
        put("platform-config", "us-west-2", "data", "LEDGER_REGION"),
    ),
    Mutation(
        "site-workload-own-region",
        "pods connect to a lost database",
        put("platform-config", "lifeline-secondary-1.x.us-west-2.rds.amazonaws.com", "data", "DB_HOST"),
    ),
    Mutation(
        "site-workload-own-region",
        "every up fails with the other region",
        put("controllers-load-balancer", "oci://123456789012.dkr.ecr.us-west-2.amazonaws.com/charts/x", "chart"),
    ),
)

AVAILABILITY = (
    Mutation("k8s-pod-bounded", "one pod takes the node's memory", put(BACKEND, GONE, *BOX, "resources", "limits")),
    Mutation(
        "k8s-pod-bounded", "the scheduler overfills a node", put(DETECTOR, GONE, *BOX, "resources", "requests", "cpu")
    ),
    Mutation("k8s-deployment-probed", "a stuck detector stays", put(DETECTOR, GONE, *BOX, "livenessProbe")),
    Mutation("k8s-deployment-probed", "people reach a starting pod", put(DETECTOR, GONE, *BOX, "readinessProbe")),
    Mutation(
        "k8s-deployment-spread",
        "a lost zone takes all detectors",
        put(DETECTOR, "ScheduleAnyway", *POD, "topologySpreadConstraints", 0, "whenUnsatisfiable"),
    ),
    Mutation(
        "k8s-deployment-spread",
        "a lost zone takes both fences",
        put("fence-pods", [], *POD, "topologySpreadConstraints"),
    ),
    Mutation(
        "k8s-deployment-drained-slowly", "an upgrade takes all detectors", drop("platform-crisis-detector-budget")
    ),
    Mutation(
        "k8s-deployment-drained-slowly",
        "an upgrade takes all detectors",
        put("platform-crisis-detector-budget", "100%", "spec", "maxUnavailable"),
    ),
    Mutation(
        "k8s-deployment-drained-slowly",
        "a broken pod stops the drain of a broken node",
        put("platform-backend-budget", "IfHealthyBudget", "spec", "unhealthyPodEvictionPolicy"),
    ),
    Mutation(
        "k8s-pod-priority-of-its-tier",
        "a full node evicts detectors first",
        put(DETECTOR, "lifeline-full", *POD, "priorityClassName"),
    ),
    Mutation(
        "k8s-pod-priority-of-its-tier",
        "a full node evicts detectors first",
        put("platform-priority-lifeline-crisis", 1, "value"),
    ),
    Mutation(
        "k8s-pod-priority-of-its-tier", "no pod is created", put("fence-pods", "missing", *POD, "priorityClassName")
    ),
    Mutation(
        "k8s-autoscaler-ready",
        "no detector waits",
        put("platform-crisis-detector-autoscaler", 0, "spec", "minReplicas"),
    ),
    Mutation(
        "k8s-autoscaler-ready",
        "a rush is not served",
        put("platform-crisis-detector-autoscaler", 3, "spec", "maxReplicas"),
    ),
    Mutation(
        "k8s-autoscaler-ready",
        "a rush waits five minutes",
        put("platform-crisis-detector-autoscaler", 300, "spec", "behavior", "scaleUp", "stabilizationWindowSeconds"),
    ),
    Mutation(
        "k8s-deployment-keeps-serving",
        "a release takes detectors away",
        put(DETECTOR, 1, "spec", "strategy", "rollingUpdate", "maxUnavailable"),
    ),
    Mutation(
        "k8s-deployment-keeps-serving", "a release is an outage", put(BACKEND, "Recreate", "spec", "strategy", "type")
    ),
    Mutation("k8s-cronjob-once-and-ends", "no backup is made", put("backup-jobs-backup", True, "spec", "suspend")),
    Mutation(
        "k8s-cronjob-once-and-ends",
        "an outage skips the day",
        put("backup-jobs-backup", 60, "spec", "startingDeadlineSeconds"),
    ),
    Mutation(
        "k8s-cronjob-once-and-ends",
        "two dumps disturb each other",
        put("backup-jobs-backup", "Allow", "spec", "concurrencyPolicy"),
    ),
    Mutation(
        "k8s-cronjob-once-and-ends",
        "a stuck dump stops all later ones",
        put("backup-jobs-backup", GONE, "spec", "jobTemplate", "spec", "activeDeadlineSeconds"),
    ),
)
