"""Stand-ins for a site's crisis services: detection, escalation and hotline. Their writes to the ledger are real."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from recovery.naming import LEDGER_CHECKS, LEDGER_KEY, ready_key
from rehearsal.world.detector import KEYWORD_ONLY
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.loopback import Reply, Request
from rehearsal.world.models import SAMPLE, LoadedModel


class CrisisServices:
    """A site's crisis services.

    Args:
        site: the site's name.
        region: the site's region.
        read_config: returns the ConfigMap's current data.
        ledger: the crisis ledger.
        refusal: returns the reason for which the detector may not make a call of DynamoDB on a key in a region, or does
            not reach it; None if it may and does.
        model: the model of its pods.
        provider: returns the reason for which the hotline gateway does not reach a provider, `primary` or `backup`, or
            gets no connection from it; None if it connects people.
    """

    def __init__(
        self,
        site: str,
        region: str,
        read_config: Callable[[], Mapping[str, str]],
        ledger: GlobalTable,
        refusal: Callable[[str, str, str], str | None],
        model: LoadedModel,
        provider: Callable[[str], str | None],
    ) -> None:
        self._site = site
        self._region = region
        self._read_config = read_config
        self._ledger = ledger
        self._refusal = refusal
        self._model, self._provider = model, provider
        self._marks: dict[int, Mapping[str, Any]] = {}
        self.handlers: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "/api/crisis/health"): self._health,
            ("GET", "/api/crisis/test"): self._test,
            ("GET", "/api/crisis/endpoints"): self._endpoints,
            ("POST", "/api/crisis/detect"): self._detect,
            ("POST", "/api/crisis/escalate"): self._escalate,
            ("POST", "/api/crisis/hotline"): self._hotline,
        }

    def read(self, key: str) -> Mapping[str, Any] | None:
        """An item of the copy of the ledger that the pods use.

        Raises:
            ConnectionError: if it does not answer.
        """
        return self._ledger.get(self._copy, key)

    def ready_mark(self, epoch: int) -> Mapping[str, Any] | None:
        """The ready mark of an epoch, or None. It is read until it is there: it is never changed.

        Raises:
            ConnectionError: if the copy of the ledger does not answer.
        """
        if epoch not in self._marks and (mark := self.read(ready_key(epoch))) is not None:
            self._marks[epoch] = mark
        return self._marks.get(epoch)

    def detector_refusal(self) -> str | None:
        """The reason for which the detector's pods do not live; None if they do."""
        return self._model.refusal(self._read_config(), self._mode)

    def ledger_refusal(self) -> str | None:
        """The reason for which the copy of the ledger that the pods use does not answer; None if it does."""
        try:
            self.read("event#health")  # the application's role may read events only
        except ConnectionError as error:
            return str(error)
        return None

    @property
    def _mode(self) -> str:
        return self._read_config().get("CRISIS_FALLBACK_MODE", KEYWORD_ONLY)

    def _finds(self, message: str) -> bool:
        return self._model.detect(message, self._read_config(), self._mode)

    @property
    def _copy(self) -> str:
        """The region of the ledger's copy that the pods use."""
        table = self._read_config().get("LEDGER_TABLE", "")
        return table.split(":")[3] if table.startswith("arn:") else self._region

    def _health(self, _: Request) -> Reply:
        """The health of detection alone, for the probes of pods and target groups: see docs/services.md."""
        works = self._finds(SAMPLE)
        return Reply(200 if works else 503, {"status": "operational" if works else "failing", "mode": self._mode})

    def _test(self, request: Request) -> Reply:
        """The health of detection and of its notes, for Route 53. One item per pod is written again and again."""
        key = f"{LEDGER_CHECKS}{self._site}"
        self._ask("PutItem", key)
        self._ledger.put(self._copy, {LEDGER_KEY: key, "site": self._site})
        self._ask("GetItem", key)
        noted = self._ledger.get(self._copy, key)
        return self._health(request) if noted else Reply(503, {"status": "failing"})

    def _endpoints(self, _: Request) -> Reply:
        """The addresses that a client keeps, the own site's first (docs/clients.md)."""
        return Reply(200, {"endpoints": self._read_config()["CRISIS_ENDPOINTS"].split(",")})

    def _detect(self, request: Request) -> Reply:
        message = request.body.get("message")
        if not isinstance(message, str):
            return Reply(400, {"error": "message is missing"})
        mode = self._mode
        answer: dict[str, Any] = {"crisis_detected": self._finds(message), "mode": mode}
        if answer["crisis_detected"] and not request.body.get("test"):
            answer["event_id"] = self._record("event", request, mode=mode)
        return Reply(200, answer)

    def _escalate(self, request: Request) -> Reply:
        if request.body.get("test"):
            return Reply(200, {"escalation_id": f"test-{uuid.uuid4()}"})
        facts = {"severity": str(request.body.get("severity", "high"))}
        if isinstance(event := request.body.get("event"), str):
            facts["event"] = event
        return Reply(200, {"escalation_id": self._record("escalation", request, **facts)})

    def _record(self, kind: str, request: Request, **facts: str) -> str:
        """Write an event to the ledger before it is acknowledged. The text of the message is not stored.

        An event that is sent again has the same id and is stored once, whichever site gets it. A person is not refused
        because an id is missing.
        """
        requested = request.body.get("id")
        id_ = requested if isinstance(requested, str) else str(uuid.uuid4())
        key = f"{kind}#{id_}"
        self._ask("PutItem", key)
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._ledger.put_if_absent(self._copy, {LEDGER_KEY: key, "at": at, "site": self._site, **facts})
        return id_

    def _ask(self, operation: str, key: str) -> None:
        """Let a call of the detector pass.

        Raises:
            ConnectionError: if it is refused, or does not arrive.
        """
        if reason := self._refusal(operation, self._copy, key):
            raise ConnectionError(reason)

    def _hotline(self, _: Request) -> Reply:
        provider = self._read_config().get("HOTLINE_PROVIDER", "primary")
        if reason := self._provider(provider):
            return Reply(502, {"error": reason, "provider": provider})
        return Reply(200, {"connection_status": "connected", "provider": provider})
