"""The Route 53 health checks of one site.

They exist from the start: a flip changes none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from recovery import objectives
from recovery.naming import TAKEOVER_KEY, site_host, switch_bucket_host

APP_PATH = "/health"
CRISIS_PATH = "/api/crisis/health"
PAGE_PATH = "/"
"""The page that users open, which the frontend serves. The backend answers `APP_PATH`."""
CHECKED_PATHS = (APP_PATH, CRISIS_PATH, PAGE_PATH)
"""All paths that health checkers read from the load balancer."""
HTTPS_PORT = 443


@dataclass(frozen=True, kw_only=True)
class HealthChecksArgs:
    """The site that is checked, and its peer."""

    site: Site
    peer_site: str
    peer_region: str
    domain: str
    is_first: bool
    """Whether the site led first. Only the first site loses its traffic when the peer's switch is on."""


class HealthChecks(pulumi.ComponentResource):
    """The health checks of one site. The first site also checks whether the peer has taken over."""

    app_id: pulumi.Output[str]
    """Healthy while the backend answers."""
    crisis_id: pulumi.Output[str]
    """Healthy while crisis detection answers. Crisis detection works in every site, whichever site leads."""
    web_id: pulumi.Output[str]
    """Healthy while backend and frontend answer and, for the first site, the peer has not taken over."""

    def __init__(self, name: str, args: HealthChecksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:HealthChecks", name, {}, opts)
        self._name, self._args = name, args
        host = site_host(args.site.name, args.domain)
        app = self._https("app", host, APP_PATH, tier=objectives.CORE.name)
        self.app_id = app.id
        self.crisis_id = self._https("crisis", host, CRISIS_PATH, tier=objectives.CRISIS.name).id
        page = self._https("page", host, PAGE_PATH, tier=objectives.CORE.name)
        self.web_id = self._all_of(app, page, *([self._no_takeover()] if args.is_first else [])).id
        self.register_outputs({})

    def _https(self, role: str, host: str, path: str, *, tier: str, inverted: bool = False) -> aws.route53.HealthCheck:
        return aws.route53.HealthCheck(
            f"{self._name}-{role}",
            type="HTTPS",
            fqdn=host,
            port=HTTPS_PORT,
            resource_path=path,
            enable_sni=True,
            invert_healthcheck=inverted,
            request_interval=objectives.HEALTH_CHECK_INTERVAL_SECONDS,
            failure_threshold=objectives.HEALTH_CHECK_FAILURES,
            tags=self._tags(role, tier),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _no_takeover(self) -> aws.route53.HealthCheck:
        """Healthy if the peer's switch does not answer. A lost peer does not answer, which is no takeover."""
        peer = switch_bucket_host(self._args.peer_site, account=self._args.site.account, region=self._args.peer_region)
        return self._https("no-takeover", peer, f"/{TAKEOVER_KEY}", tier="platform", inverted=True)

    def _all_of(self, *checks: aws.route53.HealthCheck) -> aws.route53.HealthCheck:
        return aws.route53.HealthCheck(
            f"{self._name}-web",
            type="CALCULATED",
            child_healthchecks=[check.id for check in checks],
            child_health_threshold=len(checks),
            tags=self._tags("web", objectives.CORE.name),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _tags(self, role: str, tier: str) -> dict[str, str]:
        return self._args.site.tags.of(tier=tier, data="none", name=f"{self._args.site.name}-{role}")
