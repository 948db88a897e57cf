"""Files that would be silently wrong: each is refused, and the hint leads to a file that is accepted."""

from __future__ import annotations

import pytest

from stacks.config import parse
from stacks.problems import ConfigError
from tests.stacks.test_config import Values, accepted, changed, mistakes, stack_file


def test_a_site_drains_no_epoch_that_the_other_one_leads() -> None:
    message = "lifeline:switchover.drain: is 1, which primary-1 leads"
    assert mistakes("secondary", switchover={"drain": 1}) == [message]


@pytest.mark.parametrize(
    ("stack", "timeline", "message"),
    [
        ("secondary", ["secondary-1"], "lifeline:timeline[0]: is secondary-1, and lifeline:globals is 'use'"),
        ("primary", ["secondary-1"], "lifeline:timeline[0]: is secondary-1, and lifeline:globals is 'own'"),
        (
            "secondary",
            ["secondary-1", "primary-1"],
            "lifeline:timeline[0]: is secondary-1, and lifeline:globals is 'use'",
        ),
    ],
)
def test_a_timeline_that_was_replaced_instead_of_appended_to_is_refused(
    stack: str, timeline: list[str], message: str
) -> None:
    assert mistakes(stack, timeline=timeline) == [message]


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        ("timeline", "timeline: has no prefix", "write lifeline:timeline"),
        ("lifelin:timeline", "lifelin:timeline: is read by nothing", "write lifeline:timeline"),
        (
            "lifeline:database.seeded",
            "lifeline:database.seeded: is not a key of lifeline",
            "write seeded as a line of its own below lifeline:database, indented by two more spaces",
        ),
    ],
)
def test_a_key_that_pulumi_or_the_program_would_ignore_is_refused(key: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse({**stack_file("primary"), key: 2}, stack="primary")
    (problem,) = refused.value.problems
    assert (f"{problem.path}: {problem.message}", problem.hint) == (message, hint)


def test_two_entries_on_one_line_get_a_hint_on_the_indentation() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(changed("secondary", {"timeline": ["primary-1 - secondary-1"]}), stack="secondary")
    assert "same indentation" in refused.value.problems[0].hint


def test_a_guessed_database_gets_a_hint_that_is_not_refused_itself() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(changed("secondary", {"timeline": ["primary-1", "secondary-2"]}), stack="secondary")
    hints = [problem.hint for problem in refused.value.problems]
    assert hints[1] == "to fail over, append secondary-1; to restore, name a snapshot in lifeline:database.restores"
    assert accepted("secondary", timeline=["primary-1", "secondary-1"]).is_active


def test_a_mistake_in_a_list_is_called_one() -> None:
    assert mistakes("primary", timeline="primary-1") == ['lifeline:timeline: is "primary-1": input should be a list']


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ({"unprotected": [2]}, "lifeline:database.unprotected[0]: names primary-2, the site's current database"),
        ({"reconciled": [2]}, "lifeline:database.reconciled[0]: names primary-2, the site's current database"),
        ({"unprotected": [3]}, "lifeline:database.unprotected[0]: names primary-3, which this site does not declare"),
        (
            {"retired": [1], "reconciled": [1]},
            "lifeline:database.reconciled[0]: names primary-1, which this site does not declare",
        ),
    ],
)
def test_only_databases_that_no_longer_serve_are_opened_or_given_up(database: Values, message: str) -> None:
    changes = {f"database__{key}": value for key, value in {"seeded": 2, **database}.items()}
    assert mistakes("primary", timeline=["primary-1", "secondary-1"], **changes) == [message]


CLUSTERS: list[tuple[Values, str]] = [
    ({"generations": []}, "lifeline:cluster.generations: is []: list should have at least 1 item"),
    ({"generations": [1, 1], "serving": 1}, "lifeline:cluster.generations: is [1, 1]"),
    ({"generations": [1, 2]}, "lifeline:cluster.serving: is missing, and lifeline:cluster.generations is [1, 2]"),
    ({"generations": [1], "serving": 2, "since": 1}, "lifeline:cluster.serving: is 2, expected one of generations: 1"),
    ({"generations": [1, 2], "serving": 2, "unreachable": [2], "since": 1}, "lifeline:cluster.unreachable[0]: is 2"),
    ({"generations": [2], "serving": 2, "unreachable": [1], "since": 1}, "lifeline:cluster.unreachable[0]: is 1"),
    ({"addonVersions": {"core-dns": "v1.11.4-eksbuild.2"}}, "lifeline:cluster.addonVersions: names core-dns"),
    ({"addonVersions": {"coredns": "1.11.4"}}, 'lifeline:cluster.addonVersions.coredns: is "1.11.4"'),
    (
        {"version": "1.34", "nodes": {"releaseVersion": "1.33.5-20261101"}},
        "lifeline:cluster.nodes.releaseVersion: is 1.33.5-20261101, and lifeline:cluster.version is 1.34",
    ),
    ({"version": "1.37"}, "lifeline:cluster.version: is 1.37, expected 1.34 or 1.35"),
    ({"generations": [1], "since": 2}, "lifeline:cluster.since: is 2, when the timeline has 1 epochs"),
]


@pytest.mark.parametrize(("cluster", "message"), CLUSTERS)
def test_clusters_that_contradict_each_other_are_refused(cluster: Values, message: str) -> None:
    assert [found[: len(message)] for found in mistakes("primary", cluster=cluster)] == [message]


PROMOTED = ["primary-1", "secondary-1", "secondary-3"]
BEFORE, AFTER = "2026-11-20T03:00:00Z", "2026-11-24T03:00:00Z"


@pytest.mark.parametrize(
    ("restore", "message"),
    [
        (
            {"pointInTime": BEFORE},
            "lifeline:database.restores[0].earliest: is missing, and secondary-1 was promoted",
        ),
        (
            {"pointInTime": BEFORE, "earliest": AFTER},
            f"lifeline:database.restores[0].pointInTime: is {BEFORE}, before {AFTER}",
        ),
    ],
)
def test_a_promoted_database_has_no_point_in_time_before_its_promotion(restore: Values, message: str) -> None:
    restores = [{"epoch": 3, **restore}]
    assert mistakes("secondary", timeline=PROMOTED, database__seeded=3, database__restores=restores) == [message]


@pytest.mark.parametrize(
    "restore", [{"pointInTime": "latest"}, {"pointInTime": AFTER, "earliest": BEFORE}, {"snapshot": "before-it"}]
)
def test_a_promoted_database_is_restored_to_a_later_time_or_from_a_snapshot(restore: Values) -> None:
    restores = [{"epoch": 3, **restore}]
    accepted("secondary", timeline=PROMOTED, database__seeded=3, database__restores=restores)


def test_a_moved_site_says_since_when_because_its_jobs_have_run() -> None:
    cluster, timeline = {"generations": [2], "serving": 2}, ["primary-1", "secondary-1"]
    message = "lifeline:cluster.since: is missing, and generation 2 serves"
    assert mistakes("secondary", timeline=timeline, cluster=cluster) == [message]
    accepted("secondary", timeline=timeline, cluster={**cluster, "since": 2})
