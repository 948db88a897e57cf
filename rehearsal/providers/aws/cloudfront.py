"""Functions and distributions of CloudFront, with the rules that AWS applies to them.

moto publishes no function and keeps none of a distribution, so calls for functions are checked and not sent.

Sources: Amazon CloudFront API Reference, "CreateDistribution" (CNAMEAlreadyExists, InvalidViewerCertificate),
"DeleteFunction" (FunctionInUse); Developer Guide, "Quotas on CloudFront Functions"; hashicorp/terraform-provider-aws,
internal/service/cloudfront/distribution.go and function.go.
"""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, gives, words
from rehearsal.providers.backend import Plain, UnsupportedError, digest

ZONE_OF_ALIASES = "Z2FDTNDATAQYW2"
"""The hosted zone of every alias to a distribution. Source: Route 53 API Reference, "AliasTarget"."""
_CODE_BYTES = 10 * 1024
_FUNCTIONS, _DISTRIBUTIONS = "cloudfront-functions", "cloudfront-distributions"
_CERTIFICATE_REGION = "us-east-1"
_FUNCTION_KEYS = words("name runtime comment code publish")
_KEYS = words(
    "aliases comment defaultCacheBehavior enabled httpVersion isIpv6Enabled origins priceClass restrictions"
    " viewerCertificate"
)


def _create_function(call: Call) -> Created:
    name = str(call.inputs["name"])
    if name in call.table(_FUNCTIONS):
        raise UnsupportedError(f"FunctionAlreadyExists: {name}")
    call.pretend("CreateFunction", Name=name, **_function(call))
    return name, _published(call, name)


def _update_function(call: Call) -> Plain:
    call.pretend("UpdateFunction", Name=call.id, IfMatch="etag", **_function(call))
    return _published(call, call.id)


def _function(call: Call) -> Plain:
    code = str(call.inputs["code"]).encode()
    if len(code) > _CODE_BYTES:
        raise UnsupportedError(f"FunctionSizeLimitExceeded: {len(code)} bytes, at most {_CODE_BYTES}")
    config = {"Comment": call.inputs.get("comment", ""), "Runtime": call.inputs["runtime"]}
    return {"FunctionConfig": config, "FunctionCode": code}


def _published(call: Call, name: str) -> Plain:
    """A distribution runs the code that was published last."""
    if call.inputs.get("publish", True):
        call.pretend("PublishFunction", Name=name, IfMatch="etag")
    call.table(_FUNCTIONS)[name] = {key: call.inputs[key] for key in _FUNCTION_KEYS if key in call.inputs}
    return _function_outputs(call, name)


def _function_outputs(call: Call, name: str) -> Plain:
    return {"arn": call.arn(f"function/{name}", region=""), "status": "UNASSOCIATED"}


def _find_function(call: Call) -> tuple[Plain, Plain] | None:
    call.pretend("GetFunction", Name=call.id)
    known = call.table(_FUNCTIONS).get(call.id)
    return ({**known}, _function_outputs(call, call.id)) if known else None


def _delete_function(call: Call) -> None:
    used = [id_ for id_, known in call.table(_DISTRIBUTIONS).items() if call.outputs["arn"] in _functions_of(known)]
    if used:
        raise UnsupportedError(f"FunctionInUse: {call.id} by {', '.join(used)}")
    call.pretend("DeleteFunction", Name=call.id, IfMatch="etag")
    call.table(_FUNCTIONS).pop(call.id)


def _functions_of(inputs: Plain) -> list[str]:
    return [entry["functionArn"] for entry in inputs["defaultCacheBehavior"].get("functionAssociations") or []]


def _create_distribution(call: Call) -> Created:
    _refuse(call, "")
    config = {"DistributionConfig": _config(call), "Tags": {"Items": call.tag_list}}
    made = call.do("CreateDistributionWithTags", DistributionConfigWithTags=config)["Distribution"]
    _keep(call, made["Id"])
    return made["Id"], _outputs(made)


def _update_distribution(call: Call) -> Plain:
    _refuse(call, call.id)
    call.do("UpdateDistribution", Id=call.id, IfMatch=_etag(call), DistributionConfig=_config(call))
    _keep(call, call.id)
    return {}


def _etag(call: Call) -> str:
    """The version that a change is based on."""
    return call.do("GetDistribution", Id=call.id)["ETag"]


def _find_distribution(call: Call) -> tuple[Plain, Plain] | None:
    known = call.table(_DISTRIBUTIONS).get(call.id)
    if known is None:
        return None
    return {**known}, _outputs(call.do("GetDistribution", Id=call.id)["Distribution"])


def _delete_distribution(call: Call) -> None:
    call.do("DeleteDistribution", Id=call.id, IfMatch=_etag(call))
    call.table(_DISTRIBUTIONS).pop(call.id)


