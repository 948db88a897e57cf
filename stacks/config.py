"""The configuration of one site: the only reader of `pulumi.Config`.

`parse` is pure, so that tests and the `lifeline` command can read a stack file without an engine. It reports every
mistake in a file at once, each with its path, its value, the allowed values, and a hint if there is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
import pydantic
from pydantic import Field, StringConstraints

from components.ownership import Ownership
from recovery import timeline as rules
from recovery.naming import PROJECT, Tags
from recovery.timeline import DatabaseId, DatabaseRole
from stacks.emergency import EmergencyConfig
from stacks.global_sections import AdoptedConfig, LedgerConfig
from stacks.problems import ConfigError, Problem, schema_problems
from stacks.relations import relation_problems
from stacks.sections import (
    BackupsConfig,
    Capacity,
    ClusterConfig,
    CopiesConfig,
    DatabaseConfig,
    Domain,
    Images,
    NetworkConfig,
    Peer,
    Region,
    Replicas,
    Section,
    SiteName,
    SwitchoverConfig,
)
from stacks.stackfile import StackFile, StackFileError

ROOT = Path(__file__).resolve().parents[1]


class SiteConfig(Section):
    """Everything that one site is built from."""

    account: Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
    owner: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,62}$")]
    domain: Domain
    timeline: tuple[str, ...] = Field(strict=False)
    discards: tuple[int, ...] = Field(default=(), strict=False)
    globals: Literal["own", "adopt", "release", "left", "use"]
    """The stage of the hosted zone, the ledger and the passwords, which one stack owns at a time. `left` is
    `use` in a stack that made and released them."""
    zone_id: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{6,32}$")] | None = None
    adopted: AdoptedConfig | None = None
    protect: bool = True
    bootstrap: bool = False
    """Declare the registry, and the zone where it is owned, only: images are pushed before anything pulls them, and the
    domain is delegated before the certificate waits for it."""
    peer: Peer
    lost_sites: dict[SiteName, Region] = Field(default_factory=dict[str, str])
    """The region of each site that is gone for good, by its name: the timeline still names its databases."""
    primary_record: SiteName | None = None
    """The site that has the PRIMARY records; None: the first of the timeline. Equal at both sites."""
    network: NetworkConfig
    cluster: ClusterConfig = ClusterConfig()
    database: DatabaseConfig = DatabaseConfig()
    backups: BackupsConfig = BackupsConfig()
    copies: CopiesConfig = CopiesConfig()
    switchover: SwitchoverConfig = SwitchoverConfig()
    ledger: LedgerConfig = LedgerConfig()
    fence: Literal["evidence", "strict"] = "evidence"
    """Whether a leader that cannot read the ledger stops taking writes. Equal at both sites."""
    emergency: EmergencyConfig = EmergencyConfig()
    capacity: Capacity
    images: Images

    site: SiteName
    """The stack's name. It says where the site was first built, not which role it has now."""
    region: Region
    """The stack's `aws:region`."""

    @property
    def history(self) -> tuple[DatabaseId, ...]:
        """The timeline, parsed."""
        return tuple(DatabaseId.parse(entry) for entry in self.timeline)

    @property
    def own_database(self) -> DatabaseId:
        """The site's current database: the newest one that it has."""
        return DatabaseId(self.site, self.database.seeded)

    @property
    def role(self) -> DatabaseRole:
        """The role of the site's own database."""
        return rules.database_role(self.own_database, self.history)

    @property
    def databases(self) -> tuple[DatabaseId, ...]:
        """Every database that the site declares."""
        return rules.declared_databases(self.own_database, self.history, self.database.retired, self.database.kept)

    @property
    def claimed_epochs(self) -> dict[int, DatabaseId]:
        """The epochs that the site leads or led; and in a ledger that it makes again, those that lost sites led.

        A reader looks only a few epochs ahead of the newest claim that it knows, so none may be missing.
        """
        lost = set(self.lost_sites) if self.adopted and self.adopted.ledger == "lost" else set[str]()
        earlier = {epoch: entry for epoch, entry in enumerate(self.history, 1) if entry.site in lost}
        return earlier | rules.led_epochs(self.site, self.history)

    @property
    def promoted_epoch(self) -> int | None:
        """The epoch that begins with a promotion in this run, if it did not begin before; None if there is none."""
        born = rules.is_born_leader(self.own_database, self.history)
        return rules.epoch(self.history) if self.role is DatabaseRole.LEADER and not born else None

    @property
    def is_active(self) -> bool:
        """Whether this site takes writes now."""
        return rules.active_site(self.history) == self.site

    @property
    def owns_globals(self) -> bool:
        """Whether this stack declares the hosted zone, the ledger and the passwords. The other site has copies."""
        return self.globals not in ("use", "left")

    @property
    def ownership(self) -> Ownership:
        """The stage of the global resources in a stack that declares them. Raises ValueError in another one."""
        return Ownership(self.globals)

    @property
    def has_primary_record(self) -> bool:
        """Whether the site has the PRIMARY records, whichever site leads: a flip changes no record."""
        return (self.primary_record or rules.first_site(self.history)) == self.site

    @property
    def ledger_regions(self) -> tuple[str, str]:
        """The regions of the two copies of the ledger."""
        return self.ledger.regions or (self.region, self.peer.region)

    @property
    def ledger_region(self) -> str:
        """The region of the copy that the site uses: its own, or the peer's where it has no copy."""
        return self.region if self.region in self.ledger_regions else self.peer.region

    @property
    def drains(self) -> bool:
        """Whether the site leads and was asked to stop taking writes, for a planned switchover."""
        return self.is_active and self.switchover.drain == rules.epoch(self.history)

    @property
    def regions(self) -> dict[str, str]:
        """Region by name, of every site that the timeline may name."""
        return {**self.lost_sites, self.site: self.region, self.peer.site: self.peer.region}

    @property
    def tags(self) -> Tags:
        """The tags that every resource of the site starts from."""
        return Tags(owner=self.owner, site=self.site)

    @property
    def takes_writes(self) -> bool:
        """Whether the backend is to take writes."""
        return self.role is DatabaseRole.LEADER and not self.drains and not self.emergency.read_only

    @property
    def usual_replicas(self) -> Replicas:
        """The number of pods of each deployment in the site's present role, without an emergency."""
        return self.capacity.active if self.is_active else self.capacity.standby

    @property
    def replicas(self) -> Replicas:
        """The number of pods of each deployment now."""
        surge = self.emergency.crisis_replicas
        return self.usual_replicas.model_copy(update={"crisis_detector": surge} if surge else {})


