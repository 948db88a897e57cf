"""The stack that a global resource belongs to: one at a time, and it can change without touching the resource.

A stack releases it first: then Pulumi forgets it instead of deleting it. Another stack adopts it by its id, as it is,
and owns it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import pulumi


class Ownership(StrEnum):
    """The stages of a resource in a stack that declares it."""

    OWN = "own"
    ADOPT = "adopt"
    """Import it, and send no difference."""
    RELEASE = "release"
    """Keep it up to date, and forget it once it is no longer declared."""


def made_here(ownership: Ownership) -> Ownership:
    """The stage of a resource that this stack makes while it adopts others: it has nothing to adopt."""
    return Ownership.OWN if ownership is Ownership.ADOPT else ownership


def belonging(
    ownership: Ownership,
    *,
    parent: pulumi.Resource,
    protect: bool,
    import_id: str | None = None,
    differs: Sequence[str] = (),
    always: Sequence[str] = (),
) -> pulumi.ResourceOptions:
    """The options of a global resource.

    Args:
        ownership: the stage in this stack.
        parent: the component that it is part of.
        protect: whether Pulumi refuses to delete it. A released resource is not protected, but no `up` deletes it.
        import_id: its id in AWS, with which it is adopted; None for one that cannot be.
        differs: the inputs that may have another value in AWS than in this stack, when it is adopted.
        always: the inputs that this stack never changes.
    """
    adopts = ownership is Ownership.ADOPT
    releases = ownership is Ownership.RELEASE
    return pulumi.ResourceOptions(
        parent=parent,
        protect=protect and not releases,
        retain_on_delete=True if releases else None,
        import_=import_id if adopts else None,
        ignore_changes=[*always, *(differs if adopts else ())] or None,
    )
