"""AWS as a pod sees it: one ledger in two regions, and no answer from lost regions."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.world import direct
from rehearsal.world import gateway as gateway_module
from rehearsal.world.cloud import empty_account
from rehearsal.world.direct import Answer
from rehearsal.world.faults import SLOW_SECONDS, Faults, Impairment
from rehearsal.world.gateway import AwsGateway
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.permissions import Received
from tests.rehearsal.world.tables import make_ledger

EAST, WEST, WITNESS = "us-east-2", "us-west-2", "us-east-1"
BUCKET = "lifeline-switch"
ONCE = Config(retries={"total_max_attempts": 1})

Clients = Callable[..., Any]


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with empty_account() as url:
        yield url


@pytest.fixture(scope="module")
def client(upstream: str) -> Iterator[Clients]:
    """Clients of any service, region and endpoint."""
    session = boto3.session.Session("rehearsal", "rehearsal")
    with ExitStack() as stack:

        def make(service: str, region: str, endpoint: str = upstream) -> Any:
            made: Any = session.client(service, region, endpoint_url=endpoint, config=ONCE)  # pyright: ignore[reportCallIssue, reportArgumentType]
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def tables(client: Clients) -> Iterator[None]:
    for region in (EAST, WEST):
        make_ledger(client("dynamodb", region))
    yield
    for region in (EAST, WEST):
        client("dynamodb", region).delete_table(TableName=LEDGER_TABLE)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def gateway(upstream: str, tables: None, faults: Faults) -> Iterator[str]:
    ledger = GlobalTable(replicas=(EAST, WEST), witness=WITNESS, faults=faults)
    with AwsGateway(upstream, faults=faults, ledger=ledger, refusal=lambda caller, received: None) as running:
        yield running.url


@pytest.fixture
def east(client: Clients, gateway: str) -> Any:
    return client("dynamodb", EAST, gateway)


@pytest.fixture
def west(client: Clients, gateway: str) -> Any:
    return client("dynamodb", WEST, gateway)


@pytest.fixture
def bucket(client: Clients, gateway: str) -> Any:
    """An S3 client through the gateway, and the bucket that it reaches."""
    direct = client("s3", EAST)
    with suppress(direct.exceptions.BucketAlreadyOwnedByYou):
        direct.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": EAST})
    return client("s3", EAST, gateway)


def put(ledger: Any, key: str, value: str = "x") -> None:
    ledger.put_item(TableName=LEDGER_TABLE, Item={LEDGER_KEY: {"S": key}, "value": {"S": value}})


def got(ledger: Any, key: str) -> str | None:
    answer = ledger.get_item(TableName=LEDGER_TABLE, Key={LEDGER_KEY: {"S": key}}, ConsistentRead=True)
    return answer["Item"]["value"]["S"] if "Item" in answer else None


def error(refusal: ClientError) -> dict[str, Any]:
    return dict(refusal.response.get("Error", {}))


def test_what_is_put_in_one_region_is_read_in_the_other(east: Any, west: Any) -> None:
    put(east, "handover#1", "0/1")
    assert got(west, "handover#1") == "0/1"
    put(west, "handover#1", "0/2")
    assert got(east, "handover#1") == "0/2"


def batch(ledger: Any, *keys: str, **words: Any) -> Any:
    """The items with some keys by one call, or the words of its refusal."""
    request = {"Keys": [{LEDGER_KEY: {"S": key}} for key in keys], "ConsistentRead": True, **words}
    try:
        answer = ledger.batch_get_item(RequestItems={LEDGER_TABLE: request})
    except ClientError as refusal:
        return error(refusal)
    return sorted(answer["Responses"][LEDGER_TABLE], key=lambda item: item[LEDGER_KEY]["S"]), answer["UnprocessedKeys"]


ONLY_KEYS = {"ProjectionExpression": "#key", "ExpressionAttributeNames": {"#key": LEDGER_KEY}}


@pytest.mark.parametrize("words", [{}, ONLY_KEYS], ids=["whole items", "only keys"])
@pytest.mark.parametrize(
    "keys", [["claim#1"], ["claim#1", "none", "claim#2"], ["none"], ["twice", "twice"], list(map(str, range(101)))]
)
def test_many_items_are_read_as_moto_answers(
    east: Any, client: Clients, monkeypatch: pytest.MonkeyPatch, keys: list[str], words: dict[str, Any]
) -> None:
    client("dynamodb", EAST).put_item(
        TableName=LEDGER_TABLE, Item={LEDGER_KEY: {"S": "claim#1"}, "epoch": {"N": "1"}, "sites": {"SS": ["a", "b"]}}
    )
    put(east, "claim#2", "0/1")
    asked: list[str] = []

    def counted(address: str, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
        asked.append(target)
        return direct.ask(address, method, target, headers, body)

    monkeypatch.setattr(gateway_module, "ask", counted)
    assert batch(east, *keys, **words) == batch(client("dynamodb", EAST), *keys, **words)
    is_valid = len(keys) <= 100 and len(set(keys)) == len(keys)
    assert len(asked) == (0 if is_valid and not words else 1)


def test_many_items_of_a_table_that_is_lost_are_refused(east: Any, client: Clients) -> None:
    client("dynamodb", EAST).delete_table(TableName=LEDGER_TABLE)
    try:
        assert batch(east, "claim#1") == batch(client("dynamodb", EAST), "claim#1")
    finally:
        make_ledger(client("dynamodb", EAST))


def test_what_is_updated_in_one_region_is_read_in_the_other(east: Any, west: Any) -> None:
    put(east, "handover#1", "drained")
    update(west, "handover#1", "taken", unless="taken")
    assert got(east, "handover#1") == "taken"


def update(ledger: Any, key: str, value: str, *, unless: str) -> None:
    ledger.update_item(
        TableName=LEDGER_TABLE,
        Key={LEDGER_KEY: {"S": key}},
        UpdateExpression="SET #value = :value",
        ConditionExpression="#value <> :unless",
        ExpressionAttributeNames={"#value": "value"},
        ExpressionAttributeValues={":value": {"S": value}, ":unless": {"S": unless}},
    )


def test_of_two_updates_that_exclude_each_other_in_two_regions_one_succeeds(east: Any, west: Any) -> None:
    def change(region: Any, value: str, unless: str) -> bool:
        try:
            update(region, "handover#2", value, unless=unless)
        except ClientError:
            return False
        return True

    for _ in range(20):
        put(east, "handover#2", "drained")
        with ThreadPoolExecutor(2) as pool:
            taken = pool.submit(change, west, "taken", "withdrawn")
            withdrawn = pool.submit(change, east, "withdrawn", "taken")
        assert [taken.result(), withdrawn.result()].count(True) == 1
        assert got(east, "handover#2") == got(west, "handover#2") == ("taken" if taken.result() else "withdrawn")


def test_a_put_that_is_refused_is_carried_nowhere(east: Any, west: Any) -> None:
    put(east, "epoch#2", "first")
    with pytest.raises(ClientError) as refused:
        west.put_item(
            TableName=LEDGER_TABLE,
            Item={LEDGER_KEY: {"S": "epoch#2"}, "value": {"S": "second"}},
            ConditionExpression="attribute_not_exists(pk)",
        )
    assert error(refused.value)["Code"] == "ConditionalCheckFailedException"
    assert got(east, "epoch#2") == "first"


def test_a_put_that_is_refused_where_nothing_is_keeps_its_own_answer(east: Any) -> None:
    with pytest.raises(ClientError) as refused:
        east.put_item(
            TableName=LEDGER_TABLE,
            Item={LEDGER_KEY: {"S": "epoch#2"}},
            ConditionExpression="attribute_exists(pk)",
        )
    assert error(refused.value)["Code"] == "ConditionalCheckFailedException"


def test_a_lost_region_is_a_broken_connection_and_not_an_answer(east: Any, west: Any, faults: Faults) -> None:
    put(east, "handover#1")
    faults.lose(EAST)
    with pytest.raises(ConnectionClosedError):
        got(east, "handover#1")
    assert got(west, "handover#1") == "x"


def test_what_a_lost_region_is_told_is_written_nowhere(east: Any, west: Any, faults: Faults) -> None:
    faults.lose(EAST)
    with pytest.raises(ConnectionClosedError):
        put(east, "handover#1")
    faults.restore(EAST)
    assert (got(east, "handover#1"), got(west, "handover#1")) == (None, None)


def test_a_region_that_comes_back_has_what_it_missed(east: Any, west: Any, faults: Faults) -> None:
    faults.lose(EAST)
    put(west, "epoch#2", "secondary-1")
    faults.restore(EAST)
    assert got(east, "epoch#2") == "secondary-1"


def test_a_throttled_service_refuses_in_the_words_that_clients_try_again_for(
    east: Any, west: Any, faults: Faults
) -> None:
    faults.impair("dynamodb", EAST, Impairment.THROTTLED)
    with pytest.raises(ClientError) as refused:
        put(east, "epoch#1")
    assert error(refused.value)["Code"] == "ThrottlingException"
    assert got(west, "epoch#1") is None


def test_an_impaired_service_is_a_broken_connection_in_its_region_only(east: Any, west: Any, faults: Faults) -> None:
    faults.impair("dynamodb", EAST)
    with pytest.raises(ConnectionClosedError):
        got(east, "epoch#1")
    put(west, "epoch#1")
    faults.restore(EAST)
    assert got(east, "epoch#1") == "x"


def test_a_slow_service_answers_late(east: Any, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("rehearsal.world.faults.time.sleep", waits.append)
    faults.impair("dynamodb", EAST, Impairment.SLOW)
    put(east, "epoch#1")
    assert (got(east, "epoch#1"), waits) == ("x", [SLOW_SECONDS] * 2)


def test_without_a_majority_the_ledger_answers_nobody(west: Any, faults: Faults) -> None:
    faults.lose(EAST)
    faults.lose(WITNESS)
    with pytest.raises(ConnectionClosedError):
        got(west, "epoch#1")
    with pytest.raises(ConnectionClosedError):
        put(west, "epoch#1")
    faults.restore(WITNESS)
    assert got(west, "epoch#1") is None


def test_the_ledgers_majority_is_nothing_to_other_services(client: Clients, gateway: str, faults: Faults) -> None:
    faults.lose(EAST)
    faults.lose(WITNESS)
    assert "Buckets" in client("s3", WEST, gateway).list_buckets()


def test_a_control_plane_is_lost_with_its_home(client: Clients, gateway: str, faults: Faults) -> None:
    faults.lose_control_planes()
    with pytest.raises(ConnectionClosedError):
        client("iam", WEST, gateway).list_roles()


def test_objects_come_and_go_through_the_gateway(bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key="page", Body=b"a page\n")
    assert bucket.get_object(Bucket=BUCKET, Key="page")["Body"].read() == b"a page\n"
    assert bucket.head_object(Bucket=BUCKET, Key="page")["ContentLength"] == len(b"a page\n")
    assert bucket.delete_object(Bucket=BUCKET, Key="page")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(ClientError) as absent:
        bucket.head_object(Bucket=BUCKET, Key="page")
    assert error(absent.value)["Code"] == "404"


def test_a_buckets_lost_region_is_a_broken_connection(bucket: Any, faults: Faults) -> None:
    faults.lose(EAST)
    with pytest.raises(ConnectionClosedError):
        bucket.head_object(Bucket=BUCKET, Key="page")


def test_status_and_headers_are_the_stand_ins_own(client: Clients, bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key="kept", Body=b"x", Metadata={"epoch": "2"}, ContentType="text/plain")
    metas = [
        reader.head_object(Bucket=BUCKET, Key="kept")["ResponseMetadata"] for reader in (client("s3", EAST), bucket)
    ]
    changing = {"date", "server", "connection", "x-amzn-requestid", "x-amz-request-id"}
    direct, passed = (
        {key: value for key, value in meta["HTTPHeaders"].items() if key not in changing} for meta in metas
    )
    assert passed == direct
    assert passed["x-amz-meta-epoch"] == "2"
    assert metas[1]["HTTPStatusCode"] == 200


def test_an_error_keeps_its_code_and_its_words(client: Clients, gateway: str) -> None:
    errors: list[dict[str, Any]] = []
    for endpoint in ((), (gateway,)):
        with pytest.raises(ClientError) as refused:
            client("dynamodb", EAST, *endpoint).describe_table(TableName="nowhere")
        errors.append(error(refused.value))
    assert errors[0] == errors[1]
    assert errors[1]["Code"] == "ResourceNotFoundException"


def test_a_pod_keeps_its_connection(gateway: str, tables: None) -> None:
    scope = f"AWS4-HMAC-SHA256 Credential=pod/20260101/{EAST}/dynamodb/aws4_request, Signature=0"
    headers = {"Authorization": scope, "X-Amz-Target": "DynamoDB_20120810.ListTables"}
    with closing(http.client.HTTPConnection(urlsplit(gateway).netloc, timeout=10)) as connection:
        sockets = []
        for _ in range(2):
            connection.request("POST", "/", b"{}", headers)
            answer = connection.getresponse()
            assert (answer.status, LEDGER_TABLE in answer.read().decode()) == (200, True)
            sockets.append(connection.sock)
    assert sockets[0] is sockets[1] is not None


def test_a_closed_gateway_answers_nobody(client: Clients, upstream: str, tables: None, faults: Faults) -> None:
    ledger = GlobalTable(replicas=(EAST, WEST), witness=WITNESS, faults=faults)
    with AwsGateway(upstream, faults=faults, ledger=ledger, refusal=lambda caller, received: None) as running:
        reader = client("dynamodb", EAST, running.url)
        assert got(reader, "epoch#1") is None
    with pytest.raises(EndpointConnectionError):
        got(reader, "epoch#1")


@pytest.fixture
def closed(upstream: str, tables: None, faults: Faults) -> Iterator[str]:
    """A gateway that refuses every pod but one."""

    def refusal(caller: str, received: Received) -> str | None:
        return None if caller == "allowed" else f"{caller} may not {received.method}"

    ledger = GlobalTable(replicas=(EAST, WEST), witness=WITNESS, faults=faults)
    with AwsGateway(upstream, faults=faults, ledger=ledger, refusal=refusal) as running:
        yield running.url


@pytest.mark.parametrize("service", ["dynamodb", "s3", "secretsmanager"])
def test_a_pod_that_may_not_call_gets_the_refusal_of_the_service(client: Clients, closed: str, service: str) -> None:
    calls = {
        "dynamodb": lambda made: put(made, "epoch#1"),
        "s3": lambda made: made.put_object(Bucket=BUCKET, Key="k", Body=b"x"),
        "secretsmanager": lambda made: made.get_secret_value(SecretId="s"),
    }
    with pytest.raises(ClientError) as refused:
        calls[service](client(service, EAST, closed))
    assert error(refused.value)["Code"] in {"AccessDenied", "AccessDeniedException"}
    assert error(refused.value)["Message"].startswith("rehearsal may not P")


def test_a_refused_call_changes_nothing_and_an_allowed_one_does(client: Clients, closed: str) -> None:
    with suppress(ClientError):
        put(client("dynamodb", EAST, closed), "epoch#1")
    assert got(client("dynamodb", WEST), "epoch#1") is None
    allowed = boto3.client(
        "dynamodb", EAST, endpoint_url=closed, aws_access_key_id="allowed", aws_secret_access_key="x", config=ONCE
    )
    put(allowed, "epoch#1")
    assert got(client("dynamodb", WEST), "epoch#1") == "x"
