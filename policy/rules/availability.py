"""Rules that keep enough pods running: probes, spread, budgets, priorities and sizes."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import Resource, Site
from policy.rule import About, Severity, must_be, resource_rule, shown, site_rule
from policy.rules.workloads import CRON_JOB, DEPLOYMENT, PODS, SERVICE, containers, is_placeholder, pod, selected
from recovery.objectives import TIERS

BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
PRIORITY = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
_DOCS = "Kubernetes documentation"


def served(site: Site) -> list[Resource]:
    """The Deployments whose pods answer requests: a Service selects them."""
    answers = [entry for service in site.of(SERVICE) for entry in selected(site, service.get("spec", "selector"))]
    return list({entry.urn: entry for entry in answers}.values())


@resource_rule(
    "k8s-pod-bounded",
    *PODS,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set requests of processor and memory, and a limit of memory.",
        reference=f"{_DOCS}, 'Resource Management for Pods and Containers'",
        also=("CKV_K8S_10", "CKV_K8S_12", "CKV_K8S_13"),
    ),
)
def bounded(resource: Resource) -> Iterator[str]:
    """The scheduler knows the size of every pod, and none takes the memory of its neighbours."""
    for container in containers(resource):
        for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            if not ((container.get("resources") or {}).get(kind) or {}).get(name):
                yield f"resources.{kind}.{name} of {container['name']} is not set"


@resource_rule(
    "k8s-deployment-probed",
    DEPLOYMENT,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Declare probes for start, life and readiness.",
        reference=f"{_DOCS}, 'Configure Liveness, Readiness and Startup Probes'",
        also=("CKV_K8S_8", "CKV_K8S_9"),
    ),
)
def probed(resource: Resource) -> Iterator[str]:
    """A stuck pod is restarted, and one that is not ready gets no requests."""
    for container in containers(resource) if not is_placeholder(resource) else ():
        for probe in ("livenessProbe", "readinessProbe"):
            if not container.get(probe):
                yield f"{probe} of {container['name']} is not set"


@resource_rule(
    "k8s-deployment-spread",
    DEPLOYMENT,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Declare a constraint on `topology.kubernetes.io/zone` that does not schedule.",
        reference=f"{_DOCS}, 'Pod Topology Spread Constraints'",
        incident="aws-2025-10",
    ),
)
def spread(resource: Resource) -> Iterator[str]:
    """The loss of a zone takes a part of a service's pods, and not all."""
    constraints = (pod(resource) or {}).get("topologySpreadConstraints") or ()
    zones = [entry for entry in constraints if entry.get("topologyKey") == "topology.kubernetes.io/zone"]
    if not any(entry.get("whenUnsatisfiable") == "DoNotSchedule" and entry.get("maxSkew") == 1 for entry in zones):
        yield "topologySpreadConstraints has none on zones with maxSkew 1 and DoNotSchedule"


@site_rule(
    "k8s-deployment-drained-slowly",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Declare a PodDisruptionBudget with `maxUnavailable: 1` for the Deployment's pods.",
        reference=f"{_DOCS}, 'Specifying a Disruption Budget for your Application'",
    ),
)
def drained_slowly(site: Site) -> Iterator[tuple[Resource, str]]:
    """An upgrade of nodes takes one pod of a service at a time."""
    budgets = {str(entry.get("spec", "selector", "matchLabels")): entry for entry in site.of(BUDGET)}
    for resource in site.of(DEPLOYMENT):
        if is_placeholder(resource):
            continue
        budget = budgets.get(str(resource.get("spec", "selector", "matchLabels")))
        if budget is None:
            yield resource, "no PodDisruptionBudget selects its pods"
            continue
        yield from ((budget, text) for text in must_be(budget, 1, "spec", "maxUnavailable"))
        yield from ((budget, text) for text in must_be(budget, "AlwaysAllow", "spec", "unhealthyPodEvictionPolicy"))


