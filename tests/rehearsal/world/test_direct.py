"""AWS's answers without a connection are those with one."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import moto.dynamodb.models
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import URLLib3Session

from rehearsal.world import direct
from rehearsal.world.cloud import empty_account

BUCKET, KEY = "a-bucket", "a folder/ü+&?%41"
OTHER_PROCESS = """
import sys, boto3
s3 = boto3.client("s3", "eu-west-1", endpoint_url=sys.argv[1], aws_access_key_id="a", aws_secret_access_key="b")
print(*[bucket["Name"] for bucket in s3.list_buckets()["Buckets"]])
"""

Client = Callable[[str], Any]


@pytest.fixture
def address() -> Iterator[str]:
    with empty_account() as url:
        yield url


@pytest.fixture
def client(address: str) -> Client:
    session: Any = boto3.session.Session("rehearsal", "rehearsal", region_name="eu-west-1")
    return lambda service: session.client(service, endpoint_url=address)


@pytest.fixture
def bucket(client: Client) -> Any:
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return s3


@pytest.fixture(params=["direct", "connected"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way in turn: what passes with a connection has to pass without one."""
    if request.param == "connected":
        monkeypatch.setattr(direct, "_applications", {})
    return str(request.param)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that were sent over a connection."""
    sent = list[str]()

    def send(session: URLLib3Session, request: Any) -> Any:
        sent.append(request.method)
        return original(session, request)

    original = direct._send
    monkeypatch.setattr(direct, "_send", send)
    return sent


@pytest.mark.usefixtures("either")
def test_an_object_is_found_by_its_name_with_its_metadata(bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key=KEY, Body="wörds", Metadata={"of-the-author": "x"}, Tagging="a=b%2Bc")
    found = bucket.get_object(Bucket=BUCKET, Key=KEY)
    assert (found["Body"].read().decode(), found["Metadata"]) == ("wörds", {"of-the-author": "x"})
    assert bucket.get_object_tagging(Bucket=BUCKET, Key=KEY)["TagSet"] == [{"Key": "a", "Value": "b+c"}]
    assert bucket.head_object(Bucket=BUCKET, Key=KEY)["ContentLength"] == len("wörds".encode())
    assert [entry["Key"] for entry in bucket.list_objects_v2(Bucket=BUCKET, Prefix="a folder/")["Contents"]] == [KEY]


@pytest.mark.usefixtures("either")
def test_an_arn_in_a_path_is_found(client: Client) -> None:
    backup = client("backup")
    arn = backup.create_backup_vault(BackupVaultName="vault", BackupVaultTags={"a": "b"})["BackupVaultArn"]
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"a": "b"}


@pytest.mark.usefixtures("either")
def test_a_refusal_is_the_services_own(client: Client, bucket: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        bucket.get_object(Bucket=BUCKET, Key="none")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client("dynamodb").get_item(TableName="none", Key={"id": {"S": "1"}})
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        client("rds").describe_db_instances(DBInstanceIdentifier="none")


@pytest.mark.usefixtures("either")
def test_an_error_in_moto_is_an_error_of_the_service(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto.dynamodb.models.DynamoDBBackend, "list_tables", lambda *_: 1 / 0)
    with pytest.raises(ClientError, match="500"):
        client("dynamodb").list_tables()


def test_only_an_object_that_is_stored_needs_a_connection(client: Client, bucket: Any, connections: list[str]) -> None:
    """botocore sends it as a stream. Its metadata may have names that only moto's server keeps."""
    assert client("iam").list_roles()["Roles"] == []
    assert connections == []
    bucket.put_object(Bucket=BUCKET, Key="stream", Body=io.BytesIO(b"stream"), Metadata={"of_the_author": "x"})
    assert connections == ["PUT"]
    found = bucket.get_object(Bucket=BUCKET, Key="stream")
    assert (found["Body"].read(), found["Metadata"]) == (b"stream", {"of_the_author": "x"})
    assert connections == ["PUT"]


@pytest.mark.usefixtures("bucket")
def test_another_process_sees_the_same_account(address: str) -> None:
    listed = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, address], capture_output=True, text=True, check=True, timeout=60
    )
    assert listed.stdout.split() == [BUCKET]


def test_an_account_that_has_ended_answers_nothing() -> None:
    with empty_account() as url:
        s3 = boto3.session.Session("rehearsal", "rehearsal").client("s3", "eu-west-1", endpoint_url=url)
        assert s3.list_buckets()["Buckets"] == []
    with pytest.raises(EndpointConnectionError):
        s3.list_buckets()
