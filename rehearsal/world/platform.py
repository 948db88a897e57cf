"""One site's services behind its load balancer, as far as a recovery concerns them.

HTTP on loopback, commits and ledger writes are real. Detection, escalation and hotline are stand-ins for the platform's
own services.
"""

from __future__ import annotations

import contextlib
import http
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from recovery.naming import LEADER_PATH, LEADS_PATH, SWITCH_HEALTH_PATH, YIELDS_PATH, site_host
from rehearsal.world.crisis import CrisisServices
from rehearsal.world.health import AGENT
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.models import Fetch, LoadedModel, no_bucket
from rehearsal.world.strays import Strays
from rehearsal.world.users import DatabaseUnavailableError, Users
from rehearsal.world.websocket import opened

BACKEND = "mental-health-backend"
FRONTEND = "mental-health-frontend"
CRISIS_DETECTOR = "crisis-detector"
HOTLINE_GATEWAY = "hotline-gateway"
SWITCH = "switch"
DEPLOYMENTS = (CRISIS_DETECTOR, HOTLINE_GATEWAY, BACKEND, FRONTEND)
SERVED = {
    BACKEND: ("/health", "/health/complete", "/api/users", "/api/events", "/ws"),
    FRONTEND: ("/health", "/"),
    CRISIS_DETECTOR: (
        "/api/crisis/health",
        "/api/crisis/test",
        "/api/crisis/endpoints",
        "/api/crisis/detect",
        "/api/crisis/escalate",
    ),
    HOTLINE_GATEWAY: ("/health", "/api/crisis/hotline"),
    SWITCH: (SWITCH_HEALTH_PATH, LEADS_PATH, YIELDS_PATH, LEADER_PATH),
}
"""The paths that each deployment serves: docs/services.md."""

_NEVER_LED = ("/health", "/health/complete", "/ws")
"""Paths that tell about the site itself, whoever leads; and WebSockets, for which browsers follow no redirection."""


