"""The sections of a stack file: one pydantic model each, with the allowed values and the defaults."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from recovery import objectives
from recovery import timeline as rules


class Section(BaseModel):
    """A frozen, strict model that refuses unknown keys. Keys are camelCase in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


def _network(text: str) -> str:
    network = ipaddress.IPv4Network(text)
    if not 16 <= network.prefixlen <= 20:
        raise ValueError("a /16 to /20 network is needed to hold three public and three private subnets")
    return text


SiteName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,19}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[1-9]$")]
Cidr = Annotated[str, AfterValidator(_network)]
Network = Annotated[str, AfterValidator(lambda text: str(ipaddress.IPv4Network(text)))]
Moment = Annotated[str, StringConstraints(pattern=r"^(latest|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)$")]
VaultArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:backup:[a-z0-9-]+:[0-9]{12}:backup-vault:[A-Za-z0-9_-]{2,50}$")
]
AutomatedBackupArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:rds:[a-z0-9-]+:[0-9]{12}:auto-backup:[a-z0-9-]+$")
]
BackupName = Annotated[str, StringConstraints(pattern=r"^(latest|[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8})$")]
Generation = Annotated[int, Field(ge=1, le=99)]
BackupOrigin = Literal["own", "ownCopy", "peer", "peerCopy"]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Domain = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$")]


class Peer(Section):
    """The other site, as far as this site refers to it."""

    site: SiteName
    region: Region
    cidr: Cidr
    copies: Generation = 1
    """The generation of its copies in this site's region: its own `lifeline:copies.generation`."""


class CopiesConfig(Section):
    """The site's copies in the other region. They cannot move: in a new region, a new generation of them begins."""

    generation: Generation = 1
    release: bool = False
    """Whether Pulumi forgets the copies once they are no longer declared, instead of refusing to delete them."""


class NetworkConfig(Section):
    """The VPC. Zone names are configuration and not looked up, because a recovery reads nothing live."""

    cidr: Cidr
    zones: tuple[str, str, str] = Field(strict=False)
    encryption: Literal["monitor", "enforce"] = "monitor"
    """Whether AWS only shows plain traffic inside the VPC, or makes it impossible."""


class NodeConfig(Section):
    """The nodes that always run. Sizes are per site, not per zone."""

    instance_type: str = "m7i.large"
    minimum: int = Field(default=6, ge=3, le=100)
    maximum: int = Field(default=15, ge=3, le=200)
    disk_gib: int = Field(default=80, ge=30, le=1000)
    release_version: Annotated[str, StringConstraints(pattern=r"^1\.[0-9]{2}\.[0-9]{1,3}-[0-9]{8}$")] | None = None
    """The release of the nodes' image, such as 1.34.2-20261101. None: the newest one when the group is created."""


