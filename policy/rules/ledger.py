"""Rules on the crisis ledger: the table that loses no acknowledged event, and the claims in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.kube.once import CLAIM
from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Level, Severity, must_be, must_be_protected, resource_rule, shown, site_rule
from policy.rules.workloads import containers, of_account
from recovery.naming import LEDGER_TABLE

TABLE = "aws:dynamodb/table:Table"
_GUIDE = "Amazon DynamoDB Developer Guide"
WITNESS = "us-east-1"


@resource_rule(
    "dynamodb-table-strongly-consistent",
    TABLE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(A)", "164.312(c)(1)"),
        remediation="Declare one replica with `consistencyMode: STRONG` and a witness in a third region.",
        reference=f"{_GUIDE}, 'How DynamoDB global tables work'",
        incident="aws-2025-10",
    ),
)
def strongly_consistent(table: Resource) -> Iterator[str]:
    """A write is acknowledged when two of three regions have it, so the loss of a region loses none."""
    replicas = table.items("replicas")
    if len(replicas) != 1:
        yield f"replicas has {len(replicas)} entries, expected 1"
    for replica in replicas:
        yield from must_be(replica, "STRONG", "consistencyMode")
    # The only region in the United States that can be the witness of a pair: DynamoDB API, CreateGlobalTableWitness.
    yield from must_be(table, WITNESS, "globalTableWitness", "regionName")


@site_rule(
    "dynamodb-table-three-regions",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Put the replica into the other site's region, and the witness into a third one.",
        reference=f"{_GUIDE}, 'How DynamoDB global tables work'",
        incident="aws-2025-10",
    ),
)
def three_regions(site: Site) -> Iterator[tuple[Resource, str]]:
    """The ledger is in three different regions."""
    for table in site.of(TABLE):
        regions = [site.region, table.get("globalTableWitness", "regionName")]
        regions += [replica.get("regionName") for replica in table.items("replicas")]
        if len({str(region) for region in regions}) != 3:
            yield table, f"the ledger is in {', '.join(str(region) for region in regions)}, expected three regions"


@resource_rule(
    "dynamodb-table-point-in-time",
    TABLE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(A)",),
        remediation="Enable point-in-time recovery on the table and on its replica.",
        reference=f"{_GUIDE}, 'Point-in-time backups for DynamoDB'",
        incident="gitlab-2017",
        also=("CKV_AWS_28", "HIPAA.Security-DynamoDBPITREnabled", "dynamodb-pitr-enabled"),
    ),
)
def point_in_time(table: Resource) -> Iterator[str]:
    """The ledger can be restored to any second, in either region."""
    yield from must_be(table, True, "pointInTimeRecovery", "enabled")
    for replica in table.items("replicas"):
        yield from must_be(replica, True, "pointInTimeRecovery")


@resource_rule(
    "dynamodb-table-not-deletable",
    TABLE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Set `deletionProtectionEnabled: true` on the table and its replica, and Pulumi's `protect`.",
        reference=f"{_GUIDE}, 'Using deletion protection to protect your table'",
        incident="atlassian-2022",
        also=("dynamodb-table-deletion-protection-enabled",),
    ),
)
def not_deletable(table: Resource) -> Iterator[str]:
    """AWS and Pulumi both refuse to delete the ledger."""
    yield from must_be(table, True, "deletionProtectionEnabled")
    for replica in table.items("replicas"):
        yield from must_be(replica, True, "deletionProtectionEnabled")
    yield from must_be_protected(table)


@resource_rule(
    "dynamodb-table-keeps-everything",
    TABLE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Declare no time to live.",
        reference=f"{_GUIDE}, 'How DynamoDB global tables work': a strongly consistent table has no time to live",
    ),
)
def keeps_everything(table: Resource) -> Iterator[str]:
    """No crisis event and no claim expires."""
    if table.get("ttl") is not None:
        yield f"ttl is {shown(table.get('ttl'))}, expected not set"


@resource_rule(
    "dynamodb-table-no-capacity-limit",
    TABLE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set `billingMode: PAY_PER_REQUEST`.",
        reference=f"{_GUIDE}, 'DynamoDB throughput capacity'",
        also=("HIPAA.Security-DynamoDBAutoScalingEnabled", "dynamodb-autoscaling-enabled"),
    ),
)
def no_capacity_limit(table: Resource) -> Iterator[str]:
    """All traffic of a lost region fits into the other one at once."""
    yield from must_be(table, "PAY_PER_REQUEST", "billingMode")


def claims(site: Site) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """The Jobs that claim the site's epochs, with their variables."""
    for job in of_account(site, CLAIM):
        for container in containers(job):
            yield job, {entry["name"]: entry.get("value") for entry in container.get("env") or ()}


