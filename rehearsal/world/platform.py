"""One site's services behind its load balancer, as far as a recovery concerns them.

HTTP on loopback, commits and ledger writes are real. Detection, escalation and hotline are stand-ins for the platform's
own services.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from recovery.naming import LEADER_PATH, LEDGER_KEY, ready_key, site_host
from rehearsal.world.detector import KEYWORD_ONLY, detect
from rehearsal.world.health import AGENT
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.strays import Strays
from rehearsal.world.users import DatabaseUnavailableError, Users

BACKEND = "mental-health-backend"
FRONTEND = "mental-health-frontend"
CRISIS_DETECTOR = "crisis-detector"
HOTLINE_GATEWAY = "hotline-gateway"
SWITCH = "switch"
DEPLOYMENTS = (CRISIS_DETECTOR, HOTLINE_GATEWAY, BACKEND, FRONTEND)

_OWN_HEALTH = ("/health", "/health/complete")
"""Paths that tell about the site itself, whoever leads."""
_SAMPLE = "I am thinking about hurting myself"


class SitePlatform:
    """A site's services, from `start` to `close`.

    Args:
        site: the site's name.
        region: the site's region.
        route: returns the deployment that the load balancer sends a path to; None if it sends it nowhere.
        read_config: returns the ConfigMap's current data.
        replicas: returns the number of ready pods of a deployment; 0 if there is none.
        ledger: the crisis ledger.
        conninfo: returns the connection string for the ConfigMap's DB_HOST; None if there is no such database.
        switch: asks the pods of the site's switch.
        other_is_ready: returns whether another site takes writes, its pods have rolled out and its epoch is ready.
        reaches_pods: returns whether the load balancer reaches the pods.
        refusal: returns the status with which the web ACL blocks a request; None if it does not.
        page: returns the load balancer's own answer to a path; None if a service is to answer.
    """

    def __init__(
        self,
        site: str,
        region: str,
        *,
        route: Callable[[str], str | None],
        read_config: Callable[[], Mapping[str, str]],
        replicas: Callable[[str], int],
        ledger: GlobalTable,
        conninfo: Callable[[str], str | None],
        switch: Callable[[Request], Reply] = lambda _: Reply(503, {"error": "the switch has no pods"}),
        other_is_ready: Callable[[], bool] = lambda: False,
        reaches_pods: Callable[[], bool] = lambda: True,
        refusal: Callable[[Request], int | None] = lambda _: None,
        page: Callable[[str], Reply | None] = lambda _: None,
    ) -> None:
        self._site = site
        self._region = region
        self._refusal, self._page = refusal, page
        self._switch = switch
        self._other_is_ready = other_is_ready
        self._reaches_pods = reaches_pods
        self.strays = Strays()
        self._route = route
        self._read_config = read_config
        self._replicas = replicas
        self._ledger = ledger
        self.users = Users(conninfo)
        self._server = LoopbackServer(f"platform-{site}", self.answer)
        self._handlers: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "/"): lambda _: Reply(200, {"site": site}),
            ("GET", "/health"): lambda _: Reply(200, {"status": "healthy", "site": site}),
            ("GET", "/health/complete"): self._complete_health,
            ("GET", "/api/users"): self._get_user,
            ("POST", "/api/users"): self._add_user,
            ("GET", "/api/crisis/health"): self._crisis_health,
            ("GET", "/api/crisis/test"): self._crisis_test,
            ("POST", "/api/crisis/detect"): self._detect,
            ("POST", "/api/crisis/escalate"): self._escalate,
            ("POST", "/api/crisis/hotline"): self._hotline,
        }

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the load balancer."""
        return self._server.address

    def start(self) -> None:
        """Start answering."""
        self._server.start()

    def cut(self) -> None:
        """Disappear with the region: open connections break, and new ones are reset."""
        self._server.cut()

    def restore(self) -> None:
        """Return with the region."""
        self._server.restore()

    def close(self) -> None:
        """Stop for good."""
        self._server.close()
        self.users.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answer(self, request: Request) -> Reply:
        """The answer of the site's services to a request, however it reached them."""
        refused = self._refusal(request)
        if refused is not None:
            return Reply(refused, {"error": "the web ACL blocks the request"})
        if page := self._page(request.path):
            return page
        deployment = self._route(request.path)
        if deployment is None:
            return Reply(503, {"error": "the load balancer has no pods for this path"})
        if self._replicas(deployment) < 1 or not self._reaches_pods():
            return Reply(503, {"error": f"{deployment} has no pod that is ready"})
        known = self._handlers.get((request.method, request.path))
        handler = self._switch if deployment == SWITCH else known
        if handler is None:
            return Reply(404, {"error": f"{request.method} {request.path} is not served"})
        stray = self._is_stray(deployment, request)
        try:
            reply = handler(request)
        except ConnectionError as error:  # the ledger or the database
            reply = Reply(503, {"error": str(error)})
        if stray:
            self.strays.count(request, reply, page=deployment == FRONTEND)
        return reply

    def _is_stray(self, deployment: str, request: Request) -> bool:
        """Whether a person's web request met a site that cannot take writes while another one is ready."""
        if deployment not in (BACKEND, FRONTEND) or request.path in _OWN_HEALTH or request.agent == AGENT:
            return False
        return not self._can_write() and self._other_is_ready()

    @property
    def _mode(self) -> str:
        return self._read_config().get("CRISIS_FALLBACK_MODE", KEYWORD_ONLY)

    @property
    def _database_host(self) -> str:
        return self._read_config().get("DB_HOST", "")

    @property
    def _copy(self) -> str:
        """The region of the ledger's copy that the pods use."""
        table = self._read_config().get("LEDGER_TABLE", "")
        return table.split(":")[3] if table.startswith("arn:") else self._region

    def _crisis_health(self, _: Request) -> Reply:
        """The health of detection alone, for the probes of pods and target groups: see docs/services.md."""
        works = detect(_SAMPLE, self._mode)
        return Reply(200 if works else 503, {"status": "operational" if works else "failing", "mode": self._mode})

    def _crisis_test(self, request: Request) -> Reply:
        """The health of detection and of its notes, for Route 53. One item per pod is written again and again."""
        self._ledger.put(self._copy, {LEDGER_KEY: f"event#check-{self._site}", "site": self._site})
        noted = self._ledger.get(self._copy, f"event#check-{self._site}")
        return self._crisis_health(request) if noted else Reply(503, {"status": "failing"})

    def _detect(self, request: Request) -> Reply:
        message = request.body.get("message")
        if not isinstance(message, str):
            return Reply(400, {"error": "message is missing"})
        mode = self._mode
        answer: dict[str, Any] = {"crisis_detected": detect(message, mode), "mode": mode}
        if answer["crisis_detected"] and not request.body.get("test"):
            answer["event_id"] = self._record("event", request, mode=mode)
        return Reply(200, answer)

    def _escalate(self, request: Request) -> Reply:
        if request.body.get("test"):
            return Reply(200, {"escalation_id": f"test-{uuid.uuid4()}"})
        severity = str(request.body.get("severity", "high"))
        return Reply(200, {"escalation_id": self._record("escalation", request, severity=severity)})

    def _record(self, kind: str, request: Request, **facts: str) -> str:
        """Write an event to the ledger before it is acknowledged. The text of the message is not stored.

        An event that is sent again has the same id and is stored once, whichever site gets it. A person is not refused
        because an id is missing.
        """
        requested = request.body.get("id")
        id_ = requested if isinstance(requested, str) else str(uuid.uuid4())
        self._ledger.put_if_absent(self._copy, {LEDGER_KEY: f"{kind}#{id_}", "site": self._site, **facts})
        return id_

    def _hotline(self, _: Request) -> Reply:
        provider = self._read_config().get("HOTLINE_PROVIDER", "primary")
        return Reply(200, {"connection_status": "connected", "provider": provider})

    def _add_user(self, request: Request) -> Reply:
        user = request.body.get("id")
        if not isinstance(user, str):
            return Reply(400, {"error": "id is missing"})
        if self._read_config().get("EMERGENCY_READ_ONLY") != "true":
            # The fence knows of a newer leader before the ConfigMap does. A write that may have been saved has an id.
            with contextlib.suppress(DatabaseUnavailableError):
                host = self._database_host  # the answer names it for the judge, which asks clients only
                return self._save_user(host, user, int(request.body.get("version", 1)))
        none = Reply(503, {"error": "no site takes writes at this moment"}, {"Retry-After": "5"})
        return self._way_to_leader(request) or none

    def _save_user(self, host: str, user: str, version: int) -> Reply:
        if version == 1:
            self.users.add(host, user)
        elif not self.users.change(host, user, version):
            return Reply(404, {"error": "no such user"})
        return Reply(201, {"id": user, "database": host})

    def _get_user(self, request: Request) -> Reply:
        # A person must find what the leading site has just saved for them. A replica may not have it yet.
        way = None if self._can_write() else self._way_to_leader(request)
        return way or self._read_user(request)

    def _read_user(self, request: Request) -> Reply:
        user = request.query.get("id", "")
        exists = self.users.has(self._database_host, user)
        return Reply(200, {"id": user}) if exists else Reply(404, {"error": "no such user"})

    def _way_to_leader(self, request: Request) -> Reply | None:
        """Where to go, from a site that cannot take writes; None if no other site leads (docs/services.md)."""
        told = self._switch(Request("GET", LEADER_PATH))
        leader, domain = str(told.body.get("answer", "")).strip(), self._read_config().get("DOMAIN", "")
        # A request to the site's own name was sent here by the other site. Two sites must not send it back and forth.
        if told.status != 200 or leader == self._site or request.host == site_host(self._site, domain):
            return None
        query = f"?{urlencode(request.query)}" if request.query else ""
        return Reply(307, {}, {"Location": f"https://{site_host(leader, domain)}{request.path}{query}"})

    def _complete_health(self, _: Request) -> Reply:
        parts = {name: self._replicas(name) >= 1 for name in DEPLOYMENTS}
        parts |= {"database": self._database_serves(), "ledger": self._ledger_answers()}
        healthy = all(parts.values())
        states = {name: "healthy" if fine else "unhealthy" for name, fine in parts.items()}
        body: dict[str, Any] = {"status": "healthy" if healthy else "unhealthy", "components": states}
        body |= {"site": self._site, "role": self._read_config().get("SITE_ROLE", "")}
        return Reply(200 if healthy else 503, body)

    def takes_writes(self) -> bool:
        """Whether the site takes writes of users.

        Raises:
            DatabaseUnavailableError: if its database does not answer.
        """
        config = self._read_config()
        writable = self.users.takes_writes(self._database_host)
        return writable and config.get("SITE_ROLE") == "active" and config.get("EMERGENCY_READ_ONLY") != "true"

    def _can_write(self) -> bool:
        try:
            return self.takes_writes()
        except DatabaseUnavailableError:
            return False

    def is_ready(self) -> bool:
        """Whether the site takes writes and its epoch is ready: its pods have rolled out and have the role."""
        config = self._read_config()
        try:
            mark = self._ledger.get(self._copy, ready_key(int(config.get("EPOCH", "0"))))
            named = mark is not None and mark["database"] == config.get("DATABASE")
            return named and self._replicas(BACKEND) >= 1 and self.takes_writes()
        except ConnectionError:
            return False

    def _database_serves(self) -> bool:
        """Whether the site serves its role: an active site's database takes writes, a standby's database answers."""
        try:
            return self.takes_writes() or self._read_config().get("SITE_ROLE") != "active"
        except DatabaseUnavailableError:
            return False

    def _ledger_answers(self) -> bool:
        try:
            self._ledger.get(self._copy, "event#health")  # the application's role may read events only
        except ConnectionError:
            return False
        return True
