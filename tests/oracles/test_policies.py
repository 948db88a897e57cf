"""`rehearsal.world.policies` against IBM's network-config-analyzer, on random policies of two namespaces.

The oracle runs in a process and an environment of its own (`make oracles`).
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.policies import NAMESPACE_LABEL, End, refusal
from tests.harness import ROOT

pytestmark = pytest.mark.oracles

WORLDS = 60
SPACES = ("app", "system")
PODS = {
    ("app", "web"): {"component": "web", "aws": "true"},
    ("app", "job"): {"component": "job", "database": "true"},
    ("app", "page"): {"component": "page"},
    ("system", "dns"): {"component": "dns"},
    ("system", "driver"): {"component": "driver", "aws": "true"},
}
ADDRESSES = ("10.10.0.4", "10.10.1.4", "10.20.0.4", "203.0.113.9")
BLOCKS = ("0.0.0.0/0", "10.0.0.0/8", "10.10.0.0/16", "10.10.1.0/24")
PORTS = (53, 443, 5432, 8080)
LABELS = ({}, {"component": "web"}, {"aws": "true"}, {"component": "dns"}, {"database": "true", "component": "job"})
Manifest = dict[str, Any]


def peer(random: Random) -> Manifest:
    match random.randrange(4):
        case 0:
            return {"podSelector": {"matchLabels": random.choice(LABELS)}}
        case 1:
            return {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: random.choice(SPACES)}}}
        case 2:
            spaces = random.choice(({}, {"matchLabels": {NAMESPACE_LABEL: "system"}}))
            return {"namespaceSelector": spaces, "podSelector": {"matchLabels": random.choice(LABELS)}}
        case _:
            block = random.choice(BLOCKS[:3])
            excepted = {"except": ["10.10.1.0/24"]} if random.random() < 0.5 else {}
            return {"ipBlock": {"cidr": block, **excepted}}


def port(random: Random) -> Manifest:
    number = random.choice(PORTS)
    return random.choice(
        (
            {"port": number},
            {"port": number, "protocol": "TCP"},
            {"port": number, "protocol": "UDP"},
            {"port": number, "endPort": number + random.choice((0, 100, 5000))},
        )
    )


def rules(random: Random, side: str) -> list[Manifest]:
    found: list[Manifest] = []
    for _ in range(random.randrange(3)):
        peers = {side: [peer(random) for _ in range(random.randrange(1, 3))]} if random.random() < 0.8 else {}
        ports = {"ports": [port(random) for _ in range(random.randrange(1, 3))]} if random.random() < 0.7 else {}
        found.append({**peers, **ports})
    return found


def world(random: Random) -> Iterator[Manifest]:
    """Namespaces, pods and some policies."""
    for name in SPACES:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {NAMESPACE_LABEL: name}}}
    for (space, name), labels in PODS.items():
        meta = {"name": name, "namespace": space, "labels": labels}
        spec = {"containers": [{"name": "one", "image": "image"}]}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    for number in range(random.randrange(1, 6)):
        spec: Manifest = {"podSelector": {"matchLabels": random.choice(LABELS)}}
        if random.random() < 0.8:
            spec["policyTypes"] = random.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        for direction, side in (("ingress", "from"), ("egress", "to")):
            if random.random() < 0.7 and direction.title() in spec.get("policyTypes", ("Ingress", "Egress")):
                spec[direction] = rules(random, side)
        meta = {"name": f"policy-{number}", "namespace": random.choice(SPACES)}
        yield {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def theirs(file: Path) -> list[Manifest]:
    """The oracle's map of everything that is connected, with pods by name and not by label."""
    output = {"outputFormat": "json", "outputEndpoints": "pods", "fwRulesOverrideAllowedLabels": "none"}
    query = {"name": "map", "connectivityMap": ["world"], "outputConfiguration": output}
    parts = {"namespaceList": str(file), "podList": str(file), "networkPolicyList": [str(file)]}
    scheme = file.with_suffix(".scheme.yaml")
    scheme.write_text(yaml.safe_dump({"networkConfigList": [{"name": "world", **parts}], "queries": [query]}))
    command = [str(ROOT / ".oracles/venv/bin/nca"), "--scheme", str(scheme)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    (answer,), _ = json.JSONDecoder().raw_decode(said[said.index("[\n") :])
    return [rule for part in answer["explanation"] for rule in part["rules"]]


def connected(found: list[Manifest], sender: End, receiver: End, number: int) -> bool:
    return any(
        _is(rule, "src", sender) and _is(rule, "dst", receiver) and any(_has(c, number) for c in rule["connection"])
        for rule in found
    )


def _is(rule: Manifest, end: str, which: End) -> bool:
    if which.address:
        blocks = map(ipaddress.ip_network, rule.get(f"{end}_ip_block", ()))
        return any(ipaddress.ip_address(which.address) in block for block in blocks)
    pods = ", ".join(rule.get(f"{end}_pods", ())).split(", ")
    return which.namespace in rule.get(f"{end}_ns", ()) and ("*" in pods or _name(which) in pods)


def _name(end: End) -> str:
    return next(name for (space, name), labels in PODS.items() if (space, labels) == (end.namespace, end.labels))


def _has(connection: str | Mapping[str, Any], number: int) -> bool:
    if isinstance(connection, str):
        return connection == "All connections"
    ranges = [str(text).partition("-") for text in connection.get("dst_ports", ["0-65535"])]
    inside = any(int(low) <= number <= int(high or low) for low, _, high in ranges)
    return "TCP" in connection["protocols"] and inside


def test_both_connect_the_same_ends(tmp_path: Path) -> None:
    random, answers = Random(0), list[bool]()
    pods = [End(namespace=space, labels=labels) for (space, _), labels in PODS.items()]
    ends = [*pods, *map(End, ADDRESSES)]
    for number in range(WORLDS):
        file, manifests = tmp_path / f"world-{number}.yaml", [*world(random)]
        file.write_text(yaml.safe_dump_all(manifests))
        cluster = KubernetesApi()
        for manifest in manifests:
            if manifest["kind"] != "Pod":
                cluster.apply(manifest)
        found = theirs(file)
        for one, other in itertools.permutations(ends, 2):
            for asked in PORTS if one.namespace or other.namespace else ():
                own = refusal(cluster, one, other, asked) is None
                assert own == connected(found, one, other, asked), (number, str(one), str(other), asked)
                answers.append(own)
    assert min(answers.count(True), answers.count(False)) > len(answers) // 5
