"""The configuration of one site: the only reader of `pulumi.Config`.

`parse` is pure, so that tests and the `lifeline` command can read a stack file without an engine. Every mistake in a
file is reported at once, each with its path, its value, what is allowed, and a hint where there is one.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import pulumi
import pydantic
from pydantic import Field, StringConstraints

from recovery import timeline as rules
from recovery.naming import PROJECT, Tags
from recovery.timeline import DatabaseId, DatabaseRole
from stacks.sections import (
    Capacity,
    ClusterConfig,
    DatabaseConfig,
    Domain,
    Images,
    LedgerConfig,
    NetworkConfig,
    Peer,
    Region,
    Replicas,
    Section,
    SiteName,
    SwitchoverConfig,
)

LEDGER_REGION_SETS: tuple[frozenset[str], ...] = (
    frozenset({"us-east-1", "us-east-2", "us-west-2"}),
    frozenset({"eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"}),
    frozenset({"ap-northeast-1", "ap-northeast-2", "ap-northeast-3"}),
)
"""Where a table with multi-Region strong consistency may live: all three regions within one set.

Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work", multi-Region strong consistency.
"""

AVAILABILITY_ZONES = 3


class SiteConfig(Section):
    """Everything that one site is built from."""

    account: Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
    owner: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,62}$")]
    domain: Domain
    timeline: tuple[str, ...] = Field(strict=False)
    discards: tuple[int, ...] = Field(default=(), strict=False)
    globals: Literal["own", "use"]
    zone_id: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{6,32}$")] | None = None
    protect: bool = True
    peer: Peer
    network: NetworkConfig
    cluster: ClusterConfig = ClusterConfig()
    database: DatabaseConfig = DatabaseConfig()
    switchover: SwitchoverConfig = SwitchoverConfig()
    ledger: LedgerConfig = LedgerConfig()
    capacity: Capacity
    images: Images

    site: SiteName
    """The stack's name: where the site was born, never what it does today."""
    region: Region
    """The stack's `aws:region`."""

    @property
    def history(self) -> tuple[DatabaseId, ...]:
        """The timeline, parsed."""
        return tuple(DatabaseId.parse(entry) for entry in self.timeline)

    @property
    def own_database(self) -> DatabaseId:
        """The database that this site stands or falls with today."""
        return DatabaseId(self.site, self.database.seeded)

    @property
    def role(self) -> DatabaseRole:
        """The role of the site's own database."""
        return rules.database_role(self.own_database, self.history)

    @property
    def databases(self) -> tuple[DatabaseId, ...]:
        """Every database that the site declares."""
        wanted = self.database
        return rules.declared_databases(self.own_database, self.history, wanted.retired, wanted.kept)

    @property
    def is_active(self) -> bool:
        """Whether this site takes writes now."""
        return rules.active_site(self.history) == self.site

    @property
    def drains(self) -> bool:
        """Whether the site leads and stops taking writes, to hand over."""
        return self.is_active and self.switchover.drain == rules.epoch(self.history)

    @property
    def regions(self) -> dict[str, str]:
        """Region by site name."""
        return {self.site: self.region, self.peer.site: self.peer.region}

    @property
    def tags(self) -> Tags:
        """The tags that every resource of the site starts from."""
        return Tags(owner=self.owner, site=self.site)

    @property
    def replicas(self) -> Replicas:
        """How many pods run, given the site's present role."""
        return self.capacity.active if self.is_active else self.capacity.standby


@dataclass(frozen=True)
class Problem:
    """One mistake in a stack file."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ConfigError(ValueError):
    """Every mistake of one configuration."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def load() -> SiteConfig:
    """Read the configuration of the stack that is being deployed.

    Raises:
        pulumi.RunError: with every mistake found, before anything is registered.
    """
    config = pulumi.runtime.config.CONFIG.get() or pulumi.runtime.config.get_config_env()
    try:
        return parse(config, stack=pulumi.get_stack())
    except ConfigError as error:
        raise pulumi.RunError(f"the stack's configuration has mistakes; nothing was changed\n{error}") from None


