"""The ways between processes and what they call: how long a call takes, and what may happen to it."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal.simulation.kernel import Kernel, KilledError, Process, current
from rehearsal.simulation.server import Finish

LATENCY_SECONDS = (0.001, 0.03)
LEDGER = "ledger"


class SilentError(ConnectionError):
    """No answer came in time, which proves nothing."""


class Blow(enum.StrEnum):
    """A fault that hits one call."""

    KILL_BEFORE = "it is killed before the request leaves"
    KILL_AFTER = "it is killed while its request is under way"
    VANISH = "it vanishes with its node while its request is under way; its connections stay"
    LOSE_REQUEST = "it sends a request that is lost"
    LOSE_REPLY = "it gets no answer to a request that is done"
    DELAY = "it sends a request that arrives late"
    PAUSE = "it stands still after the answer"


@dataclass(frozen=True)
class Strike:
    """A fault of one call: the `number`th one, counted from 1, of a site's processes of a kind, from a second on."""

    kind: str
    site: str
    after: float
    number: int
    blow: Blow
    seconds: float = 0.0

    def __str__(self) -> str:
        seconds = f" ({self.seconds:g} s)" if self.seconds else ""
        return (
            f"{self.after:.1f} s: {self.site}'s {self.kind}, at its call {self.number} from now: {self.blow}{seconds}"
        )


class Network:
    """All ways. A way is a site and a target: the ledger, or the name of a database.

    Args:
        kernel: the time and the seed.
        strikes: the faults of calls.
    """

    def __init__(self, kernel: Kernel, strikes: tuple[Strike, ...] = ()) -> None:
        self.kernel = kernel
        self._left = {strike: strike.number for strike in strikes}
        """The calls that are left until each strike."""
        self._cut: Counter[tuple[str, str]] = Counter()
        self.hit: Callable[[Process, Strike], None] = lambda _, __: None
        """Called when a strike hits a process."""

    def cut(self, site: str, target: str) -> None:
        """Let nothing pass on a way. Cuts are counted: each needs its `mend`."""
        self._cut[site, target] += 1

    def mend(self, site: str, target: str) -> None:
        self._cut[site, target] -= 1

    def is_open(self, site: str, target: str) -> bool:
        return self._cut[site, target] <= 0

    def latency(self) -> float:
        return self.kernel.random.uniform(*LATENCY_SECONDS)

    def call(self, target: str, effect: Callable[[Finish], None], *, patience: float) -> Any:
        """Let something happen at a target, and return the answer. Called by a process.

        Args:
            target: of the way.
            effect: happens there, and passes its result or its error to the function that it is given.
            patience: after which the process gives up, in seconds.

        Raises:
            SilentError: if no answer comes.
            KilledError: if the process is killed.
        """
        process = current()
        if process.killed:
            raise KilledError
        strike = self._next(process)
        if strike and strike.blow is Blow.KILL_BEFORE:
            process.die()
        answers = self._send(process, target, effect, strike)
        if strike and strike.blow in (Blow.KILL_AFTER, Blow.VANISH):
            process.die(silently=strike.blow is Blow.VANISH)
        self.kernel.after(patience / process.pace, process.suspend())
        process.rest()
        if strike and strike.blow is Blow.PAUSE:
            process.sleep(strike.seconds)
        if not answers:
            raise SilentError(f"{target} does not answer")
        if isinstance(answers[0], BaseException):
            raise answers[0]
        return answers[0]

    def _send(
        self, process: Process, target: str, effect: Callable[[Finish], None], strike: Strike | None
    ) -> list[Any]:
        """Send a request. Returns the list that its answer comes into."""
        answers: list[Any] = []
        blow, wake = strike.blow if strike else None, process.suspend()

        def deliver(result: Any) -> None:
            answers.append(result)
            wake()

        def answer(result: Any) -> None:
            if blow is not Blow.LOSE_REPLY and self.is_open(process.site, target):
                self.kernel.after(self.latency(), lambda: deliver(result))

        def arrive() -> None:
            if self.is_open(process.site, target):
                effect(answer)

        if blow is not Blow.LOSE_REQUEST:
            late = strike.seconds if strike and blow is Blow.DELAY else 0.0
            self.kernel.after(self.latency() + late, arrive)
        return answers

    def _next(self, process: Process) -> Strike | None:
        """The strike that hits this call."""
        found: Strike | None = None
        for strike, left in list(self._left.items()):
            if (strike.kind, strike.site) != (process.kind, process.site) or self.kernel.now < strike.after:
                continue
            if left > 1 or found is not None:
                self._left[strike] = max(left - 1, 1)
            else:
                del self._left[strike]
                found = strike
        if found is not None:
            self.hit(process, found)
        return found
