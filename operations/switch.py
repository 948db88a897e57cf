"""The site's takeover object. While it exists, web traffic goes to the site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.ledger import PATIENCE
from recovery.naming import TAKEOVER_KEY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = {"404", "NoSuchKey", "NotFound"}


class SwitchUnreachableError(ConnectionError):
    """The switch's bucket did not answer."""


class OwnSwitch:
    """The bucket in the site's own region."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @classmethod
    def connect(cls, region: str, bucket: str) -> Self:
        """The bucket in a region, with the credentials of the environment."""
        return cls(boto3.client("s3", region_name=region, config=PATIENCE), bucket)

    def release(self) -> bool:
        """Delete the takeover object. Returns whether it existed.

        Raises:
            SwitchUnreachableError: if the bucket does not answer.
        """
        try:
            self._client.head_object(Bucket=self._bucket, Key=TAKEOVER_KEY)
            self._client.delete_object(Bucket=self._bucket, Key=TAKEOVER_KEY)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return False
            raise SwitchUnreachableError(str(error)) from error
        except BotoCoreError as error:
            raise SwitchUnreachableError(str(error)) from error
        return True
