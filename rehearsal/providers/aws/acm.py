"""Certificates validated by DNS.

The validation records are computed here and not taken from moto. On AWS they depend on the account and the domain only,
are equal in every region, and a wildcard shares its parent's record.
Source: AWS Certificate Manager User Guide, "DNS validation".
"""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.backend import Plain, UnsupportedError, digest


def _proof(call: Call, domain: str) -> Plain:
    bare = domain.removeprefix("*.")
    seed = f"{call.account}/{bare}"
    return {
        "domainName": domain,
        "resourceRecordName": f"_{digest(seed, 32)}.{bare}.",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": f"_{digest(seed + '/value', 32)}.{digest(seed + '/zone', 10)}.acm-validations.aws.",
    }


def _request(call: Call) -> Created:
    keys = ("domainName", "validationMethod", "subjectAlternativeNames", "keyAlgorithm", "tags")
    arn: str = call.send("RequestCertificate", keys)["CertificateArn"]
    names: dict[str, None] = dict.fromkeys(
        [call.inputs["domainName"], *(call.inputs.get("subjectAlternativeNames") or [])]
    )
    proofs = [_proof(call, name) for name in names]
    record_names = sorted({proof["resourceRecordName"].rstrip(".") for proof in proofs})
    call.table("acm-proofs")[arn] = record_names
    return arn, {"arn": arn, "domainValidationOptions": proofs, "status": "PENDING_VALIDATION"}


def _validate(call: Call) -> Created:
    """The provider's own check: each validation record of the certificate exists."""
    arn: str = call.inputs["certificateArn"]
    call.clients.ask("acm", call.region, "DescribeCertificate")
    passed = {name.rstrip(".") for name in call.inputs.get("validationRecordFqdns") or []}
    missing = [name for name in call.table("acm-proofs").get(arn, []) if passed and name not in passed]
    if missing:
        raise UnsupportedError(
            f"{arn}: certificate needs {', '.join(missing)} to be set but only {sorted(passed)} was passed"
        )
    return arn, {}


ADAPTERS = (
    Adapter(
        type="aws:acm/certificate:Certificate",
        service="acm",
        inputs=words("domainName validationMethod subjectAlternativeNames keyAlgorithm"),
        create=_request,
        delete=remover("DeleteCertificate", CertificateArn="id"),
    ),
    Adapter(
        type="aws:acm/certificateValidation:CertificateValidation",
        service="acm",
        inputs=words("certificateArn validationRecordFqdns"),
        create=_validate,
    ),
)
