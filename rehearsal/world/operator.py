"""Commands of the runbooks that an operator gives to AWS, besides `pulumi up`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import moto.secretsmanager.models

from recovery.naming import APPLICATION_SECRET, PASSWORD_SECRET, site_host
from rehearsal.world.faults import Faults

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_route53 import Route53Client


def stop_replication_to_replica(region: str, account: str, name: str, faults: Faults) -> tuple[str, str]:
    """Make a replica a secret of its own, as `aws secretsmanager stop-replication-to-replica` does; moto lacks it.

    The secret keeps its ARN, its versions and its tags, and the former original no longer reaches it.
    Source: AWS Secrets Manager User Guide, "Promote a replica secret to a standalone secret".

    Returns:
        The secret's ARN, and the id of its present version.

    Raises:
        RegionUnavailableError: if the region is lost.
    """
    faults.check("secretsmanager", region, "StopReplicationToReplica")
    secrets: Any = moto.secretsmanager.models.secretsmanager_backends[account][region].secrets
    replica = secrets[name]
    if not isinstance(replica, moto.secretsmanager.models.ReplicaSecret):
        raise TypeError(f"{name} in {region} is no replica")
    alone = copy.copy(replica.source)
    alone.arn, alone.region, alone.replicas = replica.arn, region, []
    alone.versions = copy.deepcopy(replica.source.versions)
    alone.kms_key_id = None
    replica.source.replicas.remove(replica)
    dict.pop(secrets, replica.arn, None)
    secrets[alone.arn] = alone
    return alone.arn, str(alone.default_version_id)


def separate_passwords(region: str, account: str, faults: Faults) -> dict[str, Any]:
    """Make the replicas of both passwords secrets of their own: `lifeline:adopted` as docs/runbooks/adopt.md writes it.

    Raises:
        RegionUnavailableError: if the region is lost.
    """
    adopted: dict[str, Any] = {}
    for key, name in (("ownerPassword", PASSWORD_SECRET), ("applicationPassword", APPLICATION_SECRET)):
        arn, version = stop_replication_to_replica(region, account, name, faults)
        adopted[key] = {"secretArn": arn, "versionId": version, "number": 1}
    return adopted


def distribution_of(cloudfront: CloudFrontClient, domain: str) -> str:
    """The id of the distribution with the page of the last resort, as docs/runbooks/adopt.md finds it."""
    pages = cloudfront.get_paginator("list_distributions").paginate()
    found = [entry for page in pages for entry in page["DistributionList"].get("Items", ())]
    (id_,) = [entry["Id"] for entry in found if domain in entry["Aliases"].get("Items", ())]
    return id_


def delete_records_of(route53: Route53Client, zone_id: str, site: str, domain: str) -> list[str]:
    """Delete the records and the health checks of a site that is gone for good: another site gets its own.

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