def parse(config: Mapping[str, Any], *, stack: str) -> SiteConfig:
    """Check a stack's whole configuration.

    Args:
        config: values by full key (`lifeline:timeline`), structured ones either as JSON text, as an engine passes them,
            or as they stand in the YAML file.
        stack: the stack's name, which is the site's.

    Raises:
        ConfigError: with every mistake found.
    """
    prefix = f"{PROJECT}:"
    values = {key.removeprefix(prefix): _decoded(key, value) for key, value in config.items() if key.startswith(prefix)}
    reserved = tuple(
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
        raise ConfigError((*reserved, *_schema_problems(error))) from None
    found = (*reserved, *_relation_problems(site))
    if found:
        raise ConfigError(found)
    return site


_PLAIN_TEXT = {"lifeline:account", "lifeline:owner", "lifeline:domain", "lifeline:globals", "lifeline:zoneId"}


def _decoded(key: str, value: Any) -> Any:
    if not isinstance(value, str) or key in _PLAIN_TEXT:
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _schema_problems(error: pydantic.ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        yield Problem(_path(detail["loc"]), _schema_message(dict(detail)), _schema_hint(detail["type"], detail["loc"]))


def _path(location: tuple[int | str, ...]) -> str:
    if location in (("site",), ("region",)):
        return "the stack's name" if location == ("site",) else "aws:region"
    path = f"{PROJECT}:"
    for index, part in enumerate(location):
        path += f"[{part}]" if isinstance(part, int) else (f".{part}" if index else str(part))
    return path


def _schema_message(detail: dict[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return "is not a key of lifeline"
    if detail["type"] == "missing":
        return "is missing"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"is {json.dumps(detail['input'], default=str)[:80]}: {message[:1].lower()}{message[1:]}"


def _schema_hint(kind: str, location: tuple[int | str, ...]) -> str:
    if kind != "extra_forbidden":
        return ""
    model: Any = SiteConfig
    for part in location[:-1]:
        field = next((f for f in model.model_fields.values() if f.alias == part), None)
        if field is None or not isinstance(field.annotation, type):
            return ""
        model = field.annotation
    keys = sorted(str(field.alias) for field in model.model_fields.values() if field.alias not in ("site", "region"))
    if model is not SiteConfig:
        keys = sorted(str(field.alias) for field in model.model_fields.values())
    return f"allowed here: {', '.join(keys)}"


def _relation_problems(site: SiteConfig) -> Iterator[Problem]:
    yield from _peer_problems(site)
    yield from _zone_problems(site)
    yield from _size_problems(site)
    yield from _timeline_problems(site)


def _peer_problems(site: SiteConfig) -> Iterator[Problem]:
    if site.peer.site == site.site:
        yield Problem("lifeline:peer.site", f"names this site itself, {site.site}", "name the other site")
    if site.peer.region == site.region:
        hint = "a peer in the same region dies with it"
        yield Problem("lifeline:peer.region", f"is {site.region}, the site's own region", hint)
    if ipaddress.IPv4Network(site.network.cidr).overlaps(ipaddress.IPv4Network(site.peer.cidr)):
        hint = "the two networks must be able to route to each other"
        yield Problem("lifeline:peer.cidr", f"is {site.peer.cidr}, which overlaps {site.network.cidr}", hint)
    ledger = (site.region, site.peer.region, site.ledger.witness)
    if len(set(ledger)) < 3 or not any(allowed.issuperset(ledger) for allowed in LEDGER_REGION_SETS):
        sets = "; ".join(", ".join(sorted(allowed)) for allowed in LEDGER_REGION_SETS)
        yield Problem(
            "lifeline:ledger.witness",
            f"is {site.ledger.witness}: the ledger would live in {', '.join(ledger)}",
            f"strong consistency needs three regions of one set: {sets}",
        )


def _zone_problems(site: SiteConfig) -> Iterator[Problem]:
    if len(set(site.network.zones)) < AVAILABILITY_ZONES:
        yield Problem("lifeline:network.zones", f"is {list(site.network.zones)}, expected three different zones")
    for index, zone in enumerate(site.network.zones):
        if re.fullmatch(re.escape(site.region) + "[a-z]", zone) is None:
            yield Problem(f"lifeline:network.zones[{index}]", f"names zone '{zone}', expected one of {site.region}")
    if site.globals == "use" and site.zone_id is None:
        hint = "copy the output zoneId of the stack that has lifeline:globals: own"
        yield Problem("lifeline:zoneId", "is missing, and lifeline:globals is 'use'", hint)
    if site.globals == "own" and site.zone_id is not None:
        yield Problem(
            "lifeline:zoneId", "is set, and lifeline:globals is 'own'", "the stack's own zone is used: remove it"
        )


def _size_problems(site: SiteConfig) -> Iterator[Problem]:
    if site.cluster.nodes.minimum > site.cluster.nodes.maximum:
        yield Problem("lifeline:cluster.nodes.minimum", "is larger than lifeline:cluster.nodes.maximum")
    if site.database.storage_gib > site.database.max_storage_gib:
        yield Problem("lifeline:database.storageGib", "is larger than lifeline:database.maxStorageGib")
    active, standby = (
        cast("dict[str, int]", size.model_dump(by_alias=True)) for size in (site.capacity.active, site.capacity.standby)
    )
    for name in active:
        if standby[name] > active[name]:
            hint = "a flip grows a site, it never shrinks one"
            yield Problem(
                f"lifeline:capacity.standby.{name}", f"is {standby[name]}, more than {active[name]} when active", hint
            )


def _timeline_problems(site: SiteConfig) -> Iterator[Problem]:
    if not 0 < len(site.timeline) <= rules.MAX_EPOCHS:
        yield from _rule_problems([DatabaseId(site.site, 1)] * len(site.timeline), ())
        return
    history: list[DatabaseId] = []
    for index, text in enumerate(site.timeline):
        try:
            entry = DatabaseId.parse(text)
        except ValueError as error:
            yield Problem(f"lifeline:timeline[{index}]", str(error))
            continue
        if entry.site not in site.regions:
            expected = ", ".join(sorted(site.regions))
            yield Problem(f"lifeline:timeline[{index}]", f"names site '{entry.site}', expected one of {expected}")
        history.append(entry)
    if len(history) == len(site.timeline):
        yield from _rule_problems(history, site.discards)
        yield from _seeding_problems(site, history)
        yield from _retirement_problems(site, history)
        yield from _kept_problems(site, history)
        yield from _switchover_problems(site, history)
        yield from _restore_problems(site, history)


def _rule_problems(history: list[DatabaseId], discards: tuple[int, ...]) -> Iterator[Problem]:
    for problem in rules.problems(history, discards):
        path = "lifeline:timeline" if problem.index is None else f"lifeline:timeline[{problem.index}]"
        yield Problem(path, problem.message, problem.hint)


def _seeding_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    seeded, path = site.database.seeded, "lifeline:database.seeded"
    led = [entry for entry in history if entry.site == site.site]
    source = rules.seed_source(site.own_database, history)
    if seeded > len(history):
        hint = f"the timeline has {len(history)} epochs: reseeding now is {len(history)}"
        yield Problem(path, f"is {seeded}, an epoch that has not begun", hint)
    if history[-1].site == site.site and history[-1].epoch != seeded:
        hint = f"set it to {history[-1].epoch}, or append {site.site}-{seeded} to the timeline instead"
        yield Problem(path, f"is {seeded}, yet the timeline says that {history[-1]} leads", hint)
    elif led and led[-1].epoch > seeded:
        hint = "a site goes on with the database that led last; older ones stay fenced"
        yield Problem(path, f"is {seeded}, older than {led[-1]} of the timeline", hint)
    elif source is not None and source.site == site.site:
        hint = f"a site reseeds from the other one: reseeding now is {len(history)}"
        yield Problem(path, f"is {seeded}, when {source} of this very site led", hint)


def _restore_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    """A leader of the very epoch it is named after, but for the first one, comes from a backup, and only that does."""
    restored = {
        entry.epoch for entry in history if entry.site == site.site and rules.is_born_leader(entry, history)
    } - {1}
    given = [restore.epoch for restore in site.database.restores]
    for number in sorted(restored - set(given) - set(site.database.retired)):
        hint = f"say where from: lifeline:database.restores: [{{epoch: {number}, pointInTime: latest}}]"
        path = f"lifeline:timeline[{number - 1}]"
        yield Problem(path, f"names {site.site}-{number}, a restored database, which would begin empty", hint)
    for index, restore in enumerate(site.database.restores):
        path = f"lifeline:database.restores[{index}]"
        if (restore.point_in_time is None) == (restore.snapshot is None):
            hint = "expected exactly one of pointInTime and snapshot"
            yield Problem(path, f"names {'both' if restore.snapshot else 'neither'} of its sources", hint)
        if given.count(restore.epoch) > 1 and given.index(restore.epoch) == index:
            yield Problem(f"{path}.epoch", f"is {restore.epoch}, as is that of another restore", "one for each epoch")
        if restore.epoch not in restored:
            hint = (
                f"a restore is a new epoch: make {site.site}-{restore.epoch} entry {restore.epoch} of lifeline:timeline"
            )
            yield Problem(f"{path}.epoch", f"is {restore.epoch}, which no restored database of this site leads", hint)
        elif restore.point_in_time is not None and history[restore.epoch - 2].site != site.site:
            before = history[restore.epoch - 2]
            hint = "restore a snapshot that was copied here, or restore at the site that has the backups"
            yield Problem(f"{path}.pointInTime", f"is of {before}, whose backups are in {site.peer.region}", hint)


def _retirement_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    for index, number in enumerate(site.database.retired):
        retired = DatabaseId(site.site, number)
        if retired not in history:
            yield Problem(f"lifeline:database.retired[{index}]", f"names {retired}, which the timeline does not know")
        elif retired == site.own_database:
            yield Problem(f"lifeline:database.retired[{index}]", f"names {retired}, the site's present database")


def _switchover_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    plan, path = site.switchover, "lifeline:switchover"
    if plan.accept_loss and plan.take is None:
        hint = "name the epoch that begins behind: lifeline:switchover.take"
        yield Problem(f"{path}.acceptLoss", "accepts a loss, of no switchover", hint)
    if plan.drain is not None and plan.drain > len(history):
        hint = f"the epoch that can be drained now is {len(history)}"
        yield Problem(f"{path}.drain", f"is {plan.drain}, an epoch that has not begun", hint)
    if plan.take is None:
        return
    if plan.take > len(history):
        hint = f"append {site.own_database} to lifeline:timeline in the same edit"
        yield Problem(f"{path}.take", f"is {plan.take}, when the timeline has {len(history)} epochs", hint)
    elif history[plan.take - 1].site != site.site:
        hint = "a site takes over what it leads from then on"
        yield Problem(f"{path}.take", f"is {plan.take}, which {history[plan.take - 1]} leads", hint)


def _kept_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    for index, number in enumerate(site.database.kept):
        kept = DatabaseId(site.site, number)
        path = f"lifeline:database.kept[{index}]"
        source = rules.seed_source(kept, history)
        if kept in history:
            yield Problem(path, f"names {kept}, which led and is kept anyway", "remove it")
        elif number >= site.database.seeded:
            yield Problem(path, f"names {kept}, which is not older than {site.own_database}", "remove it")
        elif source is None or source.site == site.site:
            yield Problem(path, f"names {kept}, which this site never had", "name the epoch it was seeded at")
