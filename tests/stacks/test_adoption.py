"""Another stack takes over the global resources: the files that are accepted, and the mistakes in them."""

from __future__ import annotations

from typing import Any

import pytest

from components.ownership import Ownership
from tests.adopted import PAGE
from tests.harness import deploy
from tests.stacks.test_config import accepted, mistakes

FAILED_OVER = ["primary-1", "secondary-1"]


def adopted(region: str = "us-west-2", number: int = 1) -> dict[str, Any]:
    names = {"ownerPassword": "password", "applicationPassword": "application"}
    return PAGE | {
        key: {
            "secretArn": f"arn:aws:secretsmanager:{region}:123456789012:secret:lifeline/database/{name}-AbCdEf",
            "versionId": "11111111-2222-3333-4444-555555555555",
            "number": number,
        }
        for key, name in names.items()
    }


@pytest.mark.parametrize("stage", ["adopt", "own", "release"])
def test_an_adopter_keeps_its_lines_at_every_stage(stage: str) -> None:
    site = accepted("secondary", timeline=FAILED_OVER, globals=stage, adopted=adopted())
    assert site.owns_globals
    assert site.ownership is Ownership(stage)


def test_the_former_owner_leaves_them_and_names_the_zone() -> None:
    site = accepted("primary", globals="left", zoneId="Z0123456789")
    assert not site.owns_globals


def test_the_site_that_left_them_may_have_led_first_and_the_adopter_may_not() -> None:
    assert accepted("secondary", globals="own", adopted=adopted()).timeline == ("primary-1",)
    assert mistakes("primary", globals="use", zoneId="Z0123456789") == [
        "lifeline:timeline[0]: is primary-1, and lifeline:globals is 'use'"
    ]


def test_the_zone_is_made_after_the_ledger_so_that_an_outdated_owner_makes_no_second_zone() -> None:
    """Route 53 takes a second zone with the same name. DynamoDB refuses a second table, and the run stops there."""
    made = {entry.name: entry for entry in deploy("primary")}
    assert made["ledger-table"].urn in made["zone-zone"].dependencies
    waiting = {name for name, entry in made.items() if made["zone-zone"].urn in entry.dependencies}
    assert {"traffic-alive", "traffic-api", "traffic-site", "traffic-web", "zone-issuers"} <= waiting


@pytest.mark.parametrize(
    ("stack", "changes", "expected"),
    [
        ("secondary", {"globals": "adopt"}, ["lifeline:adopted: is missing, and lifeline:globals is 'adopt'"]),
        (
            "secondary",
            {"globals": "adopt", "adopted": adopted(), "zoneId": None},
            ["lifeline:zoneId: is missing, and lifeline:globals is 'adopt'"],
        ),
        ("secondary", {"adopted": adopted()}, ["lifeline:adopted: is set, and lifeline:globals is 'use'"]),
        ("primary", {"globals": "left"}, ["lifeline:zoneId: is missing, and lifeline:globals is 'left'"]),
        (
            "primary",
            {"globals": "release", "zoneId": "Z0123456789"},
            ["lifeline:zoneId: is set, and lifeline:globals is 'release'"],
        ),
        (
            "secondary",
            {"globals": "adopt", "adopted": adopted("us-east-2")},
            [
                f"lifeline:adopted.{key}.secretArn: is {adopted('us-east-2')[key]['secretArn']}, expected "
                "arn:aws:secretsmanager:us-west-2:123456789012:..."
                for key in ("ownerPassword", "applicationPassword")
            ],
        ),
        (
            "secondary",
            {"globals": "adopt", "adopted": adopted(number=2)},
            [
                f"lifeline:database.{key}: is 1, and the adopted password is 2"
                for key in ("ownerPassword", "applicationPassword")
            ],
        ),
    ],
)
def test_a_half_written_adoption_is_refused(stack: str, changes: dict[str, Any], expected: list[str]) -> None:
    assert mistakes(stack, **changes) == expected
