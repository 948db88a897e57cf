"""The image of the jobs: what its Dockerfile installs is what a pod needs, and its packages run in a clean environment.

No container engine is needed. A test cannot prove that the base image and Debian's packages install.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.kube import once
from operations.__main__ import JOBS
from recovery.timeline import DatabaseId
from rehearsal.world import binaries
from stacks.sections import DatabaseConfig
from tests.harness import ROOT, stack_config

FOLDER = ROOT / "images" / "operations"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
BUNDLE = FOLDER / "rds-global-bundle.pem"


class Image:
    """The image's Python packages and sources, installed into a folder."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        self._python = folder / "venv" / "bin" / "python"
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        subprocess.run([self._python, *install, "-r", FOLDER / "requirements.txt"], check=True)
        self._app = folder / "app"
        for source in re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE):
            shutil.copytree(ROOT / source, self._app / source, ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A job, with nothing of this machine's environment but what is given."""
        command = [str(self._python), "-m", "operations", *words]
        return subprocess.run(command, cwd=self._app, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


@pytest.mark.slow
def test_it_gives_an_overview_of_all_jobs(image: Image) -> None:
    done = image.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in JOBS if not re.search(rf"^  {name} +\S", done.stdout, re.MULTILINE)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_each_job_explains_itself(image: Image, name: str) -> None:
    done = image.run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == JOBS[name].__doc__


def client() -> tuple[str, str]:
    """The folder and the major version of a PostgreSQL client of this machine."""
    folder = binaries.programs()
    done = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True)
    return str(folder), re.findall(r"\d+", done.stdout)[0]


@pytest.mark.slow
def test_the_self_check_passes_with_a_client_of_the_right_version(image: Image) -> None:
    folder, major = client()
    done = image.run("self-check", PATH=folder, PG_MAJOR=major, PGSSLROOTCERT=str(BUNDLE))
    assert (done.returncode, json.loads(done.stdout)["step"]) == (0, "self-check passed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ({"PG_MAJOR": "12"}, "expected major version 12"),
        ({"PATH": "/nowhere"}, "pg_dump does not run"),
        ({"PGSSLROOTCERT": "/nowhere/bundle.pem"}, "is not a file of certificate authorities"),
        ({"PGSSLROOTCERT": os.devnull}, "is not a file of certificate authorities"),
    ],
)
def test_the_self_check_names_each_thing_that_is_wrong(image: Image, broken: dict[str, str], problem: str) -> None:
    folder, major = client()
    done = image.run("self-check", **{"PATH": folder, "PG_MAJOR": major, "PGSSLROOTCERT": str(BUNDLE), **broken})
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert {line["step"] for line in lines} == {"self-check failed"}
    assert problem in lines[0]["problem"]


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_the_programs_have_the_major_version_of_the_server(stack: str) -> None:
    configured = stack_config(stack)["lifeline:database"].get("engineVersion", DatabaseConfig().engine_version)
    major = str(configured).split(".")[0]
    assert re.findall(r"postgresql-(?:client-)?(\d+)=(\d+)\.", DOCKERFILE) == [(major, major)] * 2
    assert re.findall(r"/usr/lib/postgresql/(\d+)/bin", DOCKERFILE) == [major]
    assert re.findall(r"^ENV PG_MAJOR=(\d+)$", DOCKERFILE, re.MULTILINE) == [major]


def test_a_pod_finds_the_certificate_authorities_where_the_image_has_them() -> None:
    (path,) = re.findall(r"^COPY images/operations/rds-global-bundle\.pem (\S+)$", DOCKERFILE, re.MULTILINE)
    leader = DatabaseId("primary", 1)
    manifest = once.handover(image="operations@sha256:1", ending_epoch=1, leader=leader, accept_loss=False, labels={})
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    assert {"name": "PGSSLROOTCERT", "value": path} in container["env"]
    assert f"PGSSLROOTCERT={path}" in DOCKERFILE


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_the_bundle_has_the_valid_authorities_of_the_region(stack: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=BUNDLE)
    names = [
        name
        for authority in context.get_ca_certs()
        if ssl.cert_time_to_seconds(str(authority["notAfter"])) > time.time()
        for name in re.findall(r"'commonName', '([^']+)'", str(authority["subject"]))
    ]
    valid = set(names)
    assert len(valid) == BUNDLE.read_text().count("BEGIN CERTIFICATE")
    region = stack_config(stack)["aws:region"]
    assert {f"Amazon RDS {region} Root CA {kind} G1" for kind in ("RSA2048", "RSA4096", "ECC384")} <= valid


def test_the_image_runs_as_an_ordinary_user_from_a_base_that_is_pinned_by_digest() -> None:
    assert [user for user in re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) if user != "0:0"] == ["10001:10001"]
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert [base for base in bases if not re.search(r"@sha256:[0-9a-f]{64}$", base)] == []


def test_the_image_has_the_versions_that_the_project_is_tested_with() -> None:
    pins = {name: _pins(ROOT / name) for name in ("requirements.txt", "images/operations/requirements.txt")}
    image, project = pins["images/operations/requirements.txt"], pins["requirements.txt"]
    assert {name: version for name, version in image.items() if project.get(name) != version} == {}
    assert {"boto3", "psycopg", "psycopg-binary"} <= image.keys()


def _pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^ ;\\]+)", path.read_text(), re.MULTILINE))
