"""Web requests that meet a site that cannot take writes while another one is ready, counted by their answers."""

from __future__ import annotations

import http
from dataclasses import dataclass


@dataclass
class Strays:
    """The counts of one site."""

    led: int = 0
    """Sent to the site that leads."""
    answered: int = 0
    """Answered here, or refused."""
    pages: int = 0
    """Pages of the frontend, which hold no data of anyone."""

    def count(self, status: int, *, page: bool) -> None:
        """Count one request by the status of its answer."""
        if page:
            self.pages += 1
        elif status == http.HTTPStatus.TEMPORARY_REDIRECT:
            self.led += 1
        else:
            self.answered += 1
