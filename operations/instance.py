"""The RDS instance of the site's own database: its status, and its snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.environment import Place
from operations.ledger import PATIENCE
from recovery.naming import database_identifier

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

AVAILABLE = "available"
"""RDS promotes and copies an instance in this status only. During a backup, the status is `backing-up`.

Source: Amazon RDS API reference, "PromoteReadReplica" and "CreateDBSnapshot", InvalidDBInstanceState.
"""


class InstanceUnknownError(ConnectionError):
    """RDS did not answer, or refused the question."""


class OwnInstance:
    """One RDS instance.

    Args:
        client: of RDS, in the instance's region.
        identifier: the instance's identifier.
    """

    def __init__(self, client: RDSClient, identifier: str) -> None:
        self._client = client
        self.identifier = identifier

    @classmethod
    def connect(cls, place: Place) -> Self:
        """The instance of a job's own database, with the credentials of the environment."""
        client = boto3.client("rds", region_name=place.region, config=PATIENCE)
        return cls(client, database_identifier(place.database))

    def exists(self) -> bool:
        """Whether there is such an instance.

        Raises:
            InstanceUnknownError: if RDS does not answer.
        """
        try:
            self._client.describe_db_instances(DBInstanceIdentifier=self.identifier)
        except ClientError as error:
            # Source: Amazon RDS API reference, "DescribeDBInstances", DBInstanceNotFound.
            if error.response.get("Error", {}).get("Code", "").startswith("DBInstanceNotFound"):
                return False
            raise InstanceUnknownError(str(error)) from error
        except BotoCoreError as error:
            raise InstanceUnknownError(str(error)) from error
        return True

    def status(self) -> str:
        """The status of the instance.

        Raises:
            InstanceUnknownError: if RDS does not answer.
        """
        try:
            answer = self._client.describe_db_instances(DBInstanceIdentifier=self.identifier)
        except (BotoCoreError, ClientError) as error:
            raise InstanceUnknownError(str(error)) from error
        return answer["DBInstances"][0].get("DBInstanceStatus", "unknown")

    def has_snapshot(self, name: str) -> bool:
        """Whether a snapshot of this name exists, finished or not.

        Raises:
            InstanceUnknownError: if RDS does not answer.
        """
        try:
            return bool(self._client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code", "").startswith("DBSnapshotNotFound"):
                return False
            raise InstanceUnknownError(str(error)) from error
        except BotoCoreError as error:
            raise InstanceUnknownError(str(error)) from error

    def take_snapshot(self, name: str, tags: Mapping[str, str]) -> None:
        """Begin a snapshot. RDS needs minutes to finish it.

        Raises:
            InstanceUnknownError: if RDS does not begin it.
        """
        try:
            self._client.create_db_snapshot(
                DBInstanceIdentifier=self.identifier,
                DBSnapshotIdentifier=name,
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        except (BotoCoreError, ClientError) as error:
            raise InstanceUnknownError(str(error)) from error
