"""Digests of the inputs that a resource was last created or updated with: equal in every run and for both engines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from engine.state import Resource

States = Mapping[str, Mapping[str, Resource]]
"""The resources of each stack, by URN."""

_SHORTEST_ID = 8
"""Shorter ids are words that may occur elsewhere."""
_EC2_ID = re.compile(r"\b[a-z]+-[0-9a-f]{17}\b")
_FORGOTTEN = re.compile(r"certificate/[0-9a-f-]{36}")
"""A certificate that no stack has in its state any more."""
_EDGE = re.compile(r"\b[a-z0-9]+\.cloudfront\.net")
_API_SERVER = re.compile(r"https://[^\"]+\.eks\.amazonaws\.com")


def digests(stack: str, states: States) -> dict[tuple[str, str], str]:
    """The digest of each custom resource of a stack, by type and name."""
    ids = _generated_ids(resource for resources in states.values() for resource in resources.values())
    return {
        (resource.type, resource.name): _digest(resource, ids)
        for resource in states[stack].values()
        if resource.custom and not resource.type.startswith("pulumi:")
    }


def _generated_ids(resources: Iterable[Resource]) -> dict[str, str]:
    """The ids that moto drew at random, longest first, each with a name that is the same in every run."""
    names: dict[str, str] = {}
    for resource in sorted(resources, key=lambda resource: (resource.type, resource.name)):
        if not resource.type.startswith("aws:"):
            continue
        inputs = json.dumps(resource.inputs)
        if len(resource.id) >= _SHORTEST_ID and resource.id not in inputs:
            names[resource.id] = f"<{resource.name}>"
        # EKS creates a security group that is not a resource of the program. Its id is an output of the cluster only.
        # The address of its API server has a random part, and so has the name of a distribution.
        outputs = json.dumps(resource.outputs)
        for id_ in (*_EC2_ID.findall(outputs), *_API_SERVER.findall(outputs), *_EDGE.findall(outputs)):
            if id_ not in inputs:
                names.setdefault(id_, f"<part of {resource.name}>")
    return dict(sorted(names.items(), key=lambda item: -len(item[0])))


def _digest(resource: Resource, ids: Mapping[str, str]) -> str:
    return hashlib.sha256(canonical(resource, ids).encode()).hexdigest()[:12]


def canonical(resource: Resource, ids: Mapping[str, str]) -> str:
    """The inputs as text, without secrets and without ids that differ between runs."""
    inputs: dict[str, Any] = {
        key: "[secret]" if key in resource.secrets else value
        for key, value in resource.inputs.items()
        if value is not None
    }
    text = json.dumps(inputs, sort_keys=True)
    for id_, name in ids.items():
        text = text.replace(id_, name)
    return _FORGOTTEN.sub("certificate/<forgotten>", text)
