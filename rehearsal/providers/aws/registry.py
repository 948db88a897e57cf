"""Every adapter, by resource type."""

from __future__ import annotations

from types import ModuleType

from rehearsal.providers.aws import (
    acm,
    alarms,
    amp,
    backup_vaults,
    cloudfront,
    dynamodb,
    ec2,
    ecr,
    eks,
    eks_access,
    elbv2,
    firehose,
    health_checks,
    iam,
    kms,
    logs,
    rds,
    rds_groups,
    route53,
    s3,
    secretsmanager,
    security_groups,
    vpc_encryption,
    wafv2,
)
from rehearsal.providers.aws.adapter import Adapter

_MODULES: tuple[ModuleType, ...] = (
    acm,
    alarms,
    amp,
    backup_vaults,
    cloudfront,
    dynamodb,
    ec2,
    ecr,
    eks,
    eks_access,
    elbv2,
    firehose,
    health_checks,
    iam,
    kms,
    logs,
    rds,
    rds_groups,
    route53,
    s3,
    secretsmanager,
    security_groups,
    vpc_encryption,
    wafv2,
)

ADAPTERS: dict[str, Adapter] = {adapter.type: adapter for module in _MODULES for adapter in module.ADAPTERS}
