"""Certificates and their validation."""

from __future__ import annotations

import pytest

from rehearsal.providers.backend import UnsupportedError
from tests.rehearsal.providers.aws.world import make, unique


def test_a_certificate_asks_for_the_same_record_in_both_regions_and_once_for_its_wildcard(world):
    domain = f"{unique('platform')}.example"
    inputs = {"domainName": domain, "subjectAlternativeNames": [f"*.{domain}"], "validationMethod": "DNS"}
    made = [make(backend, "aws:acm/certificate:Certificate", inputs) for backend in (world.east, world.west)]
    names = {option["resourceRecordName"] for _, outputs in made for option in outputs["domainValidationOptions"]}
    assert len(names) == 1
    validation = "aws:acm/certificateValidation:CertificateValidation"
    arn, fqdn = made[0][1]["arn"], names.pop().rstrip(".")
    _, outputs = make(world.east, validation, {"certificateArn": arn, "validationRecordFqdns": [fqdn]})
    assert outputs["certificateArn"] == arn
    with pytest.raises(UnsupportedError, match="certificate needs"):
        make(world.east, validation, {"certificateArn": arn, "validationRecordFqdns": ["other.example"]})
