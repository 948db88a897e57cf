"""The global resources, as a stack that adopts them finds them, and as it declares them."""

from __future__ import annotations

from typing import Any

PAGE = {"distributionId": "E1PA6EF0RAWARE"}
"""The lines about the page of the last resort."""
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:lifeline/database/"
ADOPTED: dict[str, Any] = PAGE | {
    key: {"secretArn": f"{SECRET}{name}-AbCdEf", "versionId": "11111111-2222-3333-4444-555555555555", "number": 1}
    for key, name in (("ownerPassword", "password"), ("applicationPassword", "application"))
}
"""The global resources, as a stack that adopts them finds them."""
RECORDS = [f"{name}-{end}" for name in ("apex", "fallback", "www") for end in ("first", "otherwise")]
GLOBALS = [
    "cloudfront/distribution:Distribution last-resort-distribution",
    "cloudfront/function:Function last-resort-function",
    "dynamodb/table:Table ledger-table",
    *(f"route53/record:Record last-resort-{name}" for name in RECORDS),
    "route53/record:Record zone-issuers",
    "route53/zone:Zone zone-zone",
    *(
        f"secretsmanager/{kind} {name}"
        for kind, suffix in (("secret:Secret", "secret"), ("secretVersion:SecretVersion", "version"))
        for name in (f"password-{suffix}", f"application-password-{suffix}")
    ),
]
CERTIFICATE = [
    "acm/certificate:Certificate last-resort-certificate",
    "acm/certificateValidation:CertificateValidation last-resort-validation",
]
"""Each owner makes its own."""
GLOBAL_COMPONENTS = [
    "index:DatabasePassword application-password",
    "index:DatabasePassword password",
    "index:LastResort last-resort",
    "index:Ledger ledger",
    "index:Zone zone",
]
