"""Global resources of a site that is gone for good: its records are deleted, and the survivor adopts the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from procedures.access import Access
from procedures.readings import AbsentError
from recovery.naming import APPLICATION_SECRET, PASSWORD_SECRET, site_host
from stacks.config import SiteConfig

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_secretsmanager import SecretsManagerClient


def zone_of(route53: Route53Client, domain: str) -> str:
    """The id of the public zone of a domain, for the site that owns it: its file does not name it.

    Raises:
        AbsentError: if there is none, or more than one.
    """
    zones = route53.list_hosted_zones_by_name(DNSName=domain)["HostedZones"]
    mine = [zone["Id"] for zone in zones if zone["Name"].rstrip(".") == domain and not zone["Config"]["PrivateZone"]]
    if len(mine) != 1:
        raise AbsentError(f"Route 53 has {len(mine)} public zones of {domain}, expected one")
    return mine[0].rpartition("/")[2]


def delete_records_of(route53: Route53Client, zone_id: str, site: str, domain: str) -> list[str]:
    """Delete the records and the health checks of a site: another site gets its own. Those that are gone are no error.

    Returns:
        The names of the records, and the ids of the checks.
    """
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id)
    records = [
        record
        for page in pages
        for record in page["ResourceRecordSets"]
        if record.get("SetIdentifier") == site or record["Name"].rstrip(".") == site_host(site, domain)
    ]
    for record in records:
        change: Any = {"Action": "DELETE", "ResourceRecordSet": record}
        route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": [change]})
    checks = list(_checks_of(route53, site))
    for check in checks:
        route53.delete_health_check(HealthCheckId=check)
    return [*(record["Name"].rstrip(".") for record in records), *checks]


def _checks_of(route53: Route53Client, site: str) -> Iterator[str]:
    for page in route53.get_paginator("list_health_checks").paginate():
        for check in page["HealthChecks"]:
            found = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"])
            if {"Key": "lifeline:site", "Value": site} in found["ResourceTagSet"].get("Tags", []):
                yield check["Id"]


def adoption(access: Access, config: SiteConfig, former: SiteConfig, *, later: bool = False) -> dict[str, Any]:
    """The section `lifeline:adopted`. The replicas of both passwords become secrets of their own.

    Args:
        access: the account.
        config: of the site that adopts.
        former: of the site that owned them.
        later: whether the region of the ledger's other copy does not answer, so that the table is adopted later.

    Raises:
        AbsentError: if the page or a password is not found.
    """
    secrets = access.client("secretsmanager", config.region)
    adopted: dict[str, Any] = {
        "distributionId": distribution_of(access.client("cloudfront", config.region), config.domain)
    }
    for key, name, number in (
        ("ownerPassword", PASSWORD_SECRET, former.database.owner_password),
        ("applicationPassword", APPLICATION_SECRET, former.database.application_password),
    ):
        arn, version = separated(secrets, name, config.region)
        adopted[key] = {"secretArn": arn, "versionId": version, "number": number}
    return {**adopted, **({"ledger": "later"} if later else {})}


def separated(secrets: SecretsManagerClient, name: str, region: str) -> tuple[str, str]:
    """Make a replica a secret of its own, if it is one.

    Source: AWS Secrets Manager User Guide, "Promote a replica secret to a standalone secret".

    Returns:
        Its ARN, and the id of its current version.

    Raises:
        AbsentError: if it has none.
    """
    if secrets.describe_secret(SecretId=name).get("PrimaryRegion", region) != region:
        secrets.stop_replication_to_replica(SecretId=name)
    found = secrets.describe_secret(SecretId=name)
    current = [version for version, stages in found.get("VersionIdsToStages", {}).items() if "AWSCURRENT" in stages]
    if not current:
        raise AbsentError(f"{region}: {name} has no current version")
    return found["ARN"], current[0]


def distribution_of(cloudfront: CloudFrontClient, domain: str) -> str:
    """The id of the distribution with the page of the last resort.

    Raises:
        AbsentError: if there is none.
    """
    pages = cloudfront.get_paginator("list_distributions").paginate()
    found = [entry for page in pages for entry in page["DistributionList"].get("Items", ())]
    ids = [entry["Id"] for entry in found if domain in entry["Aliases"].get("Items", ())]
    if not ids:
        raise AbsentError(f"no distribution of CloudFront has the name {domain}")
    return ids[0]
