"""The file of a site that is built after both regions were lost: docs/runbooks/both-regions-lost.md."""

from __future__ import annotations

from typing import Any

from tests.adopted import PAGE
from tests.harness import stack_config

NAME, SOURCE = "tertiary", "primary"
LOST = ("primary-1",)
EMPTY = (*LOST, "tertiary-2")
FILLED = (*EMPTY, "tertiary-3")
_OWN = stack_config(SOURCE)
_BUCKETS = {"primary": "us-west-2", "secondary": "us-east-2"}
"""The region of the copies of each lost site."""


def copies_of(kind: str) -> list[dict[str, str]]:
    """The copies that the lost sites have left."""
    return [
        {"bucket": f"lifeline-123456789012-{site}-{kind}-copy", "region": region} for site, region in _BUCKETS.items()
    ]


DATABASE: dict[str, Any] = {**_OWN["lifeline:database"], "seeded": 2, "restores": [{"epoch": 2, "empty": True}]}
CHANGES: dict[str, Any] = {
    "globals": "adopt",
    "zoneId": "Z0000000000EXAMPLE",
    "adopted": PAGE | {"ledger": "lost"},
    "lostSites": {"primary": "us-east-2", "secondary": "us-west-2"},
    "primaryRecord": NAME,
    "peer": {"site": "quaternary", "region": "us-west-2", "cidr": "10.40.0.0/16"},
    "network": {**_OWN["lifeline:network"], "cidr": "10.30.0.0/16"},
    "switchover": {"drain": 2},
    "database": DATABASE,
    "ledger": {"witness": "us-east-1", "restores": copies_of("ledger")},
}
"""The changes to the copy of the lost site's file, besides the timeline EMPTY."""
SITE: dict[str, Any] = {"of": SOURCE, **CHANGES}
"""The same, for `tests.harness.deploy`."""
DUMP: dict[str, Any] = {"epoch": 3, "dump": "latest", "dumpFrom": copies_of("backups")[0]}
WITH_DATA: dict[str, Any] = {
    **SITE,
    "database": {**DATABASE, "seeded": 3, "restores": [*DATABASE["restores"], DUMP]},
}
"""The file after the users' data was restored, with the timeline FILLED."""
COMPLETE: dict[str, Any] = {**CHANGES, "timeline": FILLED, "database": WITH_DATA["database"]}
