"""Web requests that meet a site that cannot take writes while another one is ready, counted by their answers."""

from __future__ import annotations

import http
import json
from dataclasses import dataclass, field

from rehearsal.world.loopback import Reply, Request


@dataclass
class Strays:
    """The counts of one site."""

    led: int = 0
    """Sent to the site that leads."""
    answered: list[str] = field(default_factory=list[str])
    """Answered here, or refused: each request and its answer."""
    pages: int = 0
    """Pages of the frontend, which hold no data of anyone."""

    def count(self, request: Request, reply: Reply, *, page: bool) -> None:
        """Count one request by the status of its answer."""
        if request.method == "POST" and 200 <= reply.status < 300:
            return  # it was saved: the site became able to between the look and the write
        if page:
            self.pages += 1
        elif reply.status == http.HTTPStatus.TEMPORARY_REDIRECT:
            self.led += 1
        else:
            self.answered.append(
                f"{request.method} {request.host}{request.path}: {reply.status} {json.dumps(reply.body)}"
            )
