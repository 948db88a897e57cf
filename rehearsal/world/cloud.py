"""The stand-in for AWS: an empty moto server on loopback."""

from __future__ import annotations

import functools
import importlib
import logging
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import botocore.loaders
import moto.backends
import moto.core.loaders
import moto.core.responses
import moto.core.utils
import moto.iam.models
import moto.kms.models
import moto.kms.utils
import moto.rds.models
import moto.s3.models
import moto.settings
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.server import ThreadedMotoServer

from rehearsal.world.direct import ONE_AT_A_TIME, direct
from rehearsal.world.operator import stop_replication_to_replica

_SERVICES = tuple(moto.backends.list_of_moto_modules())
_MODELS = moto.core.loaders.create_loader()
_KEY = functools.cache(moto.kms.utils.generate_private_key)
_METHODS = functools.cache(moto.core.utils.method_names_from_class)


@contextmanager
def empty_account() -> Generator[str]:
    """The endpoint of an empty account.

    moto keeps one account per process: what an earlier test left is deleted first, and two accounts at a time would be
    the same one.
    """
    _spare_repeated_work()
    moto.s3.models.S3Backend.complete_multipart_upload = _complete_and_lock
    moto.rds.models.RDSBackend.modify_db_subnet_group = _modify_and_keep
    moto.settings.ACM_VALIDATION_WAIT = 0  # a certificate is issued when it is proved, which the stand-in looks at
    moto.rds.models.RDSBackend.promote_read_replica = _promote_and_part
    setattr(SecretsManagerResponse, "stop_replication_to_replica", stop_replication_to_replica)  # noqa: B010 - new
    DomainDispatcherApplication.__call__ = _answer_alone
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs a line per call otherwise
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        reset = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
        with urllib.request.urlopen(reset) as answer:
            answer.read()
        with direct(f"{host}:{port}"):
            yield f"http://{host}:{port}"
    finally:
        server.stop()


_OF_A_SITE = (
    "acm",
    "autoscaling",
    "cloudwatch",
    "ec2",
    "ecr",
    "eks",
    "elbv2",
    "events",
    "firehose",
    "logs",
    "rds",
    "secretsmanager",
    "sns",
    "wafv2",
)


def empty_region(account: str, region: str) -> None:
    """Let a region be as if its site had never been there.

    The copies that the other site owns there (buckets, vaults, keys, metrics) and the ledger's replica are left: they
    belong to other stacks, or to the service itself.
    """
    for service in _OF_A_SITE:
        moto.backends.get_backend(service)[account][region].reset()  # pyright: ignore[reportArgumentType]


def lose_buckets(which: Callable[[str], bool]) -> None:
    """Let buckets be gone with every object, also with locked ones, which no request can do."""
    for account in moto.s3.models.s3_backends.values():
        buckets = account["aws"].buckets
        for name in filter(which, [*buckets]):
            del buckets[name]


_complete: Callable[..., Any] = moto.s3.models.S3Backend.complete_multipart_upload


def _complete_and_lock(self: moto.s3.models.S3Backend, bucket_name: str, multipart_id: str, body: Any) -> Any:
    """Complete an upload and lock the object by the bucket's default, as S3 does. moto locks only what PutObject puts.

    Source: Amazon S3 User Guide, "Locking objects with Object Lock", default retention settings for buckets.
    """
    key, bucket = _complete(self, bucket_name, multipart_id, body), self.get_bucket(bucket_name)
    if key is not None and bucket.has_default_lock:
        key.lock_mode, key.lock_until = bucket.default_lock_mode, bucket.default_retention()
    return key


_modify: Callable[..., Any] = moto.rds.models.RDSBackend.modify_db_subnet_group


def _modify_and_keep(self: moto.rds.models.RDSBackend, subnet_name: str, *changes: Any, **more: Any) -> Any:
    """Change a subnet group. moto takes it out of its list for that, and does not put it back."""
    self.subnet_groups[subnet_name] = _modify(self, subnet_name, *changes, **more)
    return self.subnet_groups[subnet_name]


_promote = moto.rds.models.RDSBackend.promote_read_replica


def _promote_and_part(self: moto.rds.models.RDSBackend, db_kwargs: dict[str, Any]) -> Any:
    """Promote a replica, which then has no source any more. moto keeps it."""
    promoted = _promote(self, db_kwargs)
    promoted.source_db_instance_identifier = None
    return promoted


_answer: Callable[..., Any] = DomainDispatcherApplication.__call__


def _answer_alone(self: DomainDispatcherApplication, environ: dict[str, Any], start_response: Any) -> Any:
    """Answer one request at a time."""
    with ONE_AT_A_TIME:
        return _answer(self, environ, start_response)


_read: Callable[[str], Any] = functools.cache(botocore.loaders.JSONFileLoader().load_file)

_CALLED = (
    "acm", "amp", "backup", "cloudfront", "cloudwatch", "dynamodb", "ec2", "ecr", "eks", "elb", "elbv2", "events",
    "firehose", "iam", "kinesis", "kms", "logs", "rds", "route53", "s3", "secretsmanager", "sns", "wafv2",
)  # fmt: skip
"""The services that a rehearsal calls, and those that moto asks for them. One that is left out is read when needed."""


def prepare() -> None:
    """Read AWS's descriptions of its services and import moto's stand-ins, for the processes that are forked from this.

    No account is begun. Each rehearsal would otherwise spend seconds of processor time on the same.
    """
    _spare_repeated_work()
    loader = botocore.loaders.create_loader()
    for data in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(data)
    for service in _CALLED:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
        importlib.import_module(f"moto.{service}.urls")


def _spare_repeated_work() -> None:
    """Make moto and botocore do six things once that they otherwise repeat for each request, session, service or role.

    Each request lists moto's own folder, behind one lock, and the methods of a class. Each session of botocore reads
    the list of AWS's endpoints and the descriptions of the services that it calls; moto makes a session per service,
    and the world one per secret of a pod. Each service of moto reads the descriptions of all services. Each role
    searches every partition of AWS for its key, and parses AWS's managed policies once per partition; this project
    uses the partition `aws` only. Each key draws an RSA key that symmetric ones, the only ones here, do not use.
    Without this, a failback takes a quarter longer, and two sites are 800,000 objects instead of 500,000.
    """
    replacements: tuple[tuple[ModuleType | type, str, object], ...] = (
        (botocore.loaders.JSONFileLoader, "load_file", lambda _, path: _read(path)),
        (moto.backends, "list_of_moto_modules", lambda: _SERVICES),
        (moto.core.responses, "method_names_from_class", _METHODS),
        (moto.core.utils, "create_loader", lambda: _MODELS),
        (moto.iam.models, "PARTITION_NAMES", ["aws"]),
        (moto.kms.models, "generate_private_key", _KEY),
    )
    for module, name, value in replacements:
        setattr(module, name, value)
