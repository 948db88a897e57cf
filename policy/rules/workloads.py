"""Rules on pods: what they may do, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, must_be, resource_rule, shown, site_rule

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CRON_JOB = "kubernetes:batch/v1:CronJob"
JOB = "kubernetes:batch/v1:Job"
SERVICE = "kubernetes:core/v1:Service"
NAMESPACE = "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"
PODS = (DEPLOYMENT, CRON_JOB, JOB)
EVERY_POD = (*PODS, DAEMON_SET)
"""Also the pods of agents, of which each node has one."""
AWS_IMAGES = "602401143452.dkr.ecr."
"""The registries of Amazon EKS, which exist in each region: Amazon EKS User Guide, 'View Amazon container image
registries'."""
AGENT_FOLDERS = "/var/lib/lifeline-"
"""Folders of a node that belong to agents of ours."""
PLACEHOLDER = "placeholder"
_FIXED = re.compile(r"(@sha256:[0-9a-f]{64}|:v?\d+\.\d+\.\d+)$")
"""A digest, or a version: a tag in a registry of ours never changes (`ecr-repository-immutable`)."""
_DOCS = "Kubernetes documentation"
_SECRET = re.compile(r"password|secret|token|credential|private_?key|api_?key", re.IGNORECASE)
_PLACE = re.compile(r"_(FILE|FOLDER|SECRET)$")
"""The end of a variable that says where a secret is: its file, its folder, or its name in Secrets Manager."""


def pod(resource: Resource) -> Any:
    """The specification of the pods that an object creates."""
    inside = ("spec", "jobTemplate", "spec") if resource.type == CRON_JOB else ("spec",)
    return resource.get(*inside, "template", "spec")


def containers(resource: Resource) -> list[dict[str, Any]]:
    """The containers of the pods, those that run first too."""
    spec = pod(resource)
    if spec is None or spec is UNKNOWN:
        return []
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def selected(site: Site, selector: Any) -> list[Resource]:
    """The Deployments that a selector of labels names in full."""
    return site.once(_by_labels).get(_hashable(selector), []) if selector else []


def _by_labels(site: Site) -> dict[Any, list[Resource]]:
    groups: dict[Any, list[Resource]] = {}
    for entry in site.of(DEPLOYMENT):
        groups.setdefault(_hashable(entry.get("spec", "selector", "matchLabels")), []).append(entry)
    return groups


def _hashable(labels: Any) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items()) if isinstance(labels, Mapping) else frozenset()


def of_account(site: Site, account: str) -> list[Resource]:
    """The objects whose pods run in the name of a service account."""
    return site.once(_by_account).get(account, [])


def _by_account(site: Site) -> dict[str, list[Resource]]:
    groups: dict[str, list[Resource]] = {}
    for entry in site.of(*EVERY_POD):
        groups.setdefault(str((pod(entry) or {}).get("serviceAccountName")), []).append(entry)
    return groups


def named(site: Site, type_: str, name: Any) -> list[Resource]:
    """The objects of a type with a name."""
    return site.once(_by_name).get((type_, str(name)), [])


def _by_name(site: Site) -> dict[tuple[str, str], list[Resource]]:
    groups: dict[tuple[str, str], list[Resource]] = {}
    for entry in site.resources:
        if entry.type.startswith("kubernetes:"):
            groups.setdefault((entry.type, str(entry.get("metadata", "name"))), []).append(entry)
    return groups


def is_placeholder(resource: Resource) -> bool:
    """Whether its pods only keep room for others."""
    return resource.get("metadata", "name") == PLACEHOLDER


@resource_rule(
    "k8s-pod-restricted",
    *EVERY_POD,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(1)",),
        remediation="Run as another user than root, without privileges, on a file system that cannot be written.",
        reference=f"{_DOCS}, 'Pod Security Standards', Restricted",
        also=("CKV_K8S_20", "CKV_K8S_22", "CKV_K8S_23", "CKV_K8S_28", "CKV_K8S_31", "CKV_K8S_37"),
    ),
)
def restricted(resource: Resource) -> Iterator[str]:
    """A process that is taken over gains no more than its own pod. An agent of the nodes reads files of root."""
    if resource.type == DAEMON_SET:
        yield from _changes_its_own_folder(resource)
    else:
        yield from must_be(pod(resource), True, "securityContext", "runAsNonRoot")
    yield from must_be(pod(resource), "RuntimeDefault", "securityContext", "seccompProfile", "type")
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if (pod(resource) or {}).get(key):
            yield f"{key} is true, expected not set"
    for container in containers(resource):
        yield from must_be(container, False, "securityContext", "allowPrivilegeEscalation")
        yield from must_be(container, True, "securityContext", "readOnlyRootFilesystem")
        yield from must_be(container, ["ALL"], "securityContext", "capabilities", "drop")


def _changes_its_own_folder(agent: Resource) -> Iterator[str]:
    paths = {
        entry["name"]: entry["hostPath"]["path"] for entry in pod(agent).get("volumes") or () if "hostPath" in entry
    }
    for container in containers(agent):
        for mount in container.get("volumeMounts") or ():
            path = paths.get(mount["name"])
            if path is not None and not mount.get("readOnly") and not path.startswith(AGENT_FOLDERS):
                yield f"it may change {path} of the node, expected readOnly or a folder {AGENT_FOLDERS}*"


