"""The platform's four deployments and the switch, and everything in which they differ, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from recovery import objectives
from recovery.naming import SWITCH_HEALTH_PATH
from recovery.objectives import Tier

APP = "mental-health-platform"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One deployment of the platform, with its Service and its target group."""

    name: str
    """The Deployment's name. The recovery plan's commands use it, so it never changes."""
    short_name: str
    """The value of the label `component`, the image repository, and the key of replicas, images and target groups."""
    tier: Tier
    port: int
    health_path: str
    """A path that answers 200 while the process works. It does not check the database, or a failover would restart
    pods."""
    settings: tuple[str, ...] | None
    """The keys of the ConfigMap that the pods read, and whose change replaces them; None for all keys."""
    cpu_millis: int
    memory_mib: int
    startup_seconds: int
    cpu_target_percent: int
    reaches: tuple[str, ...] = ()
    """The services that it calls inside the cluster, by short name."""
    uses_database: bool = False
    uses_aws: bool = True
    """Whether it calls AWS (the ledger) or the hotline's providers, over TLS."""

    @property
    def labels(self) -> dict[str, str]:
        """The labels that select its pods. They are immutable in a Deployment."""
        return {"app": APP, "component": self.short_name}

    @property
    def priority_class(self) -> str:
        """The priority class of its tier."""
        return priority_class(self.tier)


def priority_class(tier: Tier) -> str:
    """The cluster-wide name of a tier's priority class."""
    return f"lifeline-{tier.name}"


BACKEND = Service(
    name="mental-health-backend",
    short_name="backend",
    tier=objectives.CORE,
    port=3001,
    health_path="/health",
    settings=None,
    cpu_millis=500,
    memory_mib=1024,
    startup_seconds=120,
    cpu_target_percent=65,
    reaches=("crisis-detector", "hotline-gateway", "switch"),
    uses_database=True,
)

FRONTEND = Service(
    name="mental-health-frontend",
    short_name="frontend",
    tier=objectives.CORE,
    port=8080,
    health_path="/health",
    settings=("SITE", "SITE_ROLE", "EPOCH", "EMERGENCY_READ_ONLY"),
    cpu_millis=200,
    memory_mib=256,
    startup_seconds=60,
    cpu_target_percent=70,
    reaches=("backend",),
    uses_aws=False,
)

CRISIS_DETECTOR = Service(
    name="crisis-detector",
    short_name="crisis-detector",
    tier=objectives.CRISIS,
    port=8080,
    health_path="/api/crisis/health",
    settings=(
        "SITE",
        "AWS_REGION",
        "LEDGER_TABLE",
        "CRISIS_ENDPOINTS",
        "CRISIS_FALLBACK_MODE",
        "MODEL_BUCKET",
        "MODEL_VERSION",
    ),
    cpu_millis=500,
    memory_mib=1024,
    startup_seconds=180,
    cpu_target_percent=50,
    reaches=("hotline-gateway",),
)

HOTLINE_GATEWAY = Service(
    name="hotline-gateway",
    short_name="hotline-gateway",
    tier=objectives.HOTLINE,
    port=8080,
    health_path="/health",
    settings=("SITE", "AWS_REGION", "LEDGER_TABLE", "HOTLINE_PROVIDER"),
    cpu_millis=250,
    memory_mib=512,
    startup_seconds=60,
    cpu_target_percent=50,
)

SERVICES: tuple[Service, ...] = (CRISIS_DETECTOR, HOTLINE_GATEWAY, BACKEND, FRONTEND)
"""In the plan's order of importance. The crisis services read no setting that a flip changes, so a flip restarts
neither."""

SWITCH = Service(
    name="switch",
    short_name="switch",
    tier=objectives.CORE,
    port=8080,
    health_path=SWITCH_HEALTH_PATH,
    settings=("SITE", "AWS_REGION", "LEDGER_TABLE"),
    cpu_millis=100,
    memory_mib=192,
    startup_seconds=60,
    cpu_target_percent=50,
)
"""The answers by which health checks move the web traffic. A flip restarts none of its pods."""

SERVED: tuple[Service, ...] = (*SERVICES, SWITCH)
"""Everything behind the load balancer."""

SHORT_NAMES: frozenset[str] = frozenset(service.short_name for service in SERVICES)


def largest_pod() -> tuple[int, int]:
    """Millicores and MiB that are enough for a pod of any service: the size of one placeholder in every role."""
    return max(service.cpu_millis for service in SERVICES), max(service.memory_mib for service in SERVICES)