def _leader(variables: Mapping[str, Any]) -> str:
    return str(variables.get("DATABASE")).rpartition("-")[0]


@site_rule(
    "dynamodb-claim-own-and-once",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Declare one claim per epoch that this site leads or led, and none of another site's.",
        reference="docs/architecture.md, 'Which site may write'",
    ),
)
def claim_own_and_once(site: Site) -> Iterator[tuple[Resource, str]]:
    """A site claims its own epochs, each once; in a table that it makes, also the epochs before them, of lost sites."""
    seen: set[object] = set()
    led = [variables.get("EPOCH") for _, variables in claims(site) if _leader(variables) == site.name]
    first = min((int(str(epoch)) for epoch in led if str(epoch).isdigit()), default=0)
    makes = any(not table.adopted for table in site.of(TABLE))
    for job, variables in claims(site):
        epoch, database = variables.get("EPOCH"), variables.get("DATABASE")
        if UNKNOWN in (epoch, database):
            continue
        owner, before = _leader(variables), str(epoch).isdigit() and int(str(epoch)) < first
        if owner != site.name and not (makes and before):
            yield job, f"the claim of epoch {epoch} names the site {owner}, expected {site.name}"
        if epoch in seen:
            yield job, f"epoch {epoch} is claimed twice"
        seen.add(epoch)


@site_rule(
    "dynamodb-claim-in-the-ledger",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Write claims to the ledger's table only, in the copy that the site's pods use.",
        reference="docs/architecture.md, 'Which site may write'",
    ),
)
def claim_in_the_ledger(site: Site) -> Iterator[tuple[Resource, str]]:
    """A claim is written where every fence reads it."""
    used = site.setting("LEDGER_TABLE")
    table = used if str(used).endswith(f":table/{LEDGER_TABLE}") else LEDGER_TABLE
    for job, variables in claims(site):
        for name, expected in (("LEDGER_TABLE", table), ("AWS_REGION", site.region)):
            value = variables.get(name)
            if value not in (expected, UNKNOWN):
                yield job, f"{name} is {shown(value)}, expected {shown(expected)}"


@site_rule(
    "dynamodb-table-in-own-region",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Move to a region of the ledger when one answers again (docs/runbooks/rebuild-elsewhere.md).",
        reference=f"{_GUIDE}, 'How DynamoDB global tables work'",
        incident="aws-2025-10",
        level=Level.ADVISORY,
    ),
)
def in_own_region(site: Site) -> Iterator[tuple[Resource, str]]:
    """The site's own region has a copy of the ledger, so that it can take over while every other region is lost."""
    if site.ledger_region not in (site.region, UNKNOWN):
        yield (
            site.place,
            f"the ledger is in {site.ledger_region}: while that region is lost, this site can neither claim an epoch"
            " nor note a crisis event",
        )


RULES = (
    strongly_consistent,
    three_regions,
    point_in_time,
    not_deletable,
    keeps_everything,
    no_capacity_limit,
    claim_own_and_once,
    claim_in_the_ledger,
    in_own_region,
)