@resource_rule(
    "k8s-pod-own-identity",
    *EVERY_POD,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(1)",),
        remediation="Set `automountServiceAccountToken: false`, unless the pod calls the API server.",
        reference=f"{_DOCS}, 'Configure Service Accounts for Pods'",
        also=("CKV_K8S_38",),
    ),
)
def own_identity(resource: Resource) -> Iterator[str]:
    """A pod holds no token of the cluster that it does not use."""
    mounted = (pod(resource) or {}).get("automountServiceAccountToken")
    reads_cluster = resource.get("metadata", "labels", "component") == "configuration-export"
    if mounted is not UNKNOWN and mounted is not False and not reads_cluster:
        yield f"automountServiceAccountToken is {shown(mounted)}, expected false"


@site_rule(
    "k8s-pod-image-in-region",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)", "164.312(c)(1)"),
        remediation="Name each image by digest or version, in the registry of the site's own region.",
        reference="Amazon ECR User Guide, 'Private image replication in Amazon ECR'",
        incident="aws-2025-10",
        also=("CKV_K8S_43", "CKV_K8S_14"),
    ),
)
def image_in_region(site: Site) -> Iterator[tuple[Resource, str]]:
    """A pod starts while every other region is lost, and is the one that was tested."""
    for resource in site.of(*EVERY_POD):
        for container in containers(resource):
            image = container.get("image")
            if not isinstance(image, str):
                continue
            if f".dkr.ecr.{site.region}.amazonaws.com/" not in image:
                yield resource, f"image {image} is not in {site.region}"
            if not image.startswith(AWS_IMAGES) and not _FIXED.search(image):
                yield resource, f"image {image} has no digest and no version"


@resource_rule(
    "k8s-pod-no-secrets-in-clear",
    *EVERY_POD,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(a)(1)", "164.312(a)(2)(iv)"),
        remediation="Mount the secret from Secrets Manager as a file.",
        reference="AWS Secrets Manager User Guide, 'Use Secrets Manager secrets in Amazon EKS'",
        also=("CKV_K8S_35",),
    ),
)
def no_secrets_in_clear(resource: Resource) -> Iterator[str]:
    """No secret is a variable of a pod, where every reader of the object sees it."""
    for container in containers(resource):
        for variable in container.get("env") or ():
            name = variable["name"]
            if _SECRET.search(name) and not _PLACE.search(name):
                yield f"the variable {name} looks like a secret, expected a file"


@site_rule(
    "k8s-namespace-restricted",
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(a)(1)",),
        remediation="Set the label `pod-security.kubernetes.io/enforce: restricted`.",
        reference=f"{_DOCS}, 'Pod Security Admission'",
    ),
)
def namespace_restricted(site: Site) -> Iterator[tuple[Resource, str]]:
    """The cluster itself refuses pods with privileges. Agents of the nodes have a namespace to themselves."""
    agents = {entry.get("metadata", "namespace") for entry in site.of(DAEMON_SET)}
    others = {entry.get("metadata", "namespace") for entry in site.of(*PODS)}
    for namespace in site.of(NAMESPACE):
        if namespace.get("metadata", "name") not in agents - others:
            label = ("metadata", "labels", "pod-security.kubernetes.io/enforce")
            yield from ((namespace, message) for message in must_be(namespace, "restricted", *label))


@site_rule(
    "k8s-namespace-closed",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(1)", "164.312(e)(1)"),
        remediation="Declare a NetworkPolicy that selects all pods, for both directions where health information is.",
        reference=f"{_DOCS}, 'Network Policies', 'Default deny all ingress and all egress traffic'",
    ),
)
def namespace_closed(site: Site) -> Iterator[tuple[Resource, str]]:
    """A pod is reached by those only that a policy names, and where health information is, it reaches no others."""
    on_all_pods = [entry for entry in site.of(NETWORK_POLICY) if not entry.get("spec", "podSelector")]
    for namespace in site.of(NAMESPACE):
        name = namespace.get("metadata", "name")
        own = [entry for entry in on_all_pods if entry.get("metadata", "namespace") == name]
        if namespace.get("metadata", "labels", "lifeline/data") == "phi" and not any(map(_allows_nothing, own)):
            yield namespace, f"no NetworkPolicy on all pods of {name} allows nothing in both directions"
        if "Ingress" not in {direction for entry in own for direction in entry.items("spec", "policyTypes")}:
            yield namespace, f"no NetworkPolicy on all pods of {name} covers Ingress"
        for entry in own:
            if {} in entry.items("spec", "ingress") or {} in entry.items("spec", "egress"):
                yield entry, "it has an empty rule, which allows everything"


def _allows_nothing(policy: Resource) -> bool:
    directions = set(policy.items("spec", "policyTypes"))
    return (
        directions == {"Ingress", "Egress"} and not policy.get("spec", "ingress") and not policy.get("spec", "egress")
    )


RULES = (
    restricted,
    own_identity,
    image_in_region,
    no_secrets_in_clear,
    namespace_restricted,
    namespace_closed,
)
