"""IAM policy documents of the platform's services, as plain data: their events in the ledger, and what else they read.

The reasons for patterns among the resources are in `components.permissions.WILDCARD_REASONS`.
"""

from __future__ import annotations

from components.permissions import (
    APPLICATION_KEYS,
    LEDGER_READ,
    LEDGER_WRITE,
    Document,
    Statement,
    decrypt_objects,
    document,
    ledger_keys,
    read_password,
    statement,
)
from recovery import naming


def backend(*, account: str, region: str, ledger: str, secrets_key_arn: str | None) -> Document:
    """The backend's pods: the events in the ledger, and the copy of the database password in their own region.

    Args:
        account: twelve digits.
        region: the site's own region.
        ledger: the ARN of the ledger's copy that the site uses.
        secrets_key_arn: the key of the secret in this region; None for a replica, whose key is managed by AWS and needs
            no permission.
    """
    events = statement("UseLedger", (*LEDGER_READ, *LEDGER_WRITE), (ledger,), condition=ledger_keys(*APPLICATION_KEYS))
    password = read_password(
        account=account, region=region, secrets_key_arn=secrets_key_arn, secrets=(naming.APPLICATION_SECRET,)
    )
    return document(events, *password)


def crisis_detector(*, account: str, region: str, ledger: str, bucket: str) -> Document:
    """The crisis detector's pods: the events in the ledger, and every version of the model. They use no database.

    Source: Amazon S3 API Reference, GetObject: a request with a version id needs s3:GetObjectVersion.

    Args:
        account: twelve digits.
        region: the site's own region.
        ledger: the ARN of the ledger's copy that the site uses.
        bucket: the site's bucket of models.
    """
    return document(
        _put_and_get_events(ledger),
        statement("ReadModels", ("s3:GetObjectVersion",), (f"arn:aws:s3:::{bucket}/{naming.MODEL_KEY}",)),
        decrypt_objects("DecryptModels", {bucket: region}, account),
    )


def hotline_gateway(*, ledger: str) -> Document:
    """The hotline gateway's pods: put and get in the ledger."""
    return document(_put_and_get_events(ledger))


def _put_and_get_events(ledger: str) -> Statement:
    actions = ("dynamodb:GetItem", "dynamodb:PutItem")
    return statement("UseLedger", actions, (ledger,), condition=ledger_keys(*APPLICATION_KEYS))
