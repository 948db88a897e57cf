"""Names that both sites derive: their exact text, and whether the services accept them."""

from __future__ import annotations

import re

import pytest

from recovery import naming, timeline
from recovery.timeline import DatabaseId

ACCOUNT = "123456789012"
LONGEST_SITE = "s" * 20
LAST_DATABASE = DatabaseId(LONGEST_SITE, timeline.MAX_EPOCHS)


def test_every_name_is_what_the_other_site_expects() -> None:
    database = DatabaseId("secondary", 1)
    assert naming.database_identifier(database) == "lifeline-secondary-1"
    assert (
        naming.database_arn(database, account=ACCOUNT, region="us-west-2")
        == "arn:aws:rds:us-west-2:123456789012:db:lifeline-secondary-1"
    )
    assert naming.backup_bucket("secondary", account=ACCOUNT) == "lifeline-123456789012-secondary-backups"
    assert naming.cluster_name("primary", 2) == "lifeline-primary-2"
    assert naming.site_host("primary", "example.org") == "primary.example.org"
    assert (
        naming.ledger_arn(account=ACCOUNT, region="us-east-2")
        == "arn:aws:dynamodb:us-east-2:123456789012:table/lifeline-crisis-ledger"
    )


def test_the_names_of_the_plan_are_kept() -> None:
    assert (naming.NAMESPACE, naming.CONFIG_MAP) == ("mental-health-platform", "mental-health-app-config")
    assert naming.DATABASE_NAME == "mental_health_platform"


@pytest.mark.parametrize(
    ("name", "pattern", "limit"),
    [
        (naming.database_identifier(LAST_DATABASE), r"[a-z](?:-?[a-z0-9])*", 63),
        (naming.copy_name(naming.backup_bucket(LONGEST_SITE, account=ACCOUNT)), r"[a-z0-9](?:-?[a-z0-9])*", 63),
        (naming.cluster_name(LONGEST_SITE, 99), r"[0-9A-Za-z][A-Za-z0-9_-]*", 100),
        (naming.LEDGER_TABLE, r"[a-zA-Z0-9_.-]{3,}", 255),
        (naming.PASSWORD_SECRET, r"[A-Za-z0-9/_+=.@-]+", 512),
        (naming.DATABASE_USER, r"[a-z][a-z0-9_]*", 63),
        (naming.DATABASE_NAME, r"[a-z][a-z0-9_]*", 63),
    ],
)
def test_aws_takes_the_longest_name_that_a_stack_can_ask_for(name: str, pattern: str, limit: int) -> None:
    assert re.fullmatch(pattern, name)
    assert len(name) <= limit


def test_a_bucket_name_has_no_dot_which_would_break_its_certificate() -> None:
    assert "." not in naming.backup_bucket("primary", account=ACCOUNT)


def test_an_image_is_pulled_from_the_sites_own_region_by_digest() -> None:
    image = naming.image("backend", "sha256:" + "0" * 64, account=ACCOUNT, region="us-west-2")
    assert image == f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/backend@sha256:{'0' * 64}"


def test_no_two_sites_or_epochs_share_a_name() -> None:
    databases = [DatabaseId(site, epoch) for site in ("primary", "secondary") for epoch in (1, 2, 11)]
    assert len({naming.database_identifier(database) for database in databases}) == len(databases)


def test_a_resource_carries_four_tags_and_a_name_where_it_has_one() -> None:
    tags = naming.Tags(owner="platform-team", site="primary")
    plain = {
        "lifeline:owner": "platform-team",
        "lifeline:site": "primary",
        "lifeline:tier": "crisis",
        "lifeline:data": "phi",
    }
    assert tags.of(tier="crisis", data="phi") == plain
    assert tags.of(tier="crisis", data="phi", name="ledger") == {"Name": "ledger", **plain}


def test_a_target_group_has_its_site_and_generation_in_32_characters() -> None:
    names = {
        naming.target_group("hotline-gateway", 65535, site=site, generation=generation)
        for site in ("primary", "tertiary", LONGEST_SITE)
        for generation in (1, 2, 99)
    }
    assert len(names) == 9
    assert all(re.fullmatch(r"[a-z0-9-]{1,32}", name) for name in names)
    assert naming.target_group("backend", 8080, site="primary", generation=1).startswith("backend-8080-")
