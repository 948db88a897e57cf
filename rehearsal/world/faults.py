"""Lost regions and control planes, by AWS's fault isolation boundaries as data; impaired services, and broken links."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

US_EAST_1 = "us-east-1"


@dataclass(frozen=True)
class Boundary:
    """A service whose control plane is in one region, whatever region its resources serve."""

    service: str
    home: str
    operations: tuple[str, ...]
    """The API operations that need the control plane, as prefixes in botocore's spelling. Empty means all
    operations."""
    source: str

    def covers(self, service: str, operation: str) -> bool:
        """Whether a call depends on the home region."""
        if service != self.service:
            return False
        return not self.operations or (bool(operation) and operation.startswith(self.operations))


_PARTITIONAL = "AWS Fault Isolation Boundaries, Global services and appendix A (partitional services)"
_EDGE = "AWS Fault Isolation Boundaries, Global services and appendix B (edge network services)"
_S3 = "AWS Fault Isolation Boundaries, Global services, section on global single-Region operations: Amazon S3"

BOUNDARIES: tuple[Boundary, ...] = (
    Boundary("iam", US_EAST_1, (), _PARTITIONAL),
    Boundary("organizations", US_EAST_1, (), _PARTITIONAL),
    Boundary("route53", US_EAST_1, (), _EDGE),
    Boundary("cloudfront", US_EAST_1, (), _EDGE),
    Boundary("shield", US_EAST_1, (), _EDGE),
    Boundary("globalaccelerator", "us-west-2", (), _EDGE),
    Boundary("s3", US_EAST_1, ("CreateBucket", "DeleteBucket", "PutBucket", "PutPublicAccessBlock"), _S3),
)
"""Services whose changes need one region. Their data planes (DNS answers, health checks, sign-in, cached pages, objects
in buckets) work without it. ACM and WAF for CloudFront are in us-east-1 too, and are called there like regional
services. The S3 operations are those of the list in the source: creating, deleting and configuring buckets."""


DATA_PLANES: dict[str, tuple[str, ...]] = {
    "dynamodb": (
        "BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "Transact", "UpdateItem",
    ),
    "kms": ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncrypt"),
    "s3": ("",),
    "secretsmanager": ("BatchGetSecretValue", "GetSecretValue"),
    "sns": ("Publish",),
    "sts": ("",),
}  # fmt: skip
"""By service, the operations that use what exists and change none of it, as prefixes. Every other call needs a control
plane of its region. Those of S3 that configure buckets are in `BOUNDARIES`. Source: AWS Fault Isolation Boundaries,
"Control planes and data planes"."""


class RegionUnavailableError(ConnectionError):
    """A call that got no answer."""

    def __init__(self, service: str, region: str, reason: str) -> None:
        super().__init__(f"{service} in {region} does not answer: {reason}")
        self.service = service
        self.region = region


class ThrottledError(ConnectionError):
    """A call that was refused because of too many others."""


class Impairment(enum.StrEnum):
    """The answers of an impaired service."""

    SILENT = "silent"
    """It does not answer."""
    THROTTLED = "throttled"
    """It refuses."""
    SLOW = "slow"
    """It answers, `SLOW_SECONDS` later."""


SLOW_SECONDS = 1.5
"""Real seconds: less than the jobs' limit for an answer, so that they wait for it."""


@dataclass(frozen=True)
class Link:
    """A way between two parts of the world, both in one region unless the name says another one."""

    name: str
    region: str


def people_to(region: str, *, near: str) -> Link:
    """The way of people near one region to the load balancer of a region."""
    return Link(f"people near {near}", region)


def pods_of(region: str) -> Link:
    """The way from a region's load balancer to its pods."""
    return Link("load balancer to pods", region)


