"""The public endpoints that each site's Prometheus probes from outside, and the alerts about their answers.

A probe calls the public address, through DNS, the load balancer and TLS, as a user's request does.
"""

from __future__ import annotations

from dataclasses import dataclass

from components.alerts.model import Alert, Group, Severity, Team, series, unless_shown, up
from recovery import objectives
from recovery.objectives import Tier

PROBE_JOB = "probe"
"""The job of all probes."""
PROBER = "blackbox-exporter"
"""The exporter that sends the probes, and the job under which Prometheus scrapes it."""
PROBER_DOWN = "ProberDown"
PEER = "peer"
"""The name of the endpoint of the other site."""
_SOURCE = "blackbox exporter"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An address that a probe calls with GET. It must answer 200 to 299 over TLS with a valid certificate."""

    name: str
    host: str
    """Before the domain, with a dot at its end; empty for the domain itself. `{peer}` is the other site's name."""
    path: str
    tier: Tier
    wait_seconds: int
    """The time without an answer after which the alert fires."""
    team: Team = Team.EMERGENCY

    def url(self, *, domain: str, peer: str) -> str:
        """The address."""
        return f"https://{self.host.format(peer=peer)}{domain}{self.path}"


CRISIS = Endpoint(
    name="crisis",
    host="api.",
    path="/api/crisis/health",
    tier=objectives.CRISIS,
    # DNS moves crisis traffic by itself within this time.
    wait_seconds=objectives.detection_seconds(objectives.CRISIS_RECORD_TTL_SECONDS) + 15,
    team=Team.CRISIS,
)
WEB = Endpoint(
    name="web", host="", path="/health", tier=objectives.CORE, wait_seconds=objectives.COMPLETE_FAILURE_SECONDS
)
COMPLETE = Endpoint(
    name="complete", host="", path="/health/complete", tier=objectives.FULL, wait_seconds=5 * objectives.MINUTE
)
OTHER_SITE = Endpoint(
    name=PEER, host="{peer}.", path="/health", tier=objectives.CORE, wait_seconds=objectives.PEER_SILENT_SECONDS
)
ENDPOINTS: tuple[Endpoint, ...] = (CRISIS, WEB, COMPLETE, OTHER_SITE)
"""The plan's health endpoints, the endpoint by which DNS decides, and the other site."""


def _answers(endpoint: Endpoint) -> str:
    return f"max({series('probe_success', job=PROBE_JOB, endpoint=endpoint.name)}) == 1"


def _down(endpoint: Endpoint) -> Alert:
    crisis = endpoint.team is Team.CRISIS
    return Alert(
        name="CrisisEndpointDown" if crisis else "EndpointDown",
        expr=unless_shown(_answers(endpoint)),
        wait_seconds=endpoint.wait_seconds,
        severity=Severity.CRITICAL,
        team=endpoint.team,
        summary=f"{'LIFE CRITICAL: ' if crisis else ''}No site answers at the public endpoint {endpoint.name}",
        action="Find out whether one site or both are down, then fail over if the leading one is",
        source=_SOURCE,
        labels={"endpoint": endpoint.name, "tier": endpoint.tier.name},
    )


def _expiring(severity: Severity, days: int) -> Alert:
    expiry = series("probe_ssl_earliest_cert_expiry", job=PROBE_JOB)
    return Alert(
        name="CertificateExpiring",
        expr=unless_shown(f"min({expiry}) - time() > {days * 24 * objectives.HOUR}"),
        wait_seconds=objectives.HOUR,
        severity=severity,
        team=Team.PLATFORM,
        summary=f"A public certificate ends in less than {days} days",
        action="Find the reason why AWS Certificate Manager has not renewed it",
        source=_SOURCE,
        labels={"within": f"{days}d"},
    )


ENDPOINT_ALERTS = Group(
    name="endpoints",
    alerts=(
        *(_down(endpoint) for endpoint in ENDPOINTS if endpoint is not OTHER_SITE),
        Alert(
            name="PeerSiteSilent",
            expr=unless_shown(_answers(OTHER_SITE)),
            wait_seconds=OTHER_SITE.wait_seconds,
            severity=Severity.CRITICAL,
            team=OTHER_SITE.team,
            summary="The other site does not answer this site",
            action="Find out whether the other region is lost, then fail over if that site leads",
            source=_SOURCE,
        ),
        Alert(
            name=PROBER_DOWN,
            expr=unless_shown(up(PROBER)),
            wait_seconds=objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.PLATFORM,
            summary="This site probes no endpoint, so it would not notice the loss of the other site",
            action="Start the blackbox exporter",
            source="Prometheus's own `up` for the pods of the blackbox exporter",
        ),
        _expiring(Severity.WARNING, 21),
        _expiring(Severity.CRITICAL, 3),
    ),
)
