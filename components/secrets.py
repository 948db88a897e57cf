"""The password of the database's owner, created once and stored in both regions."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components.site import Site
from recovery.naming import PASSWORD_SECRET

PASSWORD_LENGTH = 48
"""Characters. Letters and digits only: RDS refuses `/`, `"`, `@` and spaces, and a URL needs no escapes."""

RECOVERY_WINDOW_DAYS = 30
"""The longest time for which Secrets Manager allows a deletion to be cancelled."""


@dataclass(frozen=True, kw_only=True)
class DatabasePasswordArgs:
    """The regions and the key of the password's secret."""

    peer_region: str
    """The region of the secret's replica, which has the same name: a flip must not need this region."""
    key_arn: pulumi.Input[str]
    """The key in this region. The replica uses `aws/secretsmanager` of its region, because the peer's key is created
    later."""
    site: Site


class DatabasePassword(pulumi.ComponentResource):
    """A random password, in a secret that contains only the password."""

    value: pulumi.Output[str]
    """The password. `RandomPassword` marks it, and every value derived from it, as secret."""

    def __init__(self, name: str, args: DatabasePasswordArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DatabasePassword", name, {}, opts)
        protected = pulumi.ResourceOptions(parent=self, protect=args.site.protect)
        password = random.RandomPassword(f"{name}-random", length=PASSWORD_LENGTH, special=False, opts=protected)
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            name=PASSWORD_SECRET,
            description="Password of the database's owner",
            kms_key_id=args.key_arn,
            recovery_window_in_days=RECOVERY_WINDOW_DAYS,
            replicas=[{"region": args.peer_region}],
            tags=args.site.tags.of(tier="data", data="credentials", name=PASSWORD_SECRET),
            opts=protected,
        )
        aws.secretsmanager.SecretVersion(
            f"{name}-version",
            secret_id=secret.id,
            secret_string=password.result,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.value = password.result
        self.register_outputs({})
