"""Pushing an export: to a Git server on this machine that wants a token."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from dulwich import porcelain
from dulwich.object_store import iter_tree_contents
from dulwich.objects import Commit
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain

from operations.version_control import PushError, Repository, push

BRANCH = "configuration-exports"
TOKEN = "the-token"
SOMEONE = b"Someone <someone@example.com>"


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Log nothing."""


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Repo]:
    """A repository whose branch has one file."""
    with porcelain.init(str(tmp_path / "seed")) as seed:
        (tmp_path / "seed" / "README").write_text("exports\n")
        porcelain.add(seed, [str(tmp_path / "seed" / "README")])
        porcelain.commit(seed, message="First", author=SOMEONE, committer=SOMEONE)
        porcelain.branch_create(seed, BRANCH)
    silent = porcelain.NoneStream()
    seed, bare = str(tmp_path / "seed"), str(tmp_path / "bare")
    with porcelain.clone(seed, bare, bare=True, errstream=silent, branch=BRANCH) as made:
        yield made


@pytest.fixture
def url(remote: Repo) -> Iterator[str]:
    """The address of the repository, behind a check of the token."""
    application: Callable[..., Iterable[bytes]] = make_wsgi_chain(DictBackend({"/": remote}))
    expected = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()

    def checked(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_AUTHORIZATION") != expected:
            start("401 Unauthorized", [("WWW-Authenticate", "Basic realm=git")])
            return [b""]
        return application(environ, start)

    server: WSGIServer = make_server("127.0.0.1", 0, checked, handler_class=Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def export(*names: str, images: str = "one\n") -> dict[str, str]:
    items = [{"kind": "ConfigMap", "metadata": {"name": name}} for name in names]
    return {"objects.json": json.dumps({"items": items}), "controlled.json": "{}", "images.txt": images}


def contents(remote: Repo) -> dict[str, str]:
    """The files of the branch."""
    commit = remote[remote.head()]
    assert isinstance(commit, Commit)
    entries = iter_tree_contents(remote.object_store, commit.tree)
    return {entry.path.decode(): remote[entry.sha].as_raw_string().decode() for entry in entries if entry.path}


def test_each_object_is_a_file_in_the_folder_of_its_site(remote: Repo, url: str) -> None:
    push(Repository(url, BRANCH, TOKEN), "primary", export("a", "system:b"))
    push(Repository(url, BRANCH, TOKEN), "secondary", export("c"))
    assert sorted(contents(remote)) == [
        "README",
        "primary/images.txt",
        "primary/objects/ConfigMap/a.json",
        "primary/objects/ConfigMap/system_b.json",
        "secondary/images.txt",
        "secondary/objects/ConfigMap/c.json",
    ]


def test_a_deleted_object_goes_and_a_changed_file_changes(remote: Repo, url: str) -> None:
    push(Repository(url, BRANCH, TOKEN), "primary", export("a", "b"))
    push(Repository(url, BRANCH, TOKEN), "primary", export("b", images="two\n"))
    files = contents(remote)
    assert "primary/objects/ConfigMap/a.json" not in files
    assert (files["primary/images.txt"], "primary/objects/ConfigMap/b.json" in files) == ("two\n", True)


def test_an_export_without_a_change_makes_no_commit(remote: Repo, url: str) -> None:
    first = push(Repository(url, BRANCH, TOKEN), "primary", export("a"))
    assert push(Repository(url, BRANCH, TOKEN), "primary", export("a")) == first


# dulwich leaves its connection open after an error. The job ends then.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        ({"token": "another"}, "HTTPUnauthorized"),
        ({"branch": "none"}, "is not a valid branch"),
        ({"url": "http://127.0.0.1:1/"}, "refused"),
    ],
)
def test_a_repository_that_refuses_is_named_without_the_token(
    url: str, repository: dict[str, str], reason: str
) -> None:
    with pytest.raises(PushError, match=reason) as refused:
        push(Repository(**{"url": url, "branch": BRANCH, "token": TOKEN} | repository), "primary", export("a"))
    assert TOKEN not in str(refused.value)
    assert TOKEN not in repr(Repository(url, BRANCH, TOKEN))
