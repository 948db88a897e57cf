"""Functions and distributions of CloudFront, with the rules that AWS applies and moto does not."""

from __future__ import annotations

from typing import Any

import pytest

from components.last_resort import CODE_BYTES
from procedures.leftovers import distribution_of
from rehearsal.providers.backend import UnsupportedError
from tests.rehearsal.providers.aws.world import change, make, remove, unique, urn

FUNCTION = "aws:cloudfront/function:Function"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
CERTIFICATE = "aws:acm/certificate:Certificate"


def function(**changes: Any) -> dict[str, Any]:
    code = "function handler(event) {}"
    return {"name": unique("page"), "runtime": "cloudfront-js-2.0", "comment": "", "code": code} | changes


def distribution(world: Any, domain: str, **changes: Any) -> dict[str, Any]:
    """The inputs of a distribution, after its certificate and its function were made."""
    request = {"domainName": domain, "validationMethod": "DNS", "region": "us-east-1"}
    _, certificate = make(world.east, CERTIFICATE, request)
    _, made = make(world.east, FUNCTION, function())
    custom = {
        "httpPort": 80,
        "httpsPort": 443,
        "originProtocolPolicy": "https-only",
        "originSslProtocols": ["TLSv1.2"],
    }
    behavior = {
        "targetOriginId": "none",
        "viewerProtocolPolicy": "redirect-to-https",
        "allowedMethods": ["GET", "HEAD"],
        "cachedMethods": ["GET", "HEAD"],
        "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "functionAssociations": [{"eventType": "viewer-request", "functionArn": made["arn"]}],
    }
    return {
        "aliases": [domain],
        "enabled": True,
        "origins": [{"originId": "none", "domainName": f"none.{domain}", "customOriginConfig": custom}],
        "defaultCacheBehavior": behavior,
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "viewerCertificate": {
            "acmCertificateArn": certificate["arn"],
            "minimumProtocolVersion": "TLSv1.2_2021",
            "sslSupportMethod": "sni-only",
        },
    } | changes


@pytest.fixture
def domain() -> str:
    return f"{unique('platform')}.example"


def test_a_distribution_is_found_by_its_name_and_adopted_by_its_id(world, domain):
    inputs = distribution(world, domain)
    id_, outputs = make(world.east, DISTRIBUTION, inputs)
    assert distribution_of(world.client("cloudfront"), domain) == id_
    found, known = world.west.find(DISTRIBUTION, urn("adopted", DISTRIBUTION), id_)
    assert found == inputs
    assert {known[key] for key in ("domainName", "hostedZoneId")} == {outputs["domainName"], "Z2FDTNDATAQYW2"}


def test_an_update_reaches_cloudfront(world, domain):
    inputs = distribution(world, domain)
    made = make(world.east, DISTRIBUTION, inputs)
    change(world.east, DISTRIBUTION, made, inputs, {**inputs, "comment": "the page"})
    config = world.client("cloudfront").get_distribution_config(Id=made[0])["DistributionConfig"]
    assert config["Comment"] == "the page"


def test_one_distribution_has_a_name(world, domain):
    make(world.east, DISTRIBUTION, distribution(world, domain))
    with pytest.raises(UnsupportedError, match=f"CNAMEAlreadyExists: {domain}"):
        make(world.west, DISTRIBUTION, distribution(world, domain))


def test_a_certificate_of_another_region_is_refused(world, domain):
    _, made = make(world.east, CERTIFICATE, {"domainName": domain, "validationMethod": "DNS"})
    inputs = distribution(world, domain)
    inputs["viewerCertificate"] |= {"acmCertificateArn": made["arn"]}
    with pytest.raises(UnsupportedError, match=r"InvalidViewerCertificate: .* is not in us-east-1"):
        make(world.east, DISTRIBUTION, inputs)


def test_a_certificate_for_another_name_is_refused(world, domain):
    with pytest.raises(UnsupportedError, match="does not cover other"):
        make(world.east, DISTRIBUTION, distribution(world, domain, aliases=["other.example"]))


def test_a_function_that_does_not_exist_is_refused(world, domain):
    inputs = distribution(world, domain)
    inputs["defaultCacheBehavior"]["functionAssociations"][0]["functionArn"] = "arn:aws:cloudfront::1:function/none"
    with pytest.raises(UnsupportedError, match="NoSuchFunctionExists"):
        make(world.east, DISTRIBUTION, inputs)


def test_a_function_with_too_long_a_code_is_refused(world):
    with pytest.raises(UnsupportedError, match="FunctionSizeLimitExceeded"):
        make(world.east, FUNCTION, function(code="x" * (CODE_BYTES + 1)))


def test_a_function_is_adopted_by_its_name_and_updated(world):
    inputs = function()
    made = make(world.east, FUNCTION, inputs)
    found, outputs = world.west.find(FUNCTION, urn("adopted", FUNCTION), inputs["name"])
    assert (found, outputs["arn"]) == (inputs, made[1]["arn"])
    change(world.east, FUNCTION, made, inputs, {**inputs, "code": "function handler() {}"})
    found, _ = world.west.find(FUNCTION, urn("adopted", FUNCTION), inputs["name"])
    assert found["code"] == "function handler() {}"


def test_a_function_in_use_is_not_deleted(world, domain):
    inputs = distribution(world, domain)
    id_, outputs = make(world.east, DISTRIBUTION, inputs)
    name = inputs["defaultCacheBehavior"]["functionAssociations"][0]["functionArn"].rpartition("/")[2]
    page = name, {"arn": f"arn:aws:cloudfront::123456789012:function/{name}"}
    with pytest.raises(UnsupportedError, match=f"FunctionInUse: {name} by {id_}"):
        remove(world.east, FUNCTION, page)
    remove(world.east, DISTRIBUTION, (id_, outputs))
    remove(world.east, FUNCTION, page)
    assert world.east.find(FUNCTION, urn("adopted", FUNCTION), name) is None
