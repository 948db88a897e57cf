"""The two providers that connect people to counsellors. They are outside of AWS, and are no part of the platform."""

from __future__ import annotations

import http
import threading
from types import TracebackType
from typing import Self

from rehearsal.world.loopback import LoopbackServer, Reply, Request

PRIMARY, BACKUP = "primary", "backup"
ACTIVATE_PATH = "/activate"


class HotlineProviders:
    """The providers. The backup connects people once it was activated with its token, by a real call.

    Args:
        token: of the backup provider.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self._failed: set[str] = set()
        self._activated = threading.Event()
        self._server = LoopbackServer("hotline-backup", self._answer)

    @property
    def address(self) -> tuple[str, int]:
        """The address of the backup provider on this machine."""
        return self._server.address

    @property
    def is_activated(self) -> bool:
        """Whether the backup provider takes calls."""
        return self._activated.is_set()

    def fail(self, provider: str) -> None:
        """Let a provider connect no one from now on."""
        self._failed.add(provider)

    def refusal(self, provider: str) -> str | None:
        """The reason for which a provider connects no one; None if it does."""
        if provider in self._failed:
            return f"the {provider} provider of the hotline does not answer"
        if provider == BACKUP and not self.is_activated:
            return "the backup provider of the hotline was not activated"
        return None

    def _answer(self, request: Request) -> Reply:
        if (request.method, request.path) != ("POST", ACTIVATE_PATH):
            return Reply(http.HTTPStatus.NOT_FOUND, {})
        if request.bearer != self.token:
            return Reply(http.HTTPStatus.UNAUTHORIZED, {})
        self._activated.set()
        return Reply(http.HTTPStatus.OK, {"status": "active"})

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
