"""The Route 53 health checks of one site.

They exist from the start: a flip changes none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from recovery import objectives
from recovery.naming import LEADS_PATH, YIELDS_PATH, leads_answer, site_host, yields_answer

APP_PATH = "/health"
CRISIS_PATH = "/api/crisis/test"
"""It detects in a sample, and writes and reads the ledger. A site whose ledger is impaired loses its crisis traffic; if
all sites fail, Route 53 answers as if all were healthy. The probes of pods and target groups read a path that ignores
the ledger, because a broken dependency must not restart or remove pods."""
PAGE_PATH = "/"
"""The page that users open, which the frontend serves. The backend answers `APP_PATH`."""
CHECKED_PATHS = (APP_PATH, CRISIS_PATH, PAGE_PATH, LEADS_PATH, YIELDS_PATH)
"""All paths that health checkers read from the load balancer."""
HTTPS_PORT = 443


@dataclass(frozen=True, kw_only=True)
class HealthChecksArgs:
    """The site that is checked, and its peer."""

    site: Site
    peer_site: str
    domain: str
    has_primary_record: bool
    """Whether the site has the PRIMARY records. Only then it loses its traffic when the peer leads."""


class HealthChecks(pulumi.ComponentResource):
    """The health checks of one site. With the PRIMARY records, also those of both switches."""

    app_id: pulumi.Output[str]
    """Healthy while the backend answers."""
    crisis_id: pulumi.Output[str]
    """Healthy while the site detects a crisis and can note it. This works in every site, whichever site leads."""
    web_id: pulumi.Output[str]
    """Healthy while backend and frontend answer and, with the PRIMARY records, no switch says that the peer leads."""
    answers_id: pulumi.Output[str]
    """Healthy while backend and frontend answer, whichever site leads."""

    def __init__(self, name: str, args: HealthChecksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:HealthChecks", name, {}, opts)
        self._name, self._args = name, args
        host = site_host(args.site.name, args.domain)
        app = self._https("app", host, APP_PATH, tier=objectives.CORE.name)
        self.app_id = app.id
        self.crisis_id = self._https("crisis", host, CRISIS_PATH, tier=objectives.CRISIS.name).id
        page = self._https("page", host, PAGE_PATH, tier=objectives.CORE.name)
        switches = self._switches() if args.has_primary_record else []
        self.web_id = self._all_of("web", app, page, *switches).id
        self.answers_id = self._all_of("answers", app, page).id if switches else self.web_id
        self.register_outputs({})

    def _https(
        self, role: str, host: str, path: str, *, tier: str, never: str | None = None
    ) -> aws.route53.HealthCheck:
        """A check of a path; with `never`, it is healthy unless the path answers with these words."""
        return aws.route53.HealthCheck(
            f"{self._name}-{role}",
            type="HTTPS" if never is None else "HTTPS_STR_MATCH",
            search_string=never,
            fqdn=host,
            port=HTTPS_PORT,
            resource_path=path,
            enable_sni=True,
            invert_healthcheck=never is not None,
            request_interval=objectives.HEALTH_CHECK_INTERVAL_SECONDS,
            failure_threshold=objectives.HEALTH_CHECK_FAILURES,
            tags=self._tags(role, tier),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _switches(self) -> list[aws.route53.HealthCheck]:
        """Healthy unless a switch says that the peer leads: the peer's, or the site's own if the peer is lost.

        Only the switch's words count, not a page that answers instead. A site that does not answer says nothing.
        """
        own, peer, domain = self._args.site.name, self._args.peer_site, self._args.domain
        tier = objectives.CORE.name
        return [
            self._https("peer-leads", site_host(peer, domain), LEADS_PATH, tier=tier, never=leads_answer(peer)),
            self._https("yields", site_host(own, domain), YIELDS_PATH, tier=tier, never=yields_answer(own)),
        ]

    def _all_of(self, role: str, *checks: aws.route53.HealthCheck) -> aws.route53.HealthCheck:
        return aws.route53.HealthCheck(
            f"{self._name}-{role}",
            type="CALCULATED",
            child_healthchecks=[check.id for check in checks],
            child_health_threshold=len(checks),
            tags=self._tags(role, objectives.CORE.name),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _tags(self, role: str, tier: str) -> dict[str, str]:
        return self._args.site.tags.of(tier=tier, data="none", name=f"{self._args.site.name}-{role}")
