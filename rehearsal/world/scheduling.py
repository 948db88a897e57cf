"""Which pods of a cluster find a node: room, taints, labels, and the spread over zones.

Sources: Kubernetes documentation, "Pod Topology Spread Constraints", "Taints and Tolerations", "Pod Priority and
Preemption"; awslabs/amazon-eks-ami, `nodeadm/internal/kubelet/config.go` (reserved CPU and memory, and pods per node).
The sizes of instance types are those that moto has from EC2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.declared import Declared, Resource
from rehearsal.world.services import NODES

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ZONE = "topology.kubernetes.io/zone"
_EVICTION_MIB = 100
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Room:
    """Millicores, MiB and pods: of a node, or of a pod that wants them."""

    millicores: int
    mebibytes: int
    pods: int = 1

    def holds(self, wanted: Room) -> bool:
        """Whether so much is left."""
        return self.millicores >= wanted.millicores and self.mebibytes >= wanted.mebibytes and self.pods >= wanted.pods

    def without(self, taken: Room) -> Room:
        """The room that is left."""
        return Room(self.millicores - taken.millicores, self.mebibytes - taken.mebibytes, self.pods - taken.pods)


@dataclass
class Node:
    """A node, with the room that is left for pods."""

    zone: str
    room: Room
    labels: Plain
    taints: tuple[Plain, ...]


@dataclass(frozen=True)
class Placement:
    """The pods that a Deployment wants, those that find a node, and the reason for which the next one finds none."""

    wanted: int
    placed: int
    reason: str = ""


def placements(declared: Declared, cluster: KubernetesApi, name: str) -> dict[tuple[str, str], Placement]:
    """The pods of every Deployment that find a node, by namespace and name.

    All nodes run that the groups may have, since an autoscaler adds them. Charts' and add-ons' pods are not counted.

    Args:
        declared: the resources of the account.
        cluster: the cluster.
        name: its name.
    """
    nodes = [*_nodes(declared, name)]
    values = {entry["metadata"]["name"]: int(entry.get("value", 0)) for entry in cluster.view("PriorityClass")}
    deployments = sorted(
        cluster.view("Deployment"), key=lambda entry: -values.get(_pod(entry).get("priorityClassName", ""), 0)
    )
    found: dict[tuple[str, str], Placement] = {}
    for deployment in deployments:
        meta = deployment["metadata"]
        wanted = cluster.pods(meta["namespace"], meta["name"])
        placed = _placed(deployment, wanted, nodes)
        reason = _reason(_pod(deployment), nodes, name) if placed < wanted else ""
        found[meta["namespace"], meta["name"]] = Placement(wanted, placed, reason)
    return found


def unplaced(declared: Declared, cluster: KubernetesApi, name: str) -> dict[tuple[str, str], str]:
    """The Deployments of which no pod finds a node, by namespace and name, with the reason. As `placements`."""
    found = placements(declared, cluster, name).items()
    return {key: entry.reason for key, entry in found if entry.wanted and not entry.placed}


def _placed(deployment: Plain, wanted: int, nodes: list[Node]) -> int:
    """Place a Deployment's pods, and return how many found a node."""
    pod, spread = _pod(deployment), Counter[str]()
    room, open_ = _wanted(pod), [node for node in nodes if _admits(node, pod)]
    zones = {node.zone for node in open_}
    for number in range(wanted):
        fitting = [node for node in open_ if node.room.holds(room) and _keeps(pod, spread, node.zone, zones)]
        if not fitting:
            return number
        node = min(fitting, key=lambda node: (spread[node.zone], -node.room.millicores))
        node.room = node.room.without(room)
        spread[node.zone] += 1
    return wanted


def _keeps(pod: Plain, spread: Counter[str], zone: str, zones: set[str]) -> bool:
    """Whether a pod in a zone keeps every constraint of its spread over zones that must hold."""
    least = min(spread[other] for other in zones)
    return all(
        spread[zone] + 1 - least <= constraint["maxSkew"]
        for constraint in pod.get("topologySpreadConstraints", ())
        if constraint["topologyKey"] == ZONE and constraint["whenUnsatisfiable"] == "DoNotSchedule"
    )


def _admits(node: Node, pod: Plain) -> bool:
    """Whether a pod wants the node's labels and tolerates its taints."""
    wanted = pod.get("nodeSelector", {}).items() <= node.labels.items()
    return wanted and all(_tolerates(pod, taint) for taint in node.taints if taint["effect"] != "PREFER_NO_SCHEDULE")


def _tolerates(pod: Plain, taint: Plain) -> bool:
    return any(
        entry.get("key") in (None, taint["key"])
        and (entry.get("operator") == "Exists" or entry.get("value") == taint.get("value"))
        for entry in pod.get("tolerations", ())
    )


def _reason(pod: Plain, nodes: list[Node], name: str) -> str:
    if not nodes:
        return f"the cluster {name} has no nodes"
    if not any(_admits(node, pod) for node in nodes):
        return f"no node of {name} has the labels that its pods want, or a taint that they tolerate"
    wanted = _wanted(pod)
    return f"no node of {name} has room for {wanted.millicores} millicores and {wanted.mebibytes} MiB"


def _pod(deployment: Plain) -> Plain:
    return deployment["spec"]["template"]["spec"]


def _wanted(pod: Plain) -> Room:
    requests = [container.get("resources", {}).get("requests", {}) for container in pod["containers"]]
    cpu, memory = (sum(_quantity(request.get(key, "0")) for request in requests) for key in ("cpu", "memory"))
    return Room(round(1000 * cpu), round(memory / 2**20))


def _quantity(text: str) -> float:
    """A quantity such as 500m, 2 or 1Gi."""
    text = str(text)
    if text.endswith("m"):
        return float(text[:-1]) / 1000
    unit = next((unit for unit in _UNITS if text.endswith(unit)), "")
    return float(text.removesuffix(unit)) * _UNITS.get(unit, 1)


def _nodes(declared: Declared, name: str) -> Iterator[Node]:
    for group in declared.of(NODES, clusterName=name):
        room, inputs = _room(_instance_type(declared, group)), group.inputs
        taints, labels = tuple(inputs.get("taints") or ()), inputs.get("labels") or {}
        for _ in range(int(inputs["scalingConfig"]["maxSize"])):
            yield Node(str(inputs["subnetIds"][0]), room, labels, taints)


def _instance_type(declared: Declared, group: Resource) -> str:
    template = declared.get(TEMPLATE, str((group.inputs.get("launchTemplate") or {}).get("id")))
    own: list[str] = group.inputs.get("instanceTypes") or []
    return own[0] if own or template is None else str(template.inputs["instanceType"])


def _room(instance_type: str) -> Room:
    """The room that a node of a type has for pods, after what kubelet and the system keep."""
    known: Plain = INSTANCE_TYPES[instance_type]
    cores, interfaces = int(known["VCpuInfo"]["DefaultVCpus"]), known["NetworkInfo"]
    addresses = int(interfaces["Ipv4AddressesPerInterface"]) - 1
    pods = min(int(interfaces["MaximumNetworkInterfaces"]) * addresses + 2, 110 if cores < 30 else 250)
    shares = (60, 10, 5, 5)
    reserved = sum(shares[:cores]) + 2.5 * max(0, cores - len(shares))
    memory = int(known["MemoryInfo"]["SizeInMiB"]) - (255 + 11 * pods) - _EVICTION_MIB
    return Room(int(1000 * cores - reserved), memory, pods)
