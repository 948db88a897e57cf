"""IAM policy documents of the jobs that fence, hand over and keep a database, as plain data.

`ledger` is the ARN of the ledger's copy that the site uses.
"""

from __future__ import annotations

from components.permissions import Document, Statement, document, ledger_keys, read_password, statement
from recovery import naming


def fence(*, account: str, region: str, ledger: str, secrets_key_arn: str | None) -> Document:
    """The fence's pods: read claims, write handover records and ready marks, read the password."""
    return document(
        statement(
            "ReadClaims",
            ("dynamodb:GetItem", "dynamodb:BatchGetItem"),
            (ledger,),
            condition=ledger_keys("epoch#*", "handover#*"),
        ),
        statement(
            "NoteHandover", ("dynamodb:PutItem", "dynamodb:UpdateItem"), (ledger,), condition=ledger_keys("handover#*")
        ),
        statement("MarkReady", ("dynamodb:PutItem",), (ledger,), condition=ledger_keys("ready#*")),
        statement("NoteClosing", ("dynamodb:PutItem",), (ledger,), condition=ledger_keys("closed#*")),
        *read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def claim(*, account: str, region: str, ledger: str, site: str) -> Document:
    """The claim's pods: read and write claims, and see whether the replica exists. No other pod can write a claim."""
    return document(
        statement("Claim", ("dynamodb:GetItem", "dynamodb:PutItem"), (ledger,), condition=ledger_keys("epoch#*")),
        _read_instances(account=account, region=region, site=site),
    )


def crisis_review(*, ledger: str) -> Document:
    """The review's pods: read every item. A scan names no key, so no condition can leave the claims out."""
    return document(statement("ReadEvents", ("dynamodb:Scan",), (ledger,)))


def roles(*, account: str, region: str, secrets_key_arn: str | None) -> Document:
    """The pods that make the roles: read the passwords of the owner and of the application."""
    secrets = (naming.PASSWORD_SECRET, naming.APPLICATION_SECRET)
    return document(*read_password(account=account, region=region, secrets_key_arn=secrets_key_arn, secrets=secrets))


def switch(*, ledger: str) -> Document:
    """The switch's pods: read claims and ready marks."""
    return document(
        statement("ReadClaims", ("dynamodb:BatchGetItem",), (ledger,), condition=ledger_keys("epoch#*")),
        statement("ReadMarks", ("dynamodb:GetItem",), (ledger,), condition=ledger_keys("ready#*")),
    )


def handover(*, account: str, region: str, ledger: str, site: str, secrets_key_arn: str | None) -> Document:
    """The gate of a switchover: read and take the handover record, read claims, the replica's status, the password."""
    return document(
        statement("ReadHandover", ("dynamodb:GetItem",), (ledger,), condition=ledger_keys("epoch#*", "handover#*")),
        statement("TakeHandover", ("dynamodb:UpdateItem",), (ledger,), condition=ledger_keys("handover#*")),
        _read_instances(account=account, region=region, site=site),
        *read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def promotion_wait(*, account: str, region: str, ledger: str, secrets_key_arn: str | None) -> Document:
    """The wait before a promotion: read claims, closings, handover records and the password."""
    keys = ledger_keys("epoch#*", "closed#*", "handover#*")
    return document(
        statement("ReadClosing", ("dynamodb:GetItem",), (ledger,), condition=keys),
        *read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def promotion_snapshot(*, account: str, region: str, ledger: str, site: str, secrets_key_arn: str | None) -> Document:
    """The job that takes a snapshot after a promotion: read claims, the status and the password, and add snapshots.

    It can neither delete nor share a snapshot. Source: Service Authorization Reference, "Amazon RDS".
    """
    databases = naming.databases_arn(site, account=account, region=region)
    snapshots = databases.replace(":db:", ":snapshot:")
    return document(
        statement("ReadClaims", ("dynamodb:BatchGetItem",), (ledger,), condition=ledger_keys("epoch#*")),
        _read_instances(account=account, region=region, site=site),
        statement("FindSnapshot", ("rds:DescribeDBSnapshots",), (snapshots,)),
        statement("TakeSnapshot", ("rds:CreateDBSnapshot", "rds:AddTagsToResource"), (databases, snapshots)),
        *read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def _read_instances(*, account: str, region: str, site: str) -> Statement:
    databases = naming.databases_arn(site, account=account, region=region)
    return statement("ReadInstances", ("rds:DescribeDBInstances",), (databases,))
