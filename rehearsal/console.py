"""The account as an operator sees it, who reads what a scenario has left behind."""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any, cast

import boto3

from operations.backup_store import BackupStore
from recovery.naming import state_bucket, state_key
from rehearsal.offline import SiteWorld

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Console:
    """Clients of the account that no fault stops.

    Args:
        endpoint: the address of the account.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    @functools.cached_property
    def route53(self) -> Route53Client:
        """Route 53."""
        return self._client("route53")

    @functools.cached_property
    def cloudfront(self) -> CloudFrontClient:
        """CloudFront."""
        return self._client("cloudfront")

    @functools.cached_property
    def s3(self) -> S3Client:
        """S3."""
        return self._client("s3")

    def make_state_bucket(self, site: SiteWorld) -> str:
        """Make the bucket of the state of a site's stack, as docs/runbooks/first-deployment.md does; its name."""
        bucket = state_bucket(site.name, account=site.config.account)
        with contextlib.suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            place = cast("BucketLocationConstraintType", site.region)
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place})
        return bucket

    def save_state(self, site: SiteWorld) -> None:
        """Put the state of a site's stack into that bucket."""
        bucket = self.make_state_bucket(site)
        state = site.engine.checkpoint(site.name)
        self.s3.put_object(Bucket=bucket, Key=state_key(site.name), Body=state.encode())

    def store(self, bucket: str) -> BackupStore:
        """A bucket, as the jobs read it."""
        return BackupStore(self.s3, bucket)

    def text(self, bucket: str, key: str) -> str:
        """An object in a bucket, as text."""
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def write_log(self, site: SiteWorld, group: str, line: str) -> None:
        """Add a line to a log group of a site."""
        logs: CloudWatchLogsClient = self._client("logs", site.region)
        logs.create_log_stream(logGroupName=group, logStreamName="rehearsal")
        now = int(time.time() * 1000)
        logs.put_log_events(
            logGroupName=group, logStreamName="rehearsal", logEvents=[{"timestamp": now, "message": line}]
        )

    def secret(self, site: SiteWorld, name: str) -> str:
        """The present value of a secret in a site's region."""
        secrets: SecretsManagerClient = self._client("secretsmanager", site.region)
        return secrets.get_secret_value(SecretId=name)["SecretString"]

    def put_secret(self, site: SiteWorld, name: str, value: str) -> None:
        """Make a secret in a site's region."""
        secrets: SecretsManagerClient = self._client("secretsmanager", site.region)
        secrets.create_secret(Name=name, SecretString=value)

    def snapshots(self, site: SiteWorld) -> list[str]:
        """The names of the snapshots in a site's region."""
        rds: RDSClient = self._client("rds", site.region)
        return [entry.get("DBSnapshotIdentifier", "") for entry in rds.describe_db_snapshots()["DBSnapshots"]]

    def _client(self, service: Any, region: str = "us-east-1") -> Any:
        session = boto3.session.Session("rehearsal", "rehearsal")
        return session.client(service, region_name=region, endpoint_url=self._endpoint)