def load() -> SiteConfig:
    """Read the configuration of the stack that is being deployed.

    Raises:
        pulumi.RunError: with every mistake found, before anything is registered.
    """
    try:
        if (file := ROOT / f"Pulumi.{pulumi.get_stack()}.yaml").exists():
            StackFile(file)  # Pulumi passes on the configuration alone, and ignores a key in the wrong place
    except StackFileError as error:
        raise pulumi.RunError(f"the stack's file has a mistake; nothing was changed\n{error}") from None
    config = pulumi.runtime.config.CONFIG.get() or pulumi.runtime.config.get_config_env()
    try:
        return parse(config, stack=pulumi.get_stack())
    except ConfigError as error:
        raise pulumi.RunError(f"the stack's configuration has mistakes; nothing was changed\n{error}") from None


def parse(config: Mapping[str, Any], *, stack: str) -> SiteConfig:
    """Check a stack's whole configuration.

    Args:
        config: values by full key (`lifeline:timeline`). A structured value is either JSON text, as an engine passes
            it, or plain data, as read from the YAML file.
        stack: the stack's name, which is also the site's name.

    Raises:
        ConfigError: with every mistake found.
    """
    prefix = f"{PROJECT}:"
    strays = tuple(_strays(config))
    values = {key.removeprefix(prefix): _decoded(key, value) for key, value in config.items() if key.startswith(prefix)}
    reserved = strays + tuple(
        Problem(f"{prefix}{key}", f"is not set here: it follows from {source}", "remove the line")
        for key, source in (("site", "the stack's name"), ("region", "aws:region"))
        if key in values
    )
    region = config.get("aws:region")
    if region is None:
        reserved += (Problem("aws:region", "is missing", "name the site's own region, such as us-east-2"),)
    try:
        site = SiteConfig.model_validate({**values, "site": stack, "region": region or "us-east-2"})
    except pydantic.ValidationError as error:
        raise ConfigError((*reserved, *schema_problems(error, SiteConfig))) from None
    problems = (*reserved, *relation_problems(site))
    if problems:
        raise ConfigError(problems)
    return site


def _strays(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that were meant for this program, and that it does not read."""
    for key in config:
        namespace, colon, name = key.partition(":")
        if not colon:
            yield Problem(key, "has no prefix", f"write {PROJECT}:{key}")
        elif namespace != PROJECT and get_close_matches(namespace, [PROJECT]):
            yield Problem(key, "is read by nothing", f"write {PROJECT}:{name}")


_PLAIN_TEXT = {
    f"{PROJECT}:{key}" for key in ("account", "owner", "domain", "globals", "zoneId", "primaryRecord", "fence")
}


def _decoded(key: str, value: Any) -> Any:
    if not isinstance(value, str) or key in _PLAIN_TEXT:
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
