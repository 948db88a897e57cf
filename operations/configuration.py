"""The configuration of a site as text that can be compared and applied again. It contains no secret value."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

Object = dict[str, Any]

OBJECTS, CONTROLLED, IMAGES, RESOURCES = "objects.json", "controlled.json", "images.txt", "resources.json"
REDACTED = "[secret]"
_SECRET_MARK = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
"""Marks an encrypted value in a state. Source: pulumi/pulumi, sdk/go/common/resource/sig, `Key` and `Secret`."""
_SERVER_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
"""Metadata that the API server sets itself."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The whole object again, as kubectl sent it."""
_MADE_BY_THE_CLUSTER = {("ConfigMap", "kube-root-ca.crt")}
"""Objects without an owner that Kubernetes puts into every namespace."""


class CheckpointError(ValueError):
    """A file is not the state of a stack."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The configuration of a site at one time."""

    objects: str
    """A List of the namespace's objects, for `kubectl apply -f`: everything that no controller makes."""
    controlled: str
    """A List of the objects that a controller makes, such as pods."""
    images: str
    """One line per container: workload, container, image."""
    resources: str
    """The resources of the stack as its last run declared them, with their ids."""

    @property
    def files(self) -> dict[str, str]:
        """The texts by file name."""
        return {
            OBJECTS: self.objects,
            CONTROLLED: self.controlled,
            IMAGES: self.images,
            RESOURCES: self.resources,
        }

    @property
    def checksums(self) -> dict[str, str]:
        """The SHA-256 of each file, in hexadecimal."""
        return {name: checksum(text) for name, text in self.files.items()}


def snapshot(objects: Iterable[Object], checkpoint: str) -> Snapshot:
    """The configuration in the objects of a namespace and in the state of a stack.

    Raises:
        CheckpointError: if the state is not one.
    """
    everything = sorted((cleaned(entry) for entry in objects), key=_identity)
    controlled = [entry for entry in everything if _is_controlled(entry)]
    applied = [entry for entry in everything if not _is_controlled(entry)]
    return Snapshot(
        objects=_text(_list(applied)),
        controlled=_text(_list(controlled)),
        images="".join(f"{line}\n" for line in sorted(set(_images(everything)))),
        resources=_text(list(stack_resources(checkpoint))),
    )


def cleaned(entry: Object) -> Object:
    """An object without its status and without the values that a server gave it. The values of a Secret are dropped."""
    metadata = {key: value for key, value in entry["metadata"].items() if key not in _SERVER_FIELDS}
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if key != _LAST_APPLIED}
    if annotations:
        metadata["annotations"] = annotations
    kept = {key: value for key, value in entry.items() if key != "status"} | {"metadata": metadata}
    if entry["kind"] == "Service":
        kept["spec"] = {key: value for key, value in entry["spec"].items() if key not in ("clusterIP", "clusterIPs")}
    if entry["kind"] == "Secret":
        kept |= {field: dict.fromkeys(entry[field], REDACTED) for field in ("data", "stringData") if field in entry}
    return kept


def stack_resources(checkpoint: str) -> Iterator[Object]:
    """The resources in a state as a self-managed backend stores it: URN, type, id and inputs.

    Raises:
        CheckpointError: if it is no state.
    """
    try:
        content = json.loads(checkpoint)
        entries = (content["checkpoint"]["latest"] or {}).get("resources", [])
        for entry in entries:
            kept = {key: entry[key] for key in ("urn", "type", "id") if key in entry}
            yield kept | {"inputs": without_secrets(entry.get("inputs", {}))}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"no state of a stack: {error!r}") from error


def without_secrets(value: Any) -> Any:
    """A value of a state, with each encrypted part replaced."""
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        if mapping.get(_SECRET_MARK[0]) == _SECRET_MARK[1]:
            return REDACTED
        return {key: without_secrets(entry) for key, entry in mapping.items()}
    if isinstance(value, list):
        return [without_secrets(entry) for entry in cast("list[Any]", value)]
    return value


def secret_names(objects: Iterable[Object]) -> list[str]:
    """The Secrets and SecretProviderClasses that pods refer to. A new cluster needs them before the pods."""
    return sorted({name for entry in objects if (pod := _pod(entry)) is not None for name in _references(pod)})


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """A unified diff of two snapshots. Objects that controllers make are left out: they change all the time."""
    compared = [name for name in (OBJECTS, IMAGES, RESOURCES) if name in before or name in after]
    lines = [
        line
        for name in compared
        for line in difflib.unified_diff(
            before.get(name, "").splitlines(keepends=True),
            after.get(name, "").splitlines(keepends=True),
            f"before/{name}",
            f"after/{name}",
        )
    ]
    return "".join(lines)


def changed_objects(before: str, after: str) -> list[str]:
    """The objects that differ between two Lists, such as `changed Deployment/fence`, by name."""
    old, new = (
        {_name(entry): entry for entry in json.loads(text)["items"]} if text else {} for text in (before, after)
    )
    verbs = {
        **dict.fromkeys(new.keys() - old.keys(), "created"),
        **dict.fromkeys(old.keys() - new.keys(), "deleted"),
        **{name: "changed" for name in new.keys() & old.keys() if new[name] != old[name]},
    }
    return [f"{verb} {name}" for name, verb in sorted(verbs.items())]


def checksum(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _is_controlled(entry: Object) -> bool:
    owners = entry["metadata"].get("ownerReferences", ())
    named = (entry["kind"], entry["metadata"]["name"])
    return named in _MADE_BY_THE_CLUSTER or any(owner.get("controller") for owner in owners)


def _images(objects: Iterable[Object]) -> Iterator[str]:
    for entry in objects:
        pod = _pod(entry)
        for container in _containers(pod) if pod is not None else ():
            yield f"{_name(entry)} {container['name']} {container['image']}"


def _pod(entry: Object) -> Object | None:
    """The pod that an object is or makes."""
    spec = entry.get("spec", {})
    if entry["kind"] == "Pod":
        return spec
    if entry["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template", {}).get("spec") if isinstance(spec, dict) else None


def _containers(pod: Object) -> list[Object]:
    return [*pod.get("initContainers", ()), *pod.get("containers", ())]


def _references(pod: Object) -> Iterator[str]:
    for container in _containers(pod):
        for variable in container.get("env", ()):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield f"Secret/{reference['name']}"
        for source in container.get("envFrom", ()):
            if reference := source.get("secretRef"):
                yield f"Secret/{reference['name']}"
    for volume in pod.get("volumes", ()):
        sources = [volume, *volume.get("projected", {}).get("sources", ())]
        for secret in (source["secret"] for source in sources if "secret" in source):
            yield f"Secret/{secret.get('secretName') or secret.get('name')}"
        if name := volume.get("csi", {}).get("volumeAttributes", {}).get("secretProviderClass"):
            yield f"SecretProviderClass/{name}"
    yield from (f"Secret/{entry['name']}" for entry in pod.get("imagePullSecrets", ()))


def _identity(entry: Object) -> tuple[str, str, str]:
    return entry["kind"], entry["metadata"]["name"], entry["apiVersion"]


def _name(entry: Object) -> str:
    return f"{entry['kind']}/{entry['metadata']['name']}"


def _list(items: list[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
