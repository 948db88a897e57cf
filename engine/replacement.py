"""Which changes force a replacement, for every package: the rules that `lifeline diff` and the stand-ins share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.registration import PROVIDER_PREFIX, Registration
from rehearsal.providers.aws.backend import replacement
from rehearsal.providers.backend import UnknownType
from rehearsal.providers.kubernetes import schemas
from rehearsal.providers.random import RandomBackend


def rules_for(registrations: Sequence[Registration]) -> Callable[[str], frozenset[str]]:
    """By type, the inputs (as dotted paths) whose change forces a replacement, given the providers' own settings."""
    mutable_config = any(
        entry.inputs.get("enableConfigMapMutable") in (True, "true")
        for entry in registrations
        if entry.type == f"{PROVIDER_PREFIX}kubernetes"
    )

    def replaces(type_: str) -> frozenset[str]:
        package, module, kind = type_.split(":", 2)
        if package == "aws":
            return frozenset(_aws(type_)) | {"region"}
        if package == "kubernetes":
            api_version = "v1" if module == "core/v1" else module
            return schemas.immutable(api_version, kind, mutable_config=mutable_config).replaces
        if package == "random":
            return RandomBackend().replaces(type_)
        if package == "pulumi":
            return frozenset()
        raise UnknownType(type_)

    return replaces


def _aws(type_: str) -> list[str]:
    if type_ not in replacement():
        raise UnknownType(type_)
    return list(replacement()[type_]["keys"])
