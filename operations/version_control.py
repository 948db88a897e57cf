"""Push an export of the configuration to a branch of a Git repository, over HTTPS with a token."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from dulwich import porcelain
from dulwich.client import HTTPUnauthorized
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.repo import Repo

from operations.configuration import CONTROLLED, OBJECTS
from operations.job import JobFailedError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

AUTHOR = b"Lifeline <configuration-export@lifeline.invalid>"
USER = "x-access-token"
"""The user of a token. GitHub wants this one, other hosts take any."""
_SILENT = porcelain.NoneStream()
"""dulwich writes its progress to it. Standard output has one line of JSON per event."""
_ERRORS = (
    GitProtocolError,
    HTTPUnauthorized,
    NotGitRepository,
    porcelain.Error,
    urllib3.exceptions.HTTPError,
    KeyError,
    OSError,
    ValueError,  # a branch that does not exist
)
"""The errors of dulwich, which have no common class."""


class PushError(JobFailedError):
    """The repository did not answer, or refused."""


@dataclass(frozen=True)
class Repository:
    """A branch, which must exist."""

    url: str
    branch: str
    token: str = field(repr=False)


def read_token(region: str, secret: str) -> str:
    """The token in a secret of AWS Secrets Manager.

    Raises:
        PushError: if it cannot be read.
    """
    client: SecretsManagerClient = boto3.client("secretsmanager", region_name=region)
    try:
        return client.get_secret_value(SecretId=secret)["SecretString"].strip()
    except (BotoCoreError, ClientError, KeyError) as error:
        raise PushError(f"the token in {secret} cannot be read: {error}") from error


def push(repository: Repository, site: str, files: Mapping[str, str]) -> str:
    """Replace the folder of a site by an export, one file per object. Returns the commit, or the old one if equal.

    Raises:
        PushError: if the repository did not take it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="repository-") as folder:
            return _push(repository, site, files, Path(folder))
    except _ERRORS as error:
        raise PushError(f"{repository.url}, branch {repository.branch}: {type(error).__name__} {error}") from error


def _push(repository: Repository, site: str, files: Mapping[str, str], folder: Path) -> str:
    url, branch, token = repository.url, repository.branch, repository.token
    with porcelain.clone(
        url, str(folder), branch=branch, depth=1, errstream=_SILENT, username=USER, password=token
    ) as clone:
        last = clone.head()
        _replace(folder / site, files)
        _stage(clone, folder, site)
        if not any(porcelain.status(clone).staged.values()):
            return last.decode()
        commit = porcelain.commit(clone, message=f"Export the configuration of {site}", author=AUTHOR, committer=AUTHOR)
        target = f"HEAD:refs/heads/{branch}"
        porcelain.push(clone, url, target, outstream=io.BytesIO(), errstream=_SILENT, username=USER, password=token)
    return commit.decode()


def _replace(folder: Path, files: Mapping[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in files.items():
        if name == OBJECTS:
            for entry in json.loads(text)["items"]:
                _write_object(folder / "objects", entry)
        elif name != CONTROLLED:
            (folder / name).write_text(text)


def _write_object(folder: Path, entry: Mapping[str, Any]) -> None:
    place = folder / str(entry["kind"])
    place.mkdir(parents=True, exist_ok=True)
    text = json.dumps(entry, indent=1, sort_keys=True)
    # A name may have a colon, as that of a Role may: Git on Windows refuses it.
    (place / f"{str(entry['metadata']['name']).replace(':', '_')}.json").write_text(f"{text}\n")


def _stage(clone: Repo, folder: Path, site: str) -> None:
    status = porcelain.status(clone, untracked_files="all")
    gone = [name.decode() for name in status.unstaged if not (folder / name.decode()).exists()]
    if gone:
        porcelain.remove(clone, paths=[str(folder / name) for name in gone], cached=True)
    present = [str(path) for path in (folder / site).rglob("*") if path.is_file()]
    porcelain.add(clone, paths=present)
