"""Names that both sites can work out for themselves, so that neither has to read the other's stack.

A name that the peer refers to (a database ARN, the switch bucket, the ledger) is a pure function of configuration here,
and nowhere else. See docs/adr/0004-names-instead-of-references.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.timeline import DatabaseId

PROJECT = "lifeline"
NAMESPACE = "mental-health-platform"
CONFIG_MAP = "mental-health-app-config"
DATABASE_NAME = "mental_health_platform"
DATABASE_USER = "lifeline"
TAKEOVER_KEY = "takeover"
"""The object whose creation in the standby's own bucket moves traffic there."""

LEDGER_TABLE = f"{PROJECT}-crisis-ledger"
LEDGER_KEY = "pk"
PASSWORD_SECRET = f"{PROJECT}/database/password"


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The four tags that every taggable resource carries; tests and policies read them."""

    owner: str
    site: str

    def of(self, *, tier: str, data: str, name: str | None = None) -> dict[str, str]:
        """Tags for one resource.

        Args:
            tier: a tier's name of `recovery.objectives`, or `platform` for what all tiers stand on.
            data: `none`, `operational` (logs, metrics), `credentials` or `phi` (health information, HIPAA).
            name: the `Name` that AWS consoles show.
        """
        tags = {"lifeline:owner": self.owner, "lifeline:site": self.site, "lifeline:tier": tier, "lifeline:data": data}
        return tags if name is None else {"Name": name, **tags}

    def labels(self, *, tier: str, data: str) -> dict[str, str]:
        """The tags as labels of a Kubernetes object, where a prefix ends in a slash."""
        return {key.replace(":", "/"): value for key, value in self.of(tier=tier, data=data).items()}


def claim_key(epoch: int) -> str:
    """The ledger's key of one epoch's claim."""
    return f"epoch#{epoch}"


def handover_key(epoch: int) -> str:
    """The ledger's key of the position at which the leader of an epoch stopped for a handover."""
    return f"handover#{epoch}"


def database_identifier(database: DatabaseId) -> str:
    """The RDS instance identifier."""
    return f"{PROJECT}-{database}"


def database_arn(database: DatabaseId, *, account: str, region: str) -> str:
    """The ARN by which a replica in another region names its source."""
    return f"arn:aws:rds:{region}:{account}:db:{database_identifier(database)}"


def switch_bucket(site: str, *, account: str) -> str:
    """The bucket, in the site's own region, that holds its takeover object."""
    return f"{PROJECT}-{account}-{site}-switch"


def switch_bucket_host(site: str, *, account: str, region: str) -> str:
    """The regional name at which health checkers read the takeover object."""
    return f"{switch_bucket(site, account=account)}.s3.{region}.amazonaws.com"


def cluster_name(site: str, generation: int) -> str:
    """The EKS cluster's name; a rebuilt cluster is a new generation beside the failed one."""
    return f"{PROJECT}-{site}-{generation}"


def site_host(site: str, domain: str) -> str:
    """The name that reaches one site whatever its role: health checks and the peer's probes use it."""
    return f"{site}.{domain}"


def image(component: str, digest: str, *, account: str, region: str) -> str:
    """The image in the site's own registry: a recovery pulls nothing from another region."""
    return f"{account}.dkr.ecr.{region}.amazonaws.com/{component}@{digest}"


def ledger_arn(*, account: str, region: str) -> str:
    """The crisis ledger's replica in a region."""
    return f"arn:aws:dynamodb:{region}:{account}:table/{LEDGER_TABLE}"
