"""The sections of a stack file: one pydantic model each, with what is allowed and its default."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from recovery import timeline as rules


class Section(BaseModel):
    """Frozen, strict, and without keys that it does not know. Keys are camelCase in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


def _network(text: str) -> str:
    network = ipaddress.IPv4Network(text)
    if not 16 <= network.prefixlen <= 20:
        raise ValueError("a /16 to /20 network is needed to hold three public and three private subnets")
    return text


SiteName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,19}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[1-9]$")]
Cidr = Annotated[str, AfterValidator(_network)]
Moment = Annotated[str, StringConstraints(pattern=r"^(latest|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Domain = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$")]


class Peer(Section):
    """The other site, as far as this one has to know it."""

    site: SiteName
    region: Region
    cidr: Cidr


class NetworkConfig(Section):
    """The VPC. Zone names are given, not looked up: a recovery reads nothing live."""

    cidr: Cidr
    zones: tuple[str, str, str] = Field(strict=False)


class NodeConfig(Section):
    """The warm nodes. Sizes are per site, not per zone."""

    instance_type: str = "m7i.large"
    minimum: int = Field(default=6, ge=3, le=100)
    maximum: int = Field(default=12, ge=3, le=200)
    disk_gib: int = Field(default=80, ge=30, le=1000)


class ClusterConfig(Section):
    """The EKS cluster. Raise `generation` to build a new cluster beside a failed one."""

    version: Annotated[str, StringConstraints(pattern=r"^1\.[0-9]{2}$")] = "1.34"
    generation: int = Field(default=1, ge=1, le=99)
    public_access_cidrs: tuple[Annotated[str, AfterValidator(lambda t: str(ipaddress.IPv4Network(t)))], ...] = Field(
        default=(), strict=False
    )
    nodes: NodeConfig = NodeConfig()


class RestoreConfig(Section):
    """Where a restored database comes from: exactly one of the two. It stays in the file as long as the database."""

    epoch: int = Field(ge=2, le=rules.MAX_EPOCHS)
    """The epoch that begins with the restore, which the database is named after."""
    point_in_time: Moment | None = None
    """A moment, in UTC, in the life of this site's leader of the epoch before; or `latest`."""
    snapshot: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9:-]{0,254}$")] | None = None
    """A snapshot in the site's own region, by its identifier."""


class DatabaseConfig(Section):
    """RDS for PostgreSQL."""

    seeded: int = Field(default=1, ge=1, le=rules.MAX_EPOCHS)
    retired: tuple[int, ...] = Field(default=(), strict=False)
    kept: tuple[int, ...] = Field(default=(), strict=False)
    """Stale replicas of this site, by epoch, that are kept after a reseed. A database that led is kept anyway."""
    restores: tuple[RestoreConfig, ...] = Field(default=(), strict=False)
    engine_version: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{1,2}$")] = "17.6"
    instance_class: Annotated[str, StringConstraints(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.r7g.large"
    storage_gib: int = Field(default=200, ge=100, le=65536)
    max_storage_gib: int = Field(default=1000, ge=100, le=65536)


class SwitchoverConfig(Section):
    """A planned switchover. Each value names an epoch, so that a line which was left standing does nothing later."""

    drain: int | None = Field(default=None, ge=1, le=rules.MAX_EPOCHS)
    """In the stack that leads: the epoch whose leader stops taking writes, to hand over."""
    take: int | None = Field(default=None, ge=2, le=rules.MAX_EPOCHS)
    """In the stack that takes over: the epoch that begins only when the replica has all of the epoch before."""
    accept_loss: bool = False
    """Whether `take` goes on although the replica is behind, or nobody was drained."""


class LedgerConfig(Section):
    """The crisis ledger's third region, which keeps a witness rather than a copy."""

    witness: Region = "us-east-1"


class Replicas(Section):
    """How many pods of each deployment run in one role. Two at least: one node may go at any time."""

    backend: int = Field(ge=2, le=100)
    frontend: int = Field(ge=2, le=100)
    crisis_detector: int = Field(ge=2, le=100)
    hotline_gateway: int = Field(ge=2, le=100)


class Capacity(Section):
    """Sizes of the active and the standby site. The crisis services never shrink: they answer in both."""

    active: Replicas
    standby: Replicas


class Images(Section):
    """Container images by digest. They are pulled from the registry in the site's own region."""

    backend: Digest
    frontend: Digest
    crisis_detector: Digest
    hotline_gateway: Digest
    operations: Digest
