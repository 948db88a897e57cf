"""The bucket of a load balancer's access logs: who asked for what, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.bucket import Bucket, BucketArgs
from components.permissions import Statement, statement
from components.site import Site
from recovery.naming import access_log_bucket

KEEP_DAYS = 365
DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class AccessLogsArgs:
    """The site whose load balancer writes."""

    site: Site


class AccessLogs(Bucket):
    """A bucket in the load balancer's region, to which Elastic Load Balancing adds a file every five minutes.

    It has S3's own keys, because Elastic Load Balancing writes with no other. An address in a log tells that a person
    asked for help, so the logs are health information.
    Source: Elastic Load Balancing, Application Load Balancers, "Enable access logs for your Application Load Balancer".
    """

    TYPE: ClassVar[str] = "lifeline:index:AccessLogs"

    def __init__(self, name: str, args: AccessLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self._site = args.site
        bucket = BucketArgs(
            bucket=access_log_bucket(args.site.name, account=args.site.account),
            region=args.site.region,
            keep_days={"AWSLogs/": KEEP_DAYS},
            tier="platform",
            data="phi",
            site=args.site,
        )
        super().__init__(name, bucket, opts)

    def _statements(self, args: BucketArgs) -> tuple[Statement, ...]:
        objects = f"arn:aws:s3:::{args.bucket}/AWSLogs/{self._site.account}/*"
        delivery = statement("WriteAccessLogs", ("s3:PutObject",), (objects,)) | {"Principal": {"Service": DELIVERY}}
        return (*super()._statements(args), delivery)
