"""The degraded modes of a site: one edit each, which changes settings, a size or a route, and no data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from recovery import objectives
from stacks.problems import Problem
from stacks.sections import Section

if TYPE_CHECKING:
    from stacks.config import SiteConfig

PATH = "lifeline:emergency"


class EmergencyConfig(Section):
    """The differences from the usual operation. Each line is removed when the emergency is over."""

    read_only: bool = False
    """Whether the backend takes no writes, although the database would. The crisis services note their events."""
    crisis_fallback: Literal["hybrid", "keyword_only"] = "hybrid"
    """How the crisis detector finds a crisis: with the model and keywords, or with keywords alone."""
    model_version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,1024}$")
    """The version id of the model in the site's own bucket that the crisis detector loads; None for its image's model.

    S3 makes the id, of at most 1,024 bytes. Source: Amazon S3 User Guide, "How S3 Versioning works", version IDs.
    """
    crisis_replicas: int | None = Field(default=None, ge=2, le=objectives.CRISIS_SURGE_REPLICAS)
    """The least number of pods of the crisis detector, if there are to be more than `lifeline:capacity` says."""
    hotline: Literal["primary", "backup"] = "primary"
    """The provider that the hotline gateway calls."""
    maintenance: bool = False
    """Whether the load balancer answers every page by itself. Requests for data and the crisis services go on."""

    @property
    def active(self) -> dict[str, Any]:
        """The modes in which the site is, by their keys in the file."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


def emergency_problems(site: SiteConfig) -> Iterator[Problem]:
    """The contradictions between a degraded mode and what the site does already."""
    emergency = site.emergency
    for key, is_set in (("readOnly", emergency.read_only), ("maintenance", emergency.maintenance)):
        if is_set and not site.is_active:
            hint = "remove the line: people are led to the site that leads, and this one would begin to lead like that"
            yield Problem(f"{PATH}.{key}", "is true, but this site does not lead", hint)
    if emergency.read_only and site.drains:
        hint = "remove the line: a site that drains takes no writes, and would still take none after the drain"
        yield Problem(f"{PATH}.readOnly", "is true, and lifeline:switchover.drain is set", hint)
    if emergency.model_version is not None and emergency.crisis_fallback == "keyword_only":
        hint = "remove one of the two lines: with keywords alone, no model is asked"
        yield Problem(f"{PATH}.modelVersion", "is set, and crisisFallback is keyword_only", hint)
    usual = site.usual_replicas.crisis_detector
    if emergency.crisis_replicas is not None and emergency.crisis_replicas < usual:
        hint = "a surge adds pods: change lifeline:capacity to have fewer"
        yield Problem(f"{PATH}.crisisReplicas", f"is {emergency.crisis_replicas}, and {usual} run without it", hint)
