"""What can be lost, and what goes with it: AWS's own isolation boundaries as data."""

from __future__ import annotations

import threading
from dataclasses import dataclass

US_EAST_1 = "us-east-1"


@dataclass(frozen=True)
class Boundary:
    """A service whose control plane lives in one region, whatever region its resources serve."""

    service: str
    home: str
    operations: tuple[str, ...]
    """Prefixes of the API operations meant, as botocore spells them; empty: every one of them."""
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
in buckets) go on without it. ACM and WAF for CloudFront live in us-east-1 too and are called there as any regional
service is. The S3 operations are the family of the list in the source: creating, deleting and configuring buckets."""


class RegionUnavailable(ConnectionError):  # noqa: N818 - reads as what is the case, as ConnectionError does
    """A call that never got an answer."""

    def __init__(self, service: str, region: str, reason: str) -> None:
        super().__init__(f"{service} in {region} does not answer: {reason}")
        self.service = service
        self.region = region


class FaultSwitch:
    """Which regions and control planes are lost now. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._regions: set[str] = set()
        self._control_planes: set[str] = set()

    def lose(self, region: str) -> None:
        """Lose a whole region, the control planes of global services that live there included."""
        with self._lock:
            self._regions.add(region)

    def lose_control_planes(self, region: str = US_EAST_1) -> None:
        """Lose only the control planes of global services that live in a region; the region's own services go on."""
        with self._lock:
            self._control_planes.add(region)

    def restore(self, region: str) -> None:
        """Bring back everything that was lost in a region."""
        with self._lock:
            self._regions.discard(region)
            self._control_planes.discard(region)

    @property
    def lost(self) -> frozenset[str]:
        """The regions that are lost as a whole."""
        with self._lock:
            return frozenset(self._regions)

    def reachable(self, region: str) -> bool:
        """Whether a region's own services answer."""
        return region not in self.lost

    def check(self, service: str, region: str, operation: str = "") -> None:
        """Let an AWS call pass or refuse it.

        Args:
            service: botocore's service name, such as `route53`.
            region: where the call goes; of no importance to global services.
            operation: botocore's operation name, such as `PutBucketPolicy`. A service of which only some operations
                depend on another region (S3) is let pass without one.

        Raises:
            RegionUnavailable: if the region, or the control plane that the call depends on, is lost.
        """
        homes = [boundary.home for boundary in BOUNDARIES if boundary.covers(service, operation)]
        wholly_global = any(b.service == service and not b.operations for b in BOUNDARIES)
        with self._lock:
            if region in self._regions and not wholly_global:
                raise RegionUnavailable(service, region, "the region is lost")
            for home in homes:
                if home in self._regions | self._control_planes:
                    raise RegionUnavailable(service, region, f"its control plane in {home} is lost")
