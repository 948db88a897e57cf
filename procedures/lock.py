"""One operator at a time: an object beside the state of the stack names who works on a site, and since when.

Pulumi's own lock exists only while `pulumi up` runs. This one lasts from the edit of the file to the verification.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from procedures.access import Access, ProcedureError
from recovery.naming import PROJECT, state_bucket
from stacks.config import SiteConfig

KEY = f"{PROJECT}/operator.json"
"""Outside of `.pulumi/`, which is the engine's."""
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
"""The answers of S3 to `If-None-Match: *` if the object exists, to `If-Match` if it is another one, and to both if it
is being written. Source: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes"."""
_ABSENT = ("NoSuchKey", "404")


@dataclass(frozen=True)
class Operator:
    """Somebody who works on a site."""

    name: str
    """The session of the role in AWS."""
    machine: str
    process: int
    procedure: str
    since: str
    """The time in UTC, ISO 8601."""

    def __str__(self) -> str:
        return f"{self.name} on {self.machine}"

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended."""
        return has_ended(self.machine, self.process)


def has_ended(machine: str, process: int) -> bool:
    """Whether a process ran on this machine and has ended. Of another machine nothing is known.

    A process that has ended keeps its number until its parent asks for its exit code, which the first process of a
    container may never do.
    """
    if machine != socket.gethostname():
        return False
    if process == os.getpid():  # the number of a run before this one
        return True
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:  # it is another user's
        return False


class Lock:
    """The lock of one site.

    Args:
        access: reaches the bucket of the stack's state.
        config: of the site.
    """

    def __init__(self, access: Access, config: SiteConfig) -> None:
        self._access, self._config = access, config
        self._bucket = state_bucket(config.site, account=config.account)

    @contextmanager
    def held(self, procedure: str) -> Generator[Operator | None]:
        """Hold the lock while the block lasts. It takes over from a process of this machine that was killed.

        Yields:
            The operator whose killed process had it, if there is one.

        Raises:
            ProcedureError: if another operator has it, or the bucket does not answer.
        """
        mine = self._me(procedure)
        killed = None
        if not self._put(mine, IfNoneMatch="*"):
            killed, tag = self._read()
            if killed is not None:
                self.refuse_unless_gone(killed)
            # Of two runs that find the same killed one, one takes over.
            if not self._put(mine, **({"IfNoneMatch": "*"} if killed is None else {"IfMatch": tag})):
                raise ProcedureError(f"{self._config.site}: another operator was faster", "run it again")
        try:
            yield killed
        finally:
            self.clear()

    def holder(self) -> Operator | None:
        """The one who has the lock; None if it is free.

        Raises:
            ProcedureError: if the bucket does not answer.
        """
        return self._read()[0]

    def refuse_unless_gone(self, holder: Operator) -> None:
        """Refuse to go on while another operator may still work.

        Raises:
            ProcedureError: if the holder's process is not known to have ended.
        """
        if not holder.is_gone:
            raise ProcedureError(
                f"{self._config.site}: {holder} runs 'lifeline {holder.procedure}' since {holder.since}",
                f"ask {holder.name}. If that run has ended for certain: {self.removal}",
            )

    def _read(self) -> tuple[Operator | None, str]:
        """The holder, and the ETag of the note."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=KEY)
            return Operator(**json.loads(answer["Body"].read())), str(answer["ETag"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return None, ""
            raise self._unreadable(error) from error
        except (BotoCoreError, ValueError, TypeError) as error:
            raise self._unreadable(error) from error

    @property
    def removal(self) -> str:
        """The command that removes the lock of a machine that is gone."""
        return f"aws s3 rm 's3://{self._bucket}/{KEY}' --region {self._config.region}"

    def clear(self) -> None:
        """Free the lock, whoever has it.

        Raises:
            ProcedureError: if the bucket does not answer.
        """
        try:
            self._s3.delete_object(Bucket=self._bucket, Key=KEY)
        except (BotoCoreError, ClientError) as error:
            raise self._unreadable(error) from error

    def _put(self, operator: Operator, **condition: str) -> bool:
        body = json.dumps(asdict(operator)).encode()
        try:
            self._s3.put_object(Bucket=self._bucket, Key=KEY, Body=body, **condition)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in (*_TAKEN, *_ABSENT):
                return False
            raise self._unreadable(error) from error
        except BotoCoreError as error:
            raise self._unreadable(error) from error
        return True

    @property
    def _s3(self) -> Any:
        return self._access.client("s3", self._config.region)

    def _me(self, procedure: str) -> Operator:
        since = self._access.now().isoformat(timespec="seconds")
        return Operator(self._name(), socket.gethostname(), os.getpid(), procedure, since)

    def _name(self) -> str:
        """The session of the role, as the region's own STS knows it."""
        try:
            arn = str(self._access.client("sts", self._config.region).get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError) as error:
            hint = "log in to the account (AWS_PROFILE, or aws sso login), and run it again"
            raise ProcedureError(f"AWS does not know who you are: {error}", hint) from error
        return f"{arn.rpartition('/')[2]} ({getpass.getuser()})"

    def _unreadable(self, error: Exception) -> ProcedureError:
        hint = f"aws s3 ls 's3://{self._bucket}' --region {self._config.region}"
        return ProcedureError(f"the bucket of the state, {self._bucket}, does not answer: {error}", hint)
