"""The hosted zone."""

import pytest

from components.zone import Zone, ZoneArgs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

DOMAIN = "mentalhealthplatform.com"


def registered(*, protect: bool = True) -> dict[str, Registration]:
    args = ZoneArgs(domain=DOMAIN, site=site(protect=protect))
    return {resource.name: resource for resource in record(lambda: Zone("zone", args)) if resource.custom}


@pytest.mark.parametrize("protect", [True, False])
def test_the_zone_is_protected_as_asked_and_its_record_is_not(protect):
    resources = registered(protect=protect)
    assert {name: entry.protect for name, entry in resources.items()} == {"zone-zone": protect, "zone-issuers": False}


def test_a_zone_with_records_in_it_is_never_emptied_by_force():
    inputs = registered()["zone-zone"].inputs
    assert (inputs["name"], inputs["forceDestroy"]) == (DOMAIN, False)


def test_records_can_be_changed_again_while_us_east_1_is_down():
    assert registered()["zone-zone"].inputs["enableAcceleratedRecovery"] is True


def test_only_amazon_may_issue_certificates_for_the_domain():
    issuers = registered()["zone-issuers"].inputs
    assert (issuers["name"], issuers["type"]) == (DOMAIN, "CAA")
    assert issuers["records"] == ['0 issue "amazon.com"', '0 issuewild "amazon.com"']
