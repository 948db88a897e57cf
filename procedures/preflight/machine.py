"""The operator's machine: its programs, its credentials, and its login to the registry."""

from __future__ import annotations

import base64
import binascii
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import botocore.session
import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from procedures.access import Access
from procedures.checks import reason
from procedures.preflight.finding import Finding, aws, failed, impassable, passed, warned
from recovery.naming import registry
from stacks.config import SiteConfig

PROGRAMS = ("pulumi", "aws")
"""The engine; and the program that the kubeconfig of the cluster calls for a token."""
PLUGINS = {"aws": "pulumi-aws", "kubernetes": "pulumi-kubernetes", "eks": "pulumi-eks", "random": "pulumi-random"}
"""The providers, each with the distribution whose version it has."""
CHARTS = ("aws-load-balancer-controller", "cluster-autoscaler", "kube-prometheus-stack")
"""The charts that an `up` reads from the registry."""
_TIMEOUT = urllib3.Timeout(connect=2, read=3)
_NOT_THERE = ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError")


class Machine:
    """The machine that `lifeline` runs on, by its environment variables.

    Args:
        root: the folder with `Pulumi.yaml`.
        origin: returns the address under which a registry is asked.
    """

    def __init__(self, root: Path, origin: Callable[[str], str] = lambda host: f"https://{host}") -> None:
        self.root, self._origin = root, origin

    def login(self, access: Access, config: SiteConfig) -> Finding:
        """Whether the site's own STS knows the credentials as those of the account."""
        try:
            account = str(access.client("sts", config.region).get_caller_identity()["Account"])
        except (BotoCoreError, ClientError) as error:
            if type(error).__name__ in _NOT_THERE:
                return impassable(f"STS in {config.region} does not answer: {error}", "check the network")
            return failed(f"AWS does not know who you are: {reason(error)}", self._log_in(config.account))
        if account != config.account:
            return failed(f"the credentials are of the account {account}", self._log_in(config.account))
        return passed(f"account {account}")

    def sign_in(self, config: SiteConfig) -> Finding:
        """Whether credentials can be renewed while the other region is lost.

        Source: AWS SDKs and Tools Reference Guide, "AWS STS Regional endpoints" and "IAM Identity Center credential
        provider".
        """
        profile = self._profiles().get(os.environ.get("AWS_PROFILE", "default"), {})
        variable = "AWS_STS_REGIONAL_ENDPOINTS"
        mode = os.environ.get(variable) or profile.get(variable.removeprefix("AWS_").lower(), "regional")
        if mode == "legacy":
            return failed("the AWS SDK asks STS in us-east-1 for tokens", f"export {variable}=regional")
        if (region := profile.get("sso_region", config.region)) != config.region:
            return warned(f"credentials come from {region}", "use a role that does not need IAM Identity Center there")
        return passed("credentials do not need another region")

    def program(self, name: str) -> Finding:
        """Whether a program is on PATH."""
        if found := shutil.which(name):
            return passed(found)
        for folder in self._places():
            if shutil.which(name, path=str(folder)):
                return failed(f"{name} is not on PATH", f'export PATH={shlex.quote(str(folder))}:"$PATH"')
        return impassable(f"there is no {name}", "docs/runbooks/first-deployment.md names the programs")

    def plugin(self, name: str) -> Finding:
        """Whether the engine finds a provider without the internet.

        Source: pulumi/pulumi, `sdk/go/common/workspace/plugins.go`: the names of folders, and providers on PATH.
        """
        version = metadata.version(PLUGINS[name])
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        folder = home / "plugins" / f"resource-{name}-v{version}"
        if folder.is_dir() and not folder.with_name(f"{folder.name}.partial").exists():
            return passed(version)
        if found := shutil.which(f"pulumi-resource-{name}"):
            return passed(found)
        return failed(f"{name} {version} is not installed", f"pulumi plugin install resource {name} {version}")

    def registry(self, config: SiteConfig) -> Finding:
        """Whether the login to the registry of the region is valid, with which an `up` reads the charts.

        Source: Amazon ECR User Guide, "Private registry authentication", HTTP API authentication; helm/helm,
        `pkg/cli/environment.go`: the place of the file.
        """
        host = registry(account=config.account, region=config.region)
        fix = f"{aws('ecr', 'get-login-password', region=config.region)} | {_helm_login(host)}"
        place = self._helm_file()
        logins: dict[str, Any] = _read(place)
        if host in logins.get("credHelpers", {}) or logins.get("credsStore"):
            return warned("a credential helper has the login", fix)
        try:
            login = str(logins["auths"][host]["auth"])
            base64.b64decode(login, validate=True)
        except (KeyError, TypeError, binascii.Error):
            return failed(f"{place} has no login to {host}", fix)
        http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, headers={"Authorization": f"Basic {login}"})
        for chart in CHARTS:
            try:
                answer = http.request("GET", f"{self._origin(host)}/v2/charts/{chart}/tags/list")
            except HTTPError as error:
                return impassable(f"{host} does not answer: {error}", "check the network")
            if answer.status in (401, 403):
                return failed(f"the login to {host} is not valid: it lasts 12 hours", fix)
            if answer.status != 200:
                return impassable(f"{host} has no charts/{chart}", "docs/runbooks/first-deployment.md, step 3")
        return passed(f"{len(CHARTS)} charts at hand")

    def behind(self) -> str:
        """The command that brings the newest commit; empty if this folder is no clone that follows another one."""
        git = shutil.which("git")
        if git is None:
            return ""
        upstream = [git, "-C", str(self.root), "rev-parse", "--abbrev-ref", "@{upstream}"]
        found = subprocess.run(upstream, capture_output=True, text=True, check=False)
        return f"git -C {shlex.quote(str(self.root))} pull --ff-only" if found.returncode == 0 else ""

    def _log_in(self, account: str) -> str:
        """The command that gives this shell credentials of the account."""
        mine = os.environ.get("AWS_PROFILE", "default")
        found = [name for name, profile in self._profiles().items() if _is_of(profile, account)]
        if not found:
            return "aws configure sso"
        name = mine if mine in found else found[0]
        login = f"aws sso login --profile {shlex.quote(name)}"
        if name != mine:
            chosen = f"export AWS_PROFILE={shlex.quote(name)}"
            unset = "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
            return f"{unset}; {chosen}" + (f" && {login}" if "sso_account_id" in self._profiles()[name] else "")
        return login

    @staticmethod
    def _profiles() -> dict[str, dict[str, str]]:
        """The profiles of the AWS configuration, each with what its session of IAM Identity Center says."""
        config = botocore.session.Session().full_config
        sessions = cast("dict[str, dict[str, str]]", config.get("sso_sessions", {}))
        profiles = cast("dict[str, dict[str, str]]", config.get("profiles", {}))
        return {name: {**sessions.get(found.get("sso_session", ""), {}), **found} for name, found in profiles.items()}

    def _places(self) -> tuple[Path, ...]:
        """The folders in which installers put the programs."""
        home = Path.home()
        return (home / ".pulumi/bin", home / ".local/bin", Path("/usr/local/bin"), self.root / ".engine/bin")

    @staticmethod
    def _helm_file() -> Path:
        if named := os.environ.get("HELM_REGISTRY_CONFIG"):
            return Path(named)
        home = os.environ.get("HELM_CONFIG_HOME")
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return (Path(home) if home else Path(base) / "helm") / "registry/config.json"


def _is_of(profile: Mapping[str, str], account: str) -> bool:
    return profile.get("sso_account_id") == account or f"::{account}:" in profile.get("role_arn", "")


def _helm_login(host: str) -> str:
    return f"helm registry login --username AWS --password-stdin {host}"


def _read(place: Path) -> dict[str, Any]:
    try:
        found = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]