def _keep(call: Call, id_: str) -> None:
    call.table(_DISTRIBUTIONS)[id_] = {key: call.inputs[key] for key in (*_KEYS, "tags") if key in call.inputs}


def _outputs(found: Plain) -> Plain:
    return {**gives(found, arn="ARN", domainName="DomainName", status="Status"), "hostedZoneId": ZONE_OF_ALIASES}


def _refuse(call: Call, id_: str) -> None:
    """Refuse what CloudFront refuses: a name of another distribution, a certificate that it cannot use, no function."""
    names: list[str] = call.inputs.get("aliases") or []
    for other, known in call.table(_DISTRIBUTIONS).items():
        if taken := {*names} & {*(known.get("aliases") or [])} if other != id_ else None:
            raise UnsupportedError(f"CNAMEAlreadyExists: {', '.join(sorted(taken))} of {other}")
    arn = str(call.inputs["viewerCertificate"].get("acmCertificateArn", ""))
    if arn.split(":")[3:4] != [_CERTIFICATE_REGION]:
        raise UnsupportedError(f"InvalidViewerCertificate: {arn or 'none'} is not in {_CERTIFICATE_REGION}")
    found = call.do("DescribeCertificate", service="acm", region=_CERTIFICATE_REGION, CertificateArn=arn)["Certificate"]
    covered = {found["DomainName"], *found.get("SubjectAlternativeNames", ())}
    for name in names:
        if not {name, f"*.{name.partition('.')[2]}"} & covered:
            raise UnsupportedError(f"InvalidViewerCertificate: {arn} does not cover {name}")
    missing = {*_functions_of(call.inputs)} - {
        _function_outputs(call, known)["arn"] for known in call.table(_FUNCTIONS)
    }
    if missing:
        raise UnsupportedError(f"NoSuchFunctionExists: {', '.join(sorted(missing))}")


def _config(call: Call) -> Plain:
    """The configuration as the API takes it: lists with their number."""
    inputs = call.inputs
    behavior, certificate = inputs["defaultCacheBehavior"], inputs["viewerCertificate"]
    return {
        "CallerReference": digest(call.urn, 32),
        "Comment": inputs.get("comment", ""),
        "Enabled": inputs["enabled"],
        "Aliases": _list(inputs.get("aliases")),
        "HttpVersion": inputs.get("httpVersion", "http2"),
        "IsIPV6Enabled": inputs.get("isIpv6Enabled", False),
        "PriceClass": inputs.get("priceClass", "PriceClass_All"),
        "Origins": _list([_origin(origin) for origin in inputs["origins"]]),
        "DefaultCacheBehavior": {
            "TargetOriginId": behavior["targetOriginId"],
            "ViewerProtocolPolicy": behavior["viewerProtocolPolicy"],
            "AllowedMethods": {**_list(behavior["allowedMethods"]), "CachedMethods": _list(behavior["cachedMethods"])},
            "CachePolicyId": behavior["cachePolicyId"],
            "Compress": behavior.get("compress", False),
            "FunctionAssociations": _list(
                [
                    {"EventType": entry["eventType"], "FunctionARN": entry["functionArn"]}
                    for entry in behavior.get("functionAssociations") or []
                ]
            ),
        },
        "Restrictions": {
            "GeoRestriction": {"RestrictionType": inputs["restrictions"]["geoRestriction"]["restrictionType"]}
            | _list([])
        },
        "ViewerCertificate": {
            "ACMCertificateArn": certificate["acmCertificateArn"],
            "MinimumProtocolVersion": certificate["minimumProtocolVersion"],
            "SSLSupportMethod": certificate["sslSupportMethod"],
        },
    }


def _origin(origin: Plain) -> Plain:
    custom = origin["customOriginConfig"]
    return {
        "Id": origin["originId"],
        "DomainName": origin["domainName"],
        "CustomOriginConfig": {
            "HTTPPort": custom["httpPort"],
            "HTTPSPort": custom["httpsPort"],
            "OriginProtocolPolicy": custom["originProtocolPolicy"],
            "OriginSslProtocols": _list(custom["originSslProtocols"]),
        },
    }


def _list(items: list[Any] | None) -> Plain:
    return {"Quantity": len(items or []), "Items": items or []}


ADAPTERS = (
    Adapter(
        type="aws:cloudfront/function:Function",
        service="cloudfront",
        inputs=_FUNCTION_KEYS,
        create=_create_function,
        update=_update_function,
        updates=_FUNCTION_KEYS - words("name"),
        delete=_delete_function,
        find=_find_function,
    ),
    Adapter(
        type="aws:cloudfront/distribution:Distribution",
        service="cloudfront",
        inputs=_KEYS,
        create=_create_distribution,
        update=_update_distribution,
        updates=_KEYS,
        delete=_delete_distribution,
        find=_find_distribution,
    ),
)
