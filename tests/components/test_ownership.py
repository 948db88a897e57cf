"""Global resources in a stack that owns, adopts or releases them."""

from __future__ import annotations

from collections.abc import Callable

import pulumi
import pytest

from components.ledger import Ledger, LedgerArgs
from components.ownership import Ownership
from components.secrets import AdoptedPassword, DatabasePassword, DatabasePasswordArgs
from components.zone import Zone, ZoneArgs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

DOMAIN = "mentalhealthplatform.com"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:lifeline/database/password-AbCdEf"
VERSION = "11111111-2222-3333-4444-555555555555"


def zone(ownership: Ownership) -> None:
    Zone("zone", ZoneArgs(domain=DOMAIN, site=site("secondary"), ownership=ownership, zone_id="Z0123456789"))


def ledger(ownership: Ownership, *, adopted: bool = True) -> None:
    args = LedgerArgs(
        copy_region="us-east-2",
        witness_region="us-east-1",
        site=site("secondary"),
        ownership=ownership,
        adopted=adopted,
    )
    Ledger("ledger", args)


def password(ownership: Ownership, *, number: int = 1, adopted: int = 1) -> DatabasePassword:
    args = DatabasePasswordArgs(
        secret_name="lifeline/database/password",
        description="Password of the database's owner",
        number=number,
        peer_region="us-east-2",
        key_arn="arn:aws:kms:us-west-2:123456789012:key/secrets",
        site=site("secondary"),
        ownership=ownership,
        adopted=AdoptedPassword(secret_arn=SECRET, version_id=VERSION, number=adopted) if adopted else None,
    )
    return DatabasePassword("password", args)


def registered(*programs: Callable[[], object]) -> dict[str, Registration]:
    def program() -> None:
        for declare in programs:
            declare()

    return {entry.name: entry for entry in record(program, stack="secondary") if entry.custom}


def everything(ownership: Ownership) -> dict[str, Registration]:
    return registered(lambda: zone(ownership), lambda: ledger(ownership), lambda: password(ownership))


def test_everything_is_adopted_by_its_id() -> None:
    assert {name: entry.import_id for name, entry in everything(Ownership.ADOPT).items()} == {
        "zone-zone": "Z0123456789",
        "zone-issuers": f"Z0123456789_{DOMAIN}_CAA",
        "ledger-table": "lifeline-crisis-ledger",
        "password-secret": SECRET,
        "password-version": f"{SECRET}|{VERSION}",
    }


def test_an_owner_imports_nothing_and_refuses_a_deletion() -> None:
    owned = everything(Ownership.OWN)
    assert {entry.import_id for entry in owned.values()} == {""}
    assert {name for name, entry in owned.items() if entry.protect} == {"zone-zone", "ledger-table", "password-secret"}
    assert {name for name, entry in owned.items() if entry.retain_on_delete} == {"password-version"}


def test_a_released_resource_is_neither_protected_nor_deleted() -> None:
    released = everything(Ownership.RELEASE) | registered(lambda: password(Ownership.RELEASE, adopted=0))
    assert "password-random" in released
    assert {name for name, entry in released.items() if entry.protect or not entry.retain_on_delete} == set()


def test_a_release_changes_no_input() -> None:
    def inputs(ownership: Ownership) -> dict[str, object]:
        return {name: entry.inputs for name, entry in everything(ownership).items()}

    assert inputs(Ownership.RELEASE) == inputs(Ownership.OWN)


@pytest.mark.parametrize("ownership", Ownership)
def test_the_regions_of_an_adopted_ledger_never_change(ownership: Ownership) -> None:
    """The provider would remove a replica, and with it the strong consistency."""
    kept = {"globalTableWitness", "replicas", "streamEnabled", "streamViewType"}
    assert kept <= set(registered(lambda: ledger(ownership))["ledger-table"].ignore_changes)
    made_here = registered(lambda: ledger(Ownership.OWN, adopted=False))["ledger-table"]
    assert made_here.ignore_changes == ()


def test_an_adopted_password_stays_until_it_is_rotated() -> None:
    adopted = registered(lambda: password(Ownership.OWN))
    assert "password-random" not in adopted
    assert "secretString" not in adopted["password-version"].inputs
    assert "secretString" in adopted["password-version"].ignore_changes


def test_a_rotation_of_an_adopted_password_makes_the_next_one_only() -> None:
    rotated = registered(lambda: password(Ownership.OWN, number=4, adopted=2))
    assert {name for name in rotated if "random" in name} == {"password-random-3", "password-random-4"}
    version = rotated["password-version"]
    assert version.ignore_changes == ()
    assert rotated["password-random-4"].urn in version.dependencies


def test_the_value_of_an_adopted_password_is_a_secret() -> None:
    known: list[bool] = []

    def program() -> None:
        value = password(Ownership.OWN).value
        pulumi.Output.all(value.is_secret()).apply(lambda found: known.append(found[0]))

    record(program, stack="secondary")
    assert known == [True]


def test_a_password_that_is_gone_is_not_declared_again() -> None:
    with pytest.raises(ValueError, match="has password 2: 1 is gone"):
        registered(lambda: password(Ownership.OWN, number=1, adopted=2))


def test_what_an_adopter_declares_differently_is_not_sent_before_it_owns() -> None:
    adopting, owning = everything(Ownership.ADOPT), everything(Ownership.OWN)
    assert {"comment", "forceDestroy", "tags"} <= set(adopting["zone-zone"].ignore_changes)
    assert {"kmsKeyId", "replicas", "tags"} <= set(adopting["password-secret"].ignore_changes)
    assert owning["zone-zone"].ignore_changes == owning["password-secret"].ignore_changes == ()
