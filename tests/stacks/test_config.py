"""Every kind of mistake in a stack file, with the exact words that an operator reads."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from ruamel.yaml import YAML

from recovery.timeline import DatabaseId, DatabaseRole
from stacks import config as configuration
from stacks.config import SiteConfig, parse
from stacks.problems import ConfigError

ROOT = Path(__file__).parents[2]
Values = dict[str, Any]


def stack_file(stack: str) -> Values:
    return dict(YAML(typ="safe").load(ROOT / f"Pulumi.{stack}.yaml")["config"])


def changed(stack: str, changes: Mapping[str, Any]) -> Values:
    """The committed file with keys set by path (`cluster.nodes.minimum`), or removed where the value is None."""
    values = copy.deepcopy(stack_file(stack))
    for path, value in changes.items():
        key, *rest = (path if ":" in path else f"lifeline:{path}").split(".")
        target, last = values, key
        for part in rest:
            target, last = target.setdefault(last, {}), part
        if value is None:
            del target[last]
        else:
            target[last] = value
    return values


def mistakes(stack: str = "primary", /, **changes: Any) -> list[str]:
    """The messages of a refused file, without their hints. Dots of a path are written `__`, the colon `___`."""
    by_path = {key.replace("___", ":").replace("__", "."): value for key, value in changes.items()}
    with pytest.raises(ConfigError) as refused:
        parse(changed(stack, by_path), stack=stack)
    return [f"{problem.path}: {problem.message}" for problem in refused.value.problems]


def accepted(stack: str, **changes: Any) -> SiteConfig:
    return parse(changed(stack, {key.replace("__", "."): value for key, value in changes.items()}), stack=stack)


def test_the_primary_file_describes_the_leader() -> None:
    site = accepted("primary")
    assert (site.role, site.is_active, site.own_database) == (DatabaseRole.LEADER, True, DatabaseId("primary", 1))
    assert site.replicas == site.capacity.active


def test_the_secondary_file_describes_a_replica() -> None:
    site = accepted("secondary")
    assert (site.role, site.is_active, site.own_database) == (DatabaseRole.REPLICA, False, DatabaseId("secondary", 1))
    assert site.replicas == site.capacity.standby


def test_the_two_files_describe_each_other() -> None:
    primary, secondary = accepted("primary"), accepted("secondary")
    assert (primary.peer.site, primary.peer.region, primary.peer.cidr) == (
        secondary.site,
        secondary.region,
        secondary.network.cidr,
    )
    assert (secondary.peer.site, secondary.peer.region, secondary.peer.cidr) == (
        primary.site,
        primary.region,
        primary.network.cidr,
    )
    assert primary.timeline == secondary.timeline
    assert primary.regions == secondary.regions
    assert (primary.account, primary.domain, primary.ledger) == (secondary.account, secondary.domain, secondary.ledger)
    assert {primary.globals, secondary.globals} == {"own", "use"}


def test_one_appended_entry_turns_the_secondary_into_the_leader() -> None:
    site = accepted("secondary", timeline=["primary-1", "secondary-1"])
    assert (site.role, site.is_active) == (DatabaseRole.LEADER, True)


def test_the_way_home_is_a_reseed_and_one_more_entry() -> None:
    reseeded = accepted("primary", timeline=["primary-1", "secondary-1"], database__seeded=2)
    assert (reseeded.own_database, reseeded.role) == (DatabaseId("primary", 2), DatabaseRole.REPLICA)
    back = accepted("primary", timeline=["primary-1", "secondary-1", "primary-2"], database__seeded=2)
    assert (back.role, back.is_active) == (DatabaseRole.LEADER, True)


def test_a_bad_restore_can_be_undone_by_name() -> None:
    restored = [{"epoch": 2, "pointInTime": "latest"}]
    timeline = ["primary-1", "primary-2", "primary-1"]
    site = accepted("primary", timeline=timeline, discards=[2], database__restores=restored)
    assert (site.own_database, site.role) == (DatabaseId("primary", 1), DatabaseRole.LEADER)


def test_an_engine_passes_structures_as_json_text_and_means_the_same() -> None:
    values = stack_file("primary")
    as_engine = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    assert parse(as_engine, stack="primary") == parse(values, stack="primary")


def test_keys_of_other_providers_are_none_of_ours() -> None:
    values = {**stack_file("primary"), "aws:profile": "ops", "kubernetes:context": "x"}
    assert parse(values, stack="primary") == accepted("primary")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timelin": []}, "lifeline:timelin: is not a key of lifeline"),
        ({"cluster__generatoin": 2}, "lifeline:cluster.generatoin: is not a key of lifeline"),
        ({"cluster__nodes__minimun": 2}, "lifeline:cluster.nodes.minimun: is not a key of lifeline"),
        ({"capacity__active__backned": 2}, "lifeline:capacity.active.backned: is not a key of lifeline"),
        ({"timeline": None}, "lifeline:timeline: is missing"),
        ({"peer__region": None}, "lifeline:peer.region: is missing"),
        ({"account": None}, "lifeline:account: is missing"),
        ({"aws___region": None}, "aws:region: is missing"),
        ({"site": "primary"}, "lifeline:site: is not set here: it follows from the stack's name"),
        ({"region": "us-east-2"}, "lifeline:region: is not set here: it follows from aws:region"),
    ],
)
def test_a_key_too_many_or_too_few_is_named(changes: dict[str, Any], message: str) -> None:
    assert mistakes("primary", **changes) == [message]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protect": "yes"}, 'lifeline:protect: is "yes": input should be a valid boolean'),
        ({"timeline": "primary-1"}, 'lifeline:timeline: is "primary-1": input should be a list'),
        ({"timeline": [1]}, "lifeline:timeline[0]: is 1: input should be a valid string"),
        ({"account": 123456789012}, "lifeline:account: is 123456789012: input should be a valid string"),
        (
            {"account": "12345"},
            "lifeline:account: is \"12345\": string should match pattern '^[0-9]{12}$'",
        ),
        ({"cluster__version": 1.34}, "lifeline:cluster.version: is 1.34: input should be a valid string"),
        (
            {"database__seeded": "1"},
            'lifeline:database.seeded: is "1": input should be a valid integer',
        ),
        ({"database__seeded": True}, "lifeline:database.seeded: is true: input should be a valid integer"),
        (
            {"database__seeded": 0},
            "lifeline:database.seeded: is 0: input should be greater than or equal to 1",
        ),
        (
            {"capacity__standby__crisisDetector": 1},
            "lifeline:capacity.standby.crisisDetector: is 1: input should be greater than or equal to 2",
        ),
        (
            {"globals": "both"},
            "lifeline:globals: is \"both\": input should be 'own', 'adopt', 'release', 'left' or 'use'",
        ),
        ({"network__cidr": "10.10.0.1/16"}, 'lifeline:network.cidr: is "10.10.0.1/16": 10.10.0.1/16 has host bits set'),
        (
            {"network__cidr": "10.10.0.0/24"},
            'lifeline:network.cidr: is "10.10.0.0/24": '
            "a /16 to /20 network is needed to hold three public and three private subnets",
        ),
        (
            {"images__backend": "backend:latest"},
            "lifeline:images.backend: is \"backend:latest\": string should match pattern '^sha256:[0-9a-f]{64}$'",
        ),
        (
            {"aws___region": "ohio"},
            "aws:region: is \"ohio\": string should match pattern '^[a-z]{2}(-[a-z]+)+-[1-9]$'",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_shown_with_what_is_allowed(changes: dict[str, Any], message: str) -> None:
    assert mistakes("primary", **changes) == [message]


def test_a_stack_name_that_no_database_can_carry_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the stack's name: is \"Primary_1\": string should match pattern"):
        parse(stack_file("primary"), stack="Primary_1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peer__site": "primary"}, "lifeline:peer.site: names this site itself, primary"),
        ({"peer__cidr": "10.10.16.0/20"}, "lifeline:peer.cidr: is 10.10.16.0/20, which overlaps 10.10.0.0/16"),
        (
            {"ledger__witness": "eu-west-1"},
            "lifeline:ledger.witness: is eu-west-1: the ledger would be in us-east-2, us-west-2, eu-west-1",
        ),
        (
            {"ledger__witness": "us-west-2"},
            "lifeline:ledger.witness: is us-west-2: the ledger would be in us-east-2, us-west-2, us-west-2",
        ),
        (
            {"network__zones": ["us-east-2a", "us-east-2a", "us-east-2b"]},
            "lifeline:network.zones: is ['us-east-2a', 'us-east-2a', 'us-east-2b'], expected three different zones",
        ),
        (
            {"network__zones": ["us-east-2a", "us-east-2b", "us-west-2c"]},
            "lifeline:network.zones[2]: names zone 'us-west-2c', expected a zone of us-east-2",
        ),
        ({"zoneId": "Z0123456789"}, "lifeline:zoneId: is set, and lifeline:globals is 'own'"),
        ({"globals": "use", "timeline": ["secondary-1"]}, "lifeline:zoneId: is missing, and lifeline:globals is 'use'"),
        (
            {"cluster__nodes__minimum": 20},
            "lifeline:cluster.nodes.minimum: is larger than lifeline:cluster.nodes.maximum",
        ),
        (
            {"database__maxStorageGib": 150},
            "lifeline:database.storageGib: is larger than lifeline:database.maxStorageGib",
        ),
        (
            {"capacity__standby__backend": 9},
            "lifeline:capacity.standby.backend: is 9, more than 5 when active",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(changes: dict[str, Any], message: str) -> None:
    problems = mistakes("primary", **changes)
    assert message in problems
    if "peer__site" not in changes:
        assert problems == [message]


def test_a_peer_in_the_same_region_is_refused_and_so_is_its_ledger() -> None:
    assert mistakes("primary", peer__region="us-east-2") == [
        "lifeline:peer.region: is us-east-2, the site's own region",
        "lifeline:ledger.witness: is us-east-1: the ledger would be in us-east-2, us-east-2, us-east-1",
    ]


@pytest.mark.parametrize(
    ("stack", "changes", "expected"),
    [
        ("primary", {"timeline": []}, ["lifeline:timeline: is empty"]),
        (
            "secondary",
            {"timeline": ["primary-1", "secondry-1"]},
            ["lifeline:timeline[1]: names site 'secondry', expected one of primary, secondary"],
        ),
        (
            "primary",
            {"timeline": ["primary-1", "secondary"]},
            ["lifeline:timeline[1]: 'secondary' is not of the form <site>-<epoch>, such as primary-1"],
        ),
        (
            "primary",
            {"timeline": ["primary-1", "secondary-1", "primary-1"]},
            ["lifeline:timeline[2]: names primary-1, which lacks epoch 2: the writes of that time would be lost"],
        ),
        (
            "secondary",
            {"timeline": ["primary-1", "primary-2", "secondary-1"]},
            ["lifeline:timeline[2]: names secondary-1, which lacks epoch 2: the writes of that time would be lost"],
        ),
        ("primary", {"discards": [1]}, ["lifeline:timeline: discards no epoch 1, but lifeline:discards names it"]),
        (
            "secondary",
            {"timeline": ["primary-1", "secondary-2"]},
            [
                "lifeline:database.seeded: is 1, but the timeline says that secondary-2 leads",
                "lifeline:timeline[1]: names secondary-2, which is to be restored, but no backup is named",
            ],
        ),
        (
            "primary",
            {"database__seeded": 2},
            [
                "lifeline:database.seeded: is 2, an epoch that has not begun",
                "lifeline:database.seeded: is 2, but the timeline says that primary-1 leads",
            ],
        ),
        (
            "primary",
            {"timeline": ["primary-1", "primary-2", "secondary-2"]},
            [
                "lifeline:database.seeded: is 1, older than primary-2 of the timeline",
                "lifeline:timeline[1]: names primary-2, which is to be restored, but no backup is named",
            ],
        ),
        (
            "secondary",
            {"timeline": ["primary-1", "secondary-1", "primary-2"], "database__seeded": 2},
            ["lifeline:database.seeded: is 2, an epoch that secondary-1 of this site led"],
        ),
        (
            "primary",
            {"database__retired": [3]},
            ["lifeline:database.retired[0]: names primary-3, which is not in the timeline"],
        ),
        (
            "primary",
            {"database__retired": [1]},
            ["lifeline:database.retired[0]: names primary-1, the site's current database"],
        ),
        (
            "primary",
            {"timeline": ["nonsense"] * 400},
            ["lifeline:timeline: has 400 entries, at most 200 are allowed"],
        ),
    ],
)
def test_a_contradictory_timeline_is_refused(stack: str, changes: dict[str, Any], expected: list[str]) -> None:
    assert mistakes(stack, **changes) == expected


def test_a_site_that_goes_on_writing_after_the_other_took_over_is_refused() -> None:
    """Split brain: the primary continues as leader after the secondary took epoch 2."""
    assert mistakes("primary", timeline=["primary-1", "secondary-1", "primary-1"], database__seeded=2) == [
        "lifeline:timeline[2]: names primary-1, which lacks epoch 2: the writes of that time would be lost",
        "lifeline:database.seeded: is 2, but the timeline says that primary-1 leads",
    ]


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    wrong = {"netwrok": 1, "cluster.generatoin": 2, "account": "1", "timeline": None, "lifeline:region": "us-east-2"}
    with pytest.raises(ConfigError) as refused:
        parse(changed("primary", wrong), stack="primary")
    assert str(refused.value).splitlines() == [
        "lifeline:region: is not set here: it follows from aws:region",
        "  hint: remove the line",
        "lifeline:account: is \"1\": string should match pattern '^[0-9]{12}$'",
        "lifeline:timeline: is missing",
        "lifeline:cluster.generatoin: is not a key of lifeline",
        "  hint: allowed here: addonVersions, generations, nodes, operatorCidrs, publicAccessCidrs, serving, since, "
        "unreachable, version",
        "lifeline:netwrok: is not a key of lifeline",
        "  hint: allowed here: account, adopted, backups, bootstrap, capacity, cluster, copies, database, discards, "
        "domain, emergency, fence, globals, images, ledger, lostSites, network, owner, peer, primaryRecord, protect, "
        "switchover, timeline, zoneId",
    ]


def test_all_contradictions_of_a_file_are_told_at_once() -> None:
    problems = mistakes(
        "secondary",
        peer__region="us-west-2",
        peer__cidr="10.20.0.0/16",
        network__zones=["us-west-2a", "us-west-2b", "us-east-2c"],
        timeline=["primary-1", "tertiary-1", "primary-1"],
    )
    assert problems == [
        "lifeline:peer.region: is us-west-2, the site's own region",
        "lifeline:peer.cidr: is 10.20.0.0/16, which overlaps 10.20.0.0/16",
        "lifeline:ledger.witness: is us-east-1: the ledger would be in us-west-2, us-west-2, us-east-1",
        "lifeline:network.zones[2]: names zone 'us-east-2c', expected a zone of us-west-2",
        "lifeline:timeline[1]: names site 'tertiary', expected one of primary, secondary",
        "lifeline:timeline[2]: names primary-1, which lacks epoch 2: the writes of that time would be lost",
    ]


def test_a_lost_epoch_comes_with_the_two_ways_out() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(changed("primary", {"timeline": ["primary-1", "secondary-1", "primary-1"]}), stack="primary")
    assert refused.value.problems[0].hint == (
        "reseed it first (lifeline:database.seeded), or accept the loss in lifeline:discards: [2]"
    )


def test_a_deployment_is_stopped_before_anything_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime.config, "get_config_env", lambda: changed("primary", {"owner": "X"}))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "primary")
    with pytest.raises(pulumi.RunError, match='nothing was changed\nlifeline:owner: is "X"'):
        configuration.load()


def test_the_project_file_declares_every_key_but_those_that_are_not_in_all_stacks() -> None:
    declared = YAML(typ="safe").load(ROOT / "Pulumi.yaml")["config"]
    own = {"lifeline:site", "lifeline:region", "lifeline:zoneId", "lifeline:primaryRecord", "lifeline:adopted"}
    assert set(declared) == {f"lifeline:{field.alias}" for field in SiteConfig.model_fields.values()} - own


def test_the_defaults_of_the_project_file_are_those_of_the_program() -> None:
    declared = YAML(typ="safe").load(ROOT / "Pulumi.yaml")["config"]
    defaults = {key: schema["default"] for key, schema in declared.items() if "default" in schema}
    assert defaults == {
        "lifeline:backups": {},
        "lifeline:bootstrap": False,
        "lifeline:copies": {},
        "lifeline:discards": [],
        "lifeline:emergency": {},
        "lifeline:fence": "evidence",
        "lifeline:lostSites": {},
        "lifeline:protect": True,
        "lifeline:switchover": {},
    }
    assert parse({**defaults, **stack_file("primary")}, stack="primary") == accepted("primary")