@site_rule(
    "k8s-pod-priority-of-its-tier",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(E)",),
        remediation="Give the pod the priority class of its tier, with the value of the tier.",
        reference=f"{_DOCS}, 'Pod Priority and Preemption'; recovery/objectives.py",
    ),
)
def priority_of_its_tier(site: Site) -> Iterator[tuple[Resource, str]]:
    """On a full node, the crisis services stay and the least important pods go."""
    classes = {entry.get("metadata", "name"): entry for entry in site.of(PRIORITY)}
    for tier in TIERS:
        entry = classes.get(f"lifeline-{tier.name}")
        if entry is not None:
            yield from ((entry, text) for text in must_be(entry, tier.priority, "value"))
    tiers, serving = {entry.name for entry in TIERS}, {entry.urn for entry in served(site)}
    for resource in site.of(*PODS):
        name, tier = (pod(resource) or {}).get("priorityClassName"), resource.get("metadata", "labels", "lifeline/tier")
        if name not in classes:
            yield resource, f"priorityClassName is {shown(name)}, expected a class that the site declares"
        elif tier in tiers and resource.urn in serving and name != f"lifeline-{tier}":
            yield resource, f"priorityClassName is {name}, expected lifeline-{tier}: its tier"


@resource_rule(
    "k8s-autoscaler-ready",
    AUTOSCALER,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Keep at least two pods of each service, let it grow, and grow without a pause.",
        reference=f"{_DOCS}, 'Horizontal Pod Autoscaling', 'Configurable scaling behavior'",
    ),
)
def autoscaler_ready(autoscaler: Resource, *, minimum_pods: int = 2) -> Iterator[str]:
    """Each service runs before a recovery and grows at once in a rush."""
    least, most = autoscaler.get("spec", "minReplicas"), autoscaler.get("spec", "maxReplicas")
    if not isinstance(least, int) or least < minimum_pods:
        yield f"spec.minReplicas is {shown(least)}, expected at least {minimum_pods}"
    elif not isinstance(most, int) or most <= least:
        yield f"spec.maxReplicas is {shown(most)}, expected more than {least}"
    yield from must_be(autoscaler, 0, "spec", "behavior", "scaleUp", "stabilizationWindowSeconds")


@site_rule(
    "k8s-deployment-keeps-serving",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Update by `RollingUpdate`, with `maxUnavailable: 0`.",
        reference=f"{_DOCS}, 'Deployments', 'Rolling Update Deployment'",
    ),
)
def keeps_serving(site: Site) -> Iterator[tuple[Resource, str]]:
    """A release takes no pod that answers requests away before its successor is ready."""
    for resource in served(site):
        for path, expected in ((("type",), "RollingUpdate"), (("rollingUpdate", "maxUnavailable"), 0)):
            yield from ((resource, text) for text in must_be(resource, expected, "spec", "strategy", *path))


@resource_rule(
    "k8s-cronjob-once-and-ends",
    CRON_JOB,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.308(a)(7)(ii)(A)",),
        remediation="Set `concurrencyPolicy: Forbid`, `timeZone`, and a deadline for the start and for the job.",
        reference=f"{_DOCS}, 'CronJob'",
        incident="gitlab-2017",
    ),
)
def once_and_ends(job: Resource, *, minimum_start_seconds: int = 3600) -> Iterator[str]:
    """A daily job runs once a day, also after an outage of the control plane, and a stuck one ends."""
    yield from must_be(job, "Forbid", "spec", "concurrencyPolicy")
    yield from must_be(job, "Etc/UTC", "spec", "timeZone")
    start = job.get("spec", "startingDeadlineSeconds")
    if not isinstance(start, int) or start < minimum_start_seconds:
        yield f"spec.startingDeadlineSeconds is {shown(start)}, expected at least {minimum_start_seconds}"
    if not isinstance(job.get("spec", "jobTemplate", "spec", "activeDeadlineSeconds"), int):
        yield "spec.jobTemplate.spec.activeDeadlineSeconds is not set"
    if job.get("spec", "suspend"):
        yield "spec.suspend is true, expected not set"


RULES = (
    bounded,
    probed,
    spread,
    drained_slowly,
    priority_of_its_tier,
    autoscaler_ready,
    keeps_serving,
    once_and_ends,
)