class SitePlatform:
    """A site's services, from `start` to `close`.

    Args:
        site: the site's name.
        region: the site's region.
        route: returns the deployment that the load balancer sends a path to; None if it sends it nowhere.
        read_config: returns the ConfigMap's current data.
        not_ready: returns the reason for which a deployment has no pod that could be ready; None if it has one.
        ledger: the crisis ledger.
        conninfo: returns the connection string for the ConfigMap's DB_HOST; None if there is no such database.
        pods: as `pods` of `Users`.
        switch: asks the pods of the site's switch.
        other_is_ready: returns whether another site takes writes, its pods have rolled out and its epoch is ready.
        way: returns the reason for which the load balancer does not reach the pods behind a path; None if it does.
        refusal: returns the status with which the web ACL blocks a request; None if it does not.
        page: returns the load balancer's own answer to a path; None if a service is to answer.
        ledger_refusal: as `refusal` of `CrisisServices`.
        detector: returns a name of the present pods of the crisis detector.
        model: as `fetch` of `LoadedModel`.
        provider: as for `CrisisServices`.
    """

    def __init__(
        self,
        site: str,
        region: str,
        *,
        route: Callable[[str], str | None],
        read_config: Callable[[], Mapping[str, str]],
        not_ready: Callable[[str], str | None],
        ledger: GlobalTable,
        conninfo: Callable[[str], str | None],
        pods: Callable[[], str] = lambda: "",
        switch: Callable[[Request], Reply] = lambda _: Reply(503, {"error": "the switch has no pods"}),
        other_is_ready: Callable[[], bool] = lambda: False,
        way: Callable[[str], str | None] = lambda _: None,
        refusal: Callable[[Request], int | None] = lambda _: None,
        page: Callable[[str], Reply | None] = lambda _: None,
        ledger_refusal: Callable[[str, str, str], str | None] = lambda *_: None,
        detector: Callable[[], str] = lambda: "",
        model: Fetch = no_bucket,
        provider: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._site = site
        self._region = region
        self._refusal, self._page = refusal, page
        self._switch = switch
        self._other_is_ready = other_is_ready
        self._way = way
        self.strays = Strays()
        self._route = route
        self._read_config = read_config
        self._has_no_pod = not_ready
        loaded = LoadedModel(detector, model)
        self.crisis = CrisisServices(site, region, read_config, ledger, ledger_refusal, loaded, provider)
        self.users = Users(conninfo, pods)
        self._server = LoopbackServer(f"platform-{site}", self.answer)
        self._handlers: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "/"): lambda _: Reply(200, {"site": site}),
            ("GET", "/health"): lambda _: Reply(200, {"status": "healthy", "site": site}),
            ("GET", "/health/complete"): self._complete_health,
            ("GET", "/api/users"): self._get_user,
            ("GET", "/ws"): self._open_socket,
            ("POST", "/api/users"): self._saves(self._save_user),
            ("POST", "/api/events"): self._saves(self._save_event),
            **self.crisis.handlers,
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
        if reason := self._not_ready(deployment) or self._way(request.path):
            return Reply(503, {"error": reason})
        known = self._handlers.get((request.method, request.path))
        handler = self._switch if deployment == SWITCH else known
        if handler is None or request.path not in SERVED.get(deployment, ()):
            return Reply(404, {"error": f"{deployment} does not serve {request.method} {request.path}"})
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
        if deployment not in (BACKEND, FRONTEND) or request.path in _NEVER_LED or request.agent == AGENT:
            return False
        return not self._can_write() and self._other_is_ready()

    def _not_ready(self, deployment: str) -> str | None:
        """The reason for which a deployment has no ready pod; None if it has one."""
        own = self.crisis.detector_refusal if deployment == CRISIS_DETECTOR else lambda: None
        return self._has_no_pod(deployment) or own()

    @property
    def _database_host(self) -> str:
        return self._read_config().get("DB_HOST", "")

    def _saves(self, save: Callable[[str, str, Request], Reply]) -> Callable[[Request], Reply]:
        """The handler of a write of users, which goes to the database of this site or leads to the leader."""

        def handle(request: Request) -> Reply:
            key = request.body.get("id")
            if not isinstance(key, str):
                return Reply(400, {"error": "id is missing"})
            if self._read_config().get("EMERGENCY_READ_ONLY") != "true":
                # The fence knows of a newer leader before the ConfigMap does. A write that may be saved has an id.
                with contextlib.suppress(DatabaseUnavailableError):
                    return save(self._database_host, key, request)
            return self._way_to_leader(request)

        return handle

    def _save_user(self, host: str, user: str, request: Request) -> Reply:
        """Add or change a user. The answer names the database for the judge, which asks clients only."""
        version = int(request.body.get("version", 1))
        if version == 1:
            self.users.add(host, user)
        elif not self.users.change(host, user, version):
            return Reply(404, {"error": "no such user"})
        return Reply(201, {"id": user, "database": host})

    def _save_event(self, host: str, event: str, request: Request) -> Reply:
        self.users.add_event(host, event, str(request.body.get("mode", "")))
        return Reply(201, {"id": event, "database": host})

    def _get_user(self, request: Request) -> Reply:
        # A person must find what the leading site has just saved for them. A replica may not have it yet.
        if not self._can_write():
            way = self._way_to_leader(request)
            if way.status == http.HTTPStatus.TEMPORARY_REDIRECT:
                return way
        return self._read_user(request)

    def _open_socket(self, request: Request) -> Reply:
        if not self._can_write():
            return Reply(503, {"error": "the other site opens WebSockets"}, {"Retry-After": "5"})
        return opened(request.socket_key)

    def _read_user(self, request: Request) -> Reply:
        user = request.query.get("id", "")
        exists = self.users.has(self._database_host, user)
        return Reply(200, {"id": user}) if exists else Reply(404, {"error": "no such user"})

    def _way_to_leader(self, request: Request) -> Reply:
        """Where to go, from a site that cannot take writes; 503 if no other site leads (docs/services.md)."""
        told = self._switch(Request("GET", LEADER_PATH))
        leader, domain = str(told.body.get("answer", "")).strip(), self._read_config().get("DOMAIN", "")
        # A request to the site's own name was sent here by the other site. Two sites must not send it back and forth.
        if told.status != 200 or leader == self._site or request.host == site_host(self._site, domain):
            said = " ".join(map(str, (told.status, *told.body.values()))).strip()
            body = {"error": "no site takes writes at this moment", "switch": said}
            return Reply(503, body, {"Retry-After": "5"})
        query = f"?{urlencode(request.query)}" if request.query else ""
        return Reply(307, {}, {"Location": f"https://{site_host(leader, domain)}{request.path}{query}"})

    def _complete_health(self, _: Request) -> Reply:
        parts = {name: self._not_ready(name) for name in DEPLOYMENTS}
        parts |= {"database": self._database_refusal(), "ledger": self.crisis.ledger_refusal()}
        reasons = {name: reason for name, reason in parts.items() if reason}
        states = {name: "unhealthy" if name in reasons else "healthy" for name in parts}
        body: dict[str, Any] = {"status": "unhealthy" if reasons else "healthy"}
        body |= {"reasons": reasons} if reasons else {}
        body |= {"components": states, "site": self._site, "role": self._read_config().get("SITE_ROLE", "")}
        return Reply(503 if reasons else 200, body)

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
            mark = self.crisis.ready_mark(int(config.get("EPOCH", "0")))
            named = mark is not None and mark["database"] == config.get("DATABASE")
            return named and self._not_ready(BACKEND) is None and self.takes_writes()
        except ConnectionError:
            return False

    def _database_refusal(self) -> str | None:
        """The reason for which the database does not serve the site's role; None if it does.

        An active site's database takes writes, and a standby's database answers.
        """
        try:
            serves = self.takes_writes() or self._read_config().get("SITE_ROLE") != "active"
        except DatabaseUnavailableError as error:
            return str(error)
        return None if serves else "the site is active, and takes no writes"