class Faults:
    """The losses and impairments of this moment. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._regions: set[str] = set()
        self._control_planes: set[str] = set()
        self._impaired: dict[tuple[str, str], Impairment] = {}
        self._cut: set[Link] = set()

    def lose(self, region: str) -> None:
        """Lose a whole region, including the control planes of global services in it."""
        with self._lock:
            self._regions.add(region)

    def lose_control_planes(self, region: str = US_EAST_1) -> None:
        """Lose the control planes in a region: its own, and those of global services. All data planes go on."""
        with self._lock:
            self._control_planes.add(region)

    def impair(self, service: str, region: str, how: Impairment = Impairment.SILENT) -> None:
        """Impair one service in one region. Its copies in other regions go on."""
        with self._lock:
            self._impaired[service, region] = how

    def cut(self, link: Link) -> None:
        """Break a link. Nothing is told to either end."""
        with self._lock:
            self._cut.add(link)

    @contextmanager
    def impaired(self, service: str, region: str, how: Impairment = Impairment.SILENT) -> Generator[None]:
        """Impair one service in one region while the block lasts."""
        self.impair(service, region, how)
        try:
            yield
        finally:
            with self._lock:
                self._impaired.pop((service, region), None)

    @contextmanager
    def severed(self, link: Link) -> Generator[None]:
        """Break a link while the block lasts."""
        self.cut(link)
        try:
            yield
        finally:
            with self._lock:
                self._cut.discard(link)

    def restore(self, region: str) -> None:
        """Restore everything that was lost, impaired or cut in a region."""
        with self._lock:
            self._regions.discard(region)
            self._control_planes.discard(region)
            self._impaired = {key: how for key, how in self._impaired.items() if key[1] != region}
            self._cut = {link for link in self._cut if link.region != region}

    @property
    def lost(self) -> frozenset[str]:
        """The regions that are lost as a whole."""
        with self._lock:
            return frozenset(self._regions)

    def reachable(self, region: str) -> bool:
        """Whether a region's own services answer."""
        return region not in self.lost

    def serves(self, service: str, region: str) -> bool:
        """Whether a service of a region takes part in what its copies in other regions do."""
        with self._lock:
            return region not in self._regions and self._impaired.get((service, region)) is not Impairment.SILENT

    def carries(self, link: Link) -> bool:
        """Whether a link works."""
        with self._lock:
            return link not in self._cut

    def check(self, service: str, region: str, operation: str = "") -> None:
        """Permit or refuse an AWS call.

        Args:
            service: botocore's service name, such as `route53`.
            region: the region of the call; ignored for global services.
            operation: botocore's operation name, such as `PutBucketPolicy`. Without it, a call of a service that
                depends on another region only for some operations (S3) is permitted.

        Raises:
            RegionUnavailableError: if the region, or the control plane that the call needs, is lost, or the service is
                silent.
            ThrottledError: if the service is throttled.
        """
        homes = [boundary.home for boundary in BOUNDARIES if boundary.covers(service, operation)]
        wholly_global = any(b.service == service and not b.operations for b in BOUNDARIES)
        with self._lock:
            if region in self._regions and not wholly_global:
                raise RegionUnavailableError(service, region, "the region is lost")
            for home in homes:
                if home in self._regions | self._control_planes:
                    raise RegionUnavailableError(service, region, f"its control plane in {home} is lost")
            if region in self._control_planes and not wholly_global and not _uses_data_plane(service, operation):
                raise RegionUnavailableError(service, region, "the control planes of the region are lost")
            how = self._impaired.get((service, region))
        if how is Impairment.SILENT:
            raise RegionUnavailableError(service, region, "it is impaired")
        if how is Impairment.THROTTLED:
            raise ThrottledError(f"{service} in {region} refuses: too many requests")

    def delay(self, service: str, region: str) -> None:
        """Wait as long as a slow service lets its callers wait. Hold no lock meanwhile: other regions are not slow."""
        with self._lock:
            how = self._impaired.get((service, region))
        if how is Impairment.SLOW:
            time.sleep(SLOW_SECONDS)


def _uses_data_plane(service: str, operation: str) -> bool:
    """Whether a call needs no control plane. One whose operation is not named is taken for a use."""
    return service in DATA_PLANES and (not operation or operation.startswith(DATA_PLANES[service]))