AddonVersion = Annotated[str, StringConstraints(pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+-eksbuild\.[0-9]+$")]


class ClusterConfig(Section):
    """The EKS clusters of the site: one, or for a time a second one that replaces it.

    A number is never used again: the log group of a deleted cluster stays.
    """

    version: Annotated[str, StringConstraints(pattern=r"^1\.[0-9]{2}$")] = "1.34"
    generations: tuple[Generation, ...] = Field(default=(1,), strict=False, min_length=1, max_length=2)
    serving: Generation | None = None
    """The generation that has the workloads and the traffic. It may be omitted if there is one generation."""
    since: int | None = Field(default=None, ge=1, le=rules.MAX_EPOCHS)
    """The number of epochs that had begun when the serving generation took over from another one. Jobs of these epochs
    have run, and are not declared again: their database may be fenced by now, so that no pod reaches it."""
    unreachable: tuple[Generation, ...] = Field(default=(), strict=False)
    """Generations whose API server is dead: their objects are forgotten instead of deleted."""
    public_access_cidrs: tuple[Network, ...] = Field(default=(), strict=False)
    operator_cidrs: tuple[Network, ...] = Field(default=(), strict=False)
    """The private networks (a VPN, a peered VPC, a bastion's subnet) that may reach the API server's endpoint in the
    VPC."""
    addon_versions: dict[str, AddonVersion] = Field(default_factory=dict[str, str])
    """The versions of add-ons by name. An add-on that is not named has EKS's default when it is created."""
    nodes: NodeConfig = NodeConfig()

    @property
    def serving_generation(self) -> int:
        """The generation that has the workloads and the traffic."""
        return self.generations[0] if self.serving is None else self.serving

    def has_job_of(self, epoch: int) -> bool:
        """Whether the Job that begins an epoch belongs in the serving cluster."""
        return epoch > (self.since or 0)


class BucketConfig(Section):
    """A bucket that a site which is gone for good has left, with a key of the same name."""

    bucket: BucketName
    region: Region


class RestoreConfig(Section):
    """The backup that a restored database starts from: exactly one of a moment, a snapshot and a dump, or nothing.

    It stays in the file as long as the database.
    """

    epoch: int = Field(ge=2, le=rules.MAX_EPOCHS)
    """The epoch that begins with the restore. The database is named after it."""
    point_in_time: Moment | None = None
    """A time in UTC at which this site's leader of the previous epoch was running; or `latest`."""
    earliest: Moment | None = None
    """The earliest time to which RDS can restore that leader. It is needed if the leader was promoted: then it is not
    before the promotion."""
    snapshot: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9:-]{0,254}$")] | None = None
    """The identifier of a snapshot in the site's own region, encrypted with the key `lifeline-<site>-database`."""
    automated_backup: AutomatedBackupArn | None = None
    """RDS's backups of a database of the other site, replicated to this region. `point_in_time` then names a time in
    them."""
    dump: BackupName | None = None
    """The name of a backup; or `latest`, the newest that is not suspect and failed no check."""
    dump_from: BackupOrigin | BucketConfig = "own"
    """The bucket of the dump: the site's own or its copy in the other region, the other site's or its copy here, or one
    that a lost site has left."""
    empty: bool = False
    """Begin without data, because the site of the previous leader is lost and so is every database: the crisis services
    are back while a dump is being restored as the next epoch."""

    @property
    def begins_empty(self) -> bool:
        """Whether RDS makes an empty database, because nothing or a dump is to fill it."""
        return self.empty or self.dump is not None


class DelayedConfig(Section):
    """A replica in the site's own region that is late on purpose: rows that a mistake deletes stay there meanwhile."""

    epoch: int = Field(ge=1, le=rules.MAX_EPOCHS)
    """The epoch at which the database that it follows was seeded."""
    minutes: int = Field(default=60, ge=5, le=1440)


class DatabaseConfig(Section):
    """RDS for PostgreSQL."""

    seeded: int = Field(default=1, ge=1, le=rules.MAX_EPOCHS)
    retired: tuple[int, ...] = Field(default=(), strict=False)
    kept: tuple[int, ...] = Field(default=(), strict=False)
    """Epochs of this site's other replicas that are kept: stale ones after a reseed, or a newer one if an older one
    leads. A database that led is always kept."""
    reconciled: tuple[int, ...] = Field(default=(), strict=False)
    """Epochs of fenced databases that pods of this site may reach, as long as someone compares their rows."""
    unprotected: tuple[int, ...] = Field(default=(), strict=False)
    """Epochs of databases, no longer current, whose deletion Pulumi and RDS allow: the step before `retired`."""
    restores: tuple[RestoreConfig, ...] = Field(default=(), strict=False)
    delayed: DelayedConfig | None = None
    owner_password: int = Field(default=1, ge=1, le=100)
    application_password: int = Field(default=1, ge=1, le=100)
    """The numbers of the passwords. A higher number makes a new password (docs/runbooks/rotation.md)."""
    engine_version: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{1,2}$")] = "17.6"
    instance_class: Annotated[str, StringConstraints(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.r7g.large"
    storage_gib: int = Field(default=200, ge=100, le=65536)
    max_storage_gib: int = Field(default=1000, ge=100, le=65536)


class RepositoryConfig(Section):
    """A branch of a Git repository that each export of the configuration is pushed to.

    The branch must exist. Each site has a folder of its own. The export has every setting of the namespace and no
    secret.
    """

    url: Annotated[str, StringConstraints(pattern=r"^https://[^\s@]+$")]
    branch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")] = "configuration-exports"
    token_secret: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")]
    """The name of a secret in Secrets Manager, in the site's own region and with AWS's own key, that holds a token."""


def _days(data: str) -> int:
    return Field(default=objectives.RETENTIONS[data].days, ge=1, le=3650)


class KeepDays(Section):
    """The time for which copies are kept, by the class of the data."""

    user_data: int = _days("userData")
    """Dumps, manifests and results are locked for so long, too."""
    crisis_events: int = _days("crisisEvents")
    configuration: int = _days("configuration")
    """Exports are kept for so long. Their lock is that of `user_data`, because they are in the same bucket."""
    logs: int = _days("logs")


class BackupsConfig(Section):
    """The backups of a site: for how long they are kept, and what makes a dump suspect."""

    lock_mode: Literal["governance", "compliance"] = "governance"
    """governance: a principal with a special permission may delete a backup. compliance: no one may."""
    keep_days: KeepDays = KeepDays()
    repository: RepositoryConfig | None = None
    """Version control that gets every export of the configuration. By default, none does."""
    rds_copies: tuple[int, ...] = Field(default=(), strict=False)
    """Epochs of the timeline. If a database of this site leads or led one, its RDS backups are replicated to the other
    region. Each names an epoch that has begun, so that a flip never creates a copy in a region that may be lost."""
    other_account_vault_arn: VaultArn | None = None
    """A vault of AWS Backup in another account, in the site's own region, that gets a copy of every recovery point."""
    minimum_rows: int = Field(default=1, ge=0)
    """A dump with fewer users or crisis events is suspect: it is kept, and not offered for a restore."""
    minimum_percent: int = Field(default=80, ge=1, le=100)
    """A dump with a smaller part of the last good one's rows or bytes is suspect."""
    scratch_gib: int = Field(default=200, ge=10, le=16384)
    """The disk on which a backup is restored for the daily check."""


class SwitchoverConfig(Section):
    """A planned switchover. Each value names an epoch, so a line that stays in the file has no effect later."""

    drain: int | None = Field(default=None, ge=1, le=rules.MAX_EPOCHS)
    """In the stack that leads: the epoch whose leader stops taking writes."""
    take: int | None = Field(default=None, ge=2, le=rules.MAX_EPOCHS)
    """In the stack that takes over: the epoch that may begin only when the replica has all data of the previous
    epoch."""
    accept_loss: bool = False
    """Whether `take` proceeds although the replica is behind, or the leader was not drained."""


class Replicas(Section):
    """The number of pods of each deployment in one role. At least two, because a node may fail at any time."""

    backend: int = Field(ge=2, le=100)
    frontend: int = Field(ge=2, le=100)
    crisis_detector: int = Field(ge=2, le=100)
    hotline_gateway: int = Field(ge=2, le=100)


class Capacity(Section):
    """Sizes of the active and of the standby site.

    The crisis services have the same size in both: they answer in both.
    """

    active: Replicas
    standby: Replicas


class Images(Section):
    """Container images by digest. They are pulled from the registry in the site's own region."""

    backend: Digest
    frontend: Digest
    crisis_detector: Digest
    hotline_gateway: Digest
    operations: Digest
