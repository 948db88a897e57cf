"""Many people who each report one crisis. Their clients know both sites, and try the other one (docs/clients.md)."""

from __future__ import annotations

import itertools
import math
import random
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from procedures.web import FAILURES, RefusedError
from rehearsal.history import History, Kind
from rehearsal.world.browser import Browser
from rehearsal.world.clock import Clock

AT_ONCE = 64
"""The most people whose clients wait for an answer. A client that waits for one of these places is late by that."""
PATIENCE_SECONDS = 120.0
"""Simulated seconds after which a person is counted as never answered."""


class Callers:
    """People whose clients send one crisis event each, at random moments, until it is acknowledged.

    Args:
        browser: their way to the platform. Its time limit is that after which they try the other site.
        hosts: the hosts that the platform named, in their order. Each client begins with the first.
        clock: simulated time.
        history: of other clients, to record the writes in.
        seed: draws the moments.
    """

    def __init__(self, browser: Browser, hosts: Sequence[str], clock: Clock, history: History, seed: int = 0) -> None:
        self._browser, self._hosts, self._clock, self._history = browser, tuple(hosts), clock, history
        self._chance = random.Random(seed)
        self._run_id = uuid.uuid4().hex[:8]
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="caller")
        self._calls: list[Future[float]] = []

    def call(self, count: int, seconds: float) -> None:
        """Let so many people call, spread over so many simulated seconds from now. Returns at once."""
        began = self._clock.now()
        moments = sorted(began + self._chance.uniform(0, seconds) for _ in range(count))
        self._thread = threading.Thread(target=self._begin, args=(moments,), name="callers", daemon=True)
        self._thread.start()

    def outages(self) -> tuple[float, ...]:
        """For each person, the simulated seconds from the first attempt to the acknowledgement. Waits for all.

        Infinite for one who was not answered.
        """
        assert self._thread is not None, "no one calls yet"
        self._thread.join()
        return tuple(call.result() for call in self._calls)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._browser.stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _begin(self, moments: Sequence[float]) -> None:
        for number, moment in enumerate(moments, 1):
            if self._clock.wait(self._stopping, moment - self._clock.now()):
                return
            self._calls.append(self._pool.submit(self._report, number, moment))

    def _report(self, number: int, moment: float) -> float:
        """One person's event, from the moment at which it was to be sent. The time without a free place counts too."""
        event = f"event-{self._run_id}-call-{number:06d}"
        for host in itertools.cycle(self._hosts):
            if self._clock.now() - moment > PATIENCE_SECONDS or self._stopping.is_set():
                break
            try:
                self._send(host, event)
            except FAILURES:
                continue
            return self._clock.now() - moment
        return math.inf

    def _send(self, host: str, event: str) -> None:
        body = {"id": event, "message": "I am having thoughts of self-harm", "test": False}
        with self._history.recording(self._clock.now, Kind.EVENT, event):
            answer = self._browser.send(host, "POST", "/api/crisis/detect", body)
            if answer.get("event_id") != event:
                raise RefusedError(f"the crisis was not noted: {answer}")
