"""Pods that were told to end and go on answering for a while, as their preStop hook asks.

Source: Kubernetes documentation, "Container Lifecycle Hooks" (SIGTERM follows the hook) and "Pod Lifecycle": a Service
without another pod leads to those that end.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.warm import WarmProcess
from rehearsal.world import processes
from rehearsal.world.clock import Clock


@dataclass
class Running:
    """A pod that runs as a process."""

    process: WarmProcess
    deployment: str = ""
    """Empty for a Job."""
    template: Mapping[str, Any] = field(default_factory=dict[str, Any])
    port: int = 0
    """The port at which the pod serves; 0 if it serves none."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", self.port

    @property
    def sleeps(self) -> float:
        """The seconds of its preStop hook."""
        (container,) = self.template["spec"]["containers"]
        return float(container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))


class Drain:
    """The pods of one cluster that end.

    Args:
        clock: simulated time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ending: list[tuple[float, Running]] = []

    def end(self, pod: Running, *, replaced: bool) -> bool:
        """End a pod when the sleep of its hook is over, or at once if others replace it.

        The cluster in memory takes no time for a roll-out, so old pods would hide that new ones never become ready.

        Returns:
            Whether it goes on answering.
        """
        if replaced or not pod.sleeps:
            processes.end(signal.SIGTERM, pod.process)
            return False
        self._ending = [*self._ending, (self._clock.now() + pod.sleeps, pod)]
        return True

    def end_over(self) -> list[str]:
        """End the pods whose time is over. Returns the Deployments that have none left which end."""
        now = self._clock.now()
        over = [pod for until, pod in self._ending if until <= now]
        self._ending = [entry for entry in self._ending if entry[0] > now]
        processes.end(signal.SIGTERM, *(pod.process for pod in over))
        return [*{pod.deployment for pod in over} - {pod.deployment for _, pod in self._ending}]

    def end_all(self, how: signal.Signals) -> None:
        """End every pod at once."""
        processes.end(how, *(pod.process for _, pod in self._ending))
        self._ending = []

    def addresses(self, deployment: str) -> list[tuple[str, int]]:
        """Host and port of every pod of a Deployment that ends and still serves."""
        return [pod.address for _, pod in self._ending if pod.deployment == deployment and pod.port]
