"""When the pods of a Deployment count as begun: when they have answered, or when they have had the time for that."""

from __future__ import annotations

import math

from procedures.assumptions import POD_START
from rehearsal.world.clock import Clock

BEGINS_SECONDS = float(POD_START.seconds)
"""Simulated seconds after which a Deployment whose pods were started should answer."""


class Beginnings:
    """Those of one cluster's Deployments.

    A cluster is there for minutes before a Deployment is, so the time counts from the start of the Deployment's pods.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answering = set[str]()
        self._started = dict[str, float]()

    def started(self, deployment: str) -> None:
        """Count from now, or from the first start: pods that end again and again have not the time of each start."""
        self._started.setdefault(deployment, self._clock.now())

    def answered(self, deployment: str) -> None:
        """One of its pods has answered."""
        self._answering.add(deployment)

    def replaced(self, deployment: str) -> None:
        """Other pods take the place of those that were started, and have to begin."""
        self._answering.discard(deployment)
        self._started.pop(deployment, None)

    def lost(self) -> None:
        """No pod of any Deployment runs."""
        self._answering.clear()
        self._started.clear()

    def has_begun(self, deployment: str) -> bool:
        """Whether it has answered since its pods were started, or has had the time for that."""
        until = self._started.get(deployment, math.inf) + BEGINS_SECONDS
        return deployment in self._answering or self._clock.now() >= until
