"""The known kinds, their schemas, and their immutable fields."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jsonschema
from kubernetes_validate import utils as bundled
from referencing import Registry, Resource

from engine.replacement import rules

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class CustomKind:
    """A kind that is not built into Kubernetes."""

    schema: Mapping[str, Any]
    installed_by: str | None
    """The Helm chart that installs the kind; None if an EKS add-on installs it."""
    forbids: tuple[str, ...]


@functools.cache
def custom_kinds() -> dict[tuple[str, str], CustomKind]:
    """Every bundled custom kind, by apiVersion and kind."""
    kinds: dict[tuple[str, str], CustomKind] = {}
    for path in sorted((HERE / "kinds").glob("*.json")):
        data = cast("dict[str, Any]", json.loads(path.read_text()))
        kinds[data["apiVersion"], data["kind"]] = CustomKind(
            schema=data["schema"], installed_by=data["installedBy"], forbids=tuple(data["forbids"])
        )
    return kinds


def immutable_fields(api_version: str, kind: str) -> frozenset[str]:
    """The fields of a kind, as dotted paths, that the API server refuses to update."""
    custom = custom_kinds().get((api_version, kind))
    if custom is not None:
        return frozenset(custom.forbids)
    return frozenset(rules("kubernetes").get(f"{api_version}/{kind}", {}).get("forbids", []))


def schema_version(cluster_version: str) -> str:
    """The newest bundled version that is not newer than the cluster's version.

    Raises:
        ValueError: if every bundled version is newer.
    """
    limit = _numbers(cluster_version)
    known = [version for version in bundled.all_versions() if _numbers(version) <= limit]
    if not known:
        raise ValueError(f"no schema for Kubernetes {cluster_version} or older is bundled")
    return max(known, key=_numbers)


def _numbers(version: str) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", version)[:2]
    return int(major), int(minor)


def is_known(api_version: str, kind: str, *, version: str) -> bool:
    """Whether there is a schema for a kind."""
    return _validator(api_version, kind, version) is not None


def problems(manifest: Mapping[str, Any], *, version: str) -> list[tuple[str, str]]:
    """The violations of an object's schema, as (dotted path, message). An unknown field is a violation too.

    Raises:
        ValueError: if the kind has no schema.
    """
    validator = _validator(manifest["apiVersion"], manifest["kind"], version)
    if validator is None:
        raise ValueError(f"no schema for {manifest['apiVersion']} {manifest['kind']}")
    return sorted((_path(error), error.message) for error in validator.iter_errors(manifest))


@functools.cache
def _validator(api_version: str, kind: str, version: str) -> jsonschema.Draft202012Validator | None:
    custom = custom_kinds().get((api_version, kind))
    if custom is not None:
        return jsonschema.Draft202012Validator(custom.schema)
    folder = f"kubernetes-json-schema/v{schema_version(version)}-local-strict"
    try:
        schema = bundled.schema_contents(f"{folder}/{_file(api_version, kind)}", version)
    except FileNotFoundError:
        return None
    return jsonschema.Draft202012Validator(
        schema, registry=Resource.from_contents(schema) @ _definitions(folder, version)
    )


@functools.cache
def _definitions(folder: str, version: str) -> Registry[Any]:
    contents = bundled.schema_contents(f"{folder}/_definitions.json", version)
    return Resource.from_contents(contents) @ Registry()


def _file(api_version: str, kind: str) -> str:
    """The bundle's file name for a kind's schema: `networkpolicy-networking-v1.json` for networking.k8s.io/v1."""
    group, slash, number = api_version.rpartition("/")
    return f"{kind.lower()}-{group.split('.')[0]}{'-' if slash else ''}{number}.json"


def _path(error: jsonschema.ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path)
