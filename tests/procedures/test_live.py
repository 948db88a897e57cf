"""The live access: the platform by HTTP, and the API server of a cluster with a token of AWS."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from procedures import cluster, live
from procedures.access import ProcedureError, Workload
from procedures.live import LiveWeb
from procedures.web import RefusedError, accept_of
from tests.serving import say, serving


def web(origin: str) -> LiveWeb:
    return LiveWeb(lambda _: origin)


def test_an_answer_is_read_and_a_redirection_followed() -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        if request.path == "/old":
            say(request, 307, Location="/new")
        else:
            length = int(request.headers.get("Content-Length", 0))
            say(request, 200, {"path": request.path, "body": json.loads(request.rfile.read(length))})

    with serving(answer) as origin:
        assert web(origin).send("h", "POST", "/old", {"id": "1"}) == {"path": "/new", "body": {"id": "1"}}


def test_a_refusal_and_a_silence_are_two_things() -> None:
    refused = pytest.raises(RefusedError, match=r'503: "no"')
    with serving(lambda request: say(request, 503, "no")) as origin, refused:
        web(origin).send("h", "GET", "/")
    with pytest.raises(ConnectionError):
        web(origin).send("h", "GET", "/")


def test_a_write_is_sent_again_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        seen.append(request.rfile.read(int(request.headers["Content-Length"])))
        say(request, 200 if len(seen) == 3 else 500, {"id": "7"})

    monkeypatch.setattr(live, "BACKOFF_SECONDS", (0, 0, 0))
    with serving(answer) as origin:
        assert web(origin).insist("h", "POST", "/", {"id": "7"}) == {"id": "7"}
    assert [json.loads(body) for body in seen] == [{"id": "7"}] * 3


@pytest.mark.parametrize("is_right", [True, False])
def test_a_web_socket_opens_with_the_servers_proof(*, is_right: bool) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        accept = accept_of(request.headers["Sec-WebSocket-Key"]) if is_right else "x"
        say(request, 101, Sec_WebSocket_Accept=accept, Upgrade="websocket", Connection="Upgrade")

    with serving(answer) as origin:
        if is_right:
            web(origin).open_socket("h", "/ws")
        else:
            with pytest.raises(RefusedError, match="no WebSocket is opened"):
                web(origin).open_socket("h", "/ws")


@dataclass
class Eks:
    """EKS, with one cluster."""

    endpoint: str
    authority: str

    def describe_cluster(self, name: str) -> dict[str, Any]:
        """The cluster."""
        assert name == "lifeline-secondary-1"
        return {"cluster": {"endpoint": self.endpoint, "certificateAuthority": {"data": self.authority}}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of the loopback address, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + private)
    return file


def workloads(origin: str, certificate: Path) -> tuple[Workload, ...]:
    authority = base64.b64encode(certificate.read_bytes().partition(b"-----BEGIN PRIVATE")[0]).decode()
    session = boto3.session.Session("a", "b")
    return cluster.workloads(session, Eks(origin, authority), "us-west-2", "lifeline-secondary-1")


def test_the_deployments_are_read_with_a_token_that_names_the_cluster(certificate: Path) -> None:
    tokens: list[str] = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        tokens.append(request.headers["Authorization"].removeprefix("Bearer k8s-aws-v1."))
        assert request.path == "/apis/apps/v1/namespaces/mental-health-platform/deployments"
        item = {"metadata": {"name": "backend"}, "spec": {"replicas": 5}, "status": {"readyReplicas": 4}}
        say(request, 200, {"items": [item, {"metadata": {"name": "frontend"}, "spec": {"replicas": 2}}]})

    with serving(answer, certificate) as origin:
        assert workloads(origin, certificate) == (Workload("backend", 5, 4), Workload("frontend", 2, 0))
    url = urlsplit(base64.urlsafe_b64decode(tokens[0] + "==").decode())
    assert (url.scheme, url.netloc) == ("https", "sts.us-west-2.amazonaws.com")
    query = parse_qs(url.query)
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]


def test_a_role_without_an_access_entry_is_told_so(certificate: Path) -> None:
    refused = pytest.raises(ProcedureError, match="list-access-entries --region us-west-2")
    with serving(lambda request: say(request, 401), certificate) as origin, refused:
        workloads(origin, certificate)
    with pytest.raises(ConnectionError, match="the API server of lifeline-secondary-1 does not answer"):
        workloads(origin, certificate)
