"""The TLS certificate of a site."""

from components.certificate import Certificate, CertificateArgs
from engine.computed import computed_id, computed_outputs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

DOMAIN = "mentalhealthplatform.com"


def registered() -> dict[str, Registration]:
    args = CertificateArgs(domain=DOMAIN, zone_id="Z0000000000EXAMPLE", site=site())
    return {resource.name: resource for resource in record(lambda: Certificate("tls", args)) if resource.custom}


def asked_for(certificate: Registration) -> dict[str, str]:
    """The validation record that ACM asks for, as the recorder invented it."""
    id_ = computed_id(certificate.type, certificate.urn, certificate.inputs)
    outputs = computed_outputs(certificate.type, certificate.urn, id_, certificate.inputs, "us-east-2", "123456789012")
    return outputs["domainValidationOptions"][0]


def test_the_certificate_covers_the_domain_and_the_names_below_it():
    inputs = registered()["tls-certificate"].inputs
    assert inputs["domainName"] == DOMAIN
    assert inputs["subjectAlternativeNames"] == [f"*.{DOMAIN}"]
    assert inputs["validationMethod"] == "DNS"


def test_the_proof_is_the_record_that_acm_asks_for():
    resources = registered()
    expected = asked_for(resources["tls-certificate"])
    record_ = resources["tls-proof"].inputs
    assert record_["name"] == expected["resourceRecordName"]
    assert record_["type"] == expected["resourceRecordType"]
    assert record_["records"] == [expected["resourceRecordValue"]]
    assert record_["zoneId"] == "Z0000000000EXAMPLE"


def test_both_sites_can_hold_the_same_proof_and_either_can_leave():
    proof = registered()["tls-proof"]
    assert proof.inputs["allowOverwrite"] is True
    assert proof.retain_on_delete is True


def test_a_listener_gets_the_certificate_only_when_it_is_issued():
    resources = registered()
    validation = resources["tls-validation"]
    assert set(validation.dependencies) == {resources["tls-certificate"].urn, resources["tls-proof"].urn}
