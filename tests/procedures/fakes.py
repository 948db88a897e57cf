"""A stack and an account for procedures, without the offline world. As a module, it plays one until it is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from engine.deployment import Step
from engine.up import UpResult
from procedures.access import Workload
from procedures.emergency import change
from procedures.failback import fail_back
from procedures.failover import config_of, fail_over
from procedures.rebuild import NewSite, rebuild
from procedures.reconcile import reachable
from procedures.reseed import reseed
from procedures.restore import restore
from procedures.resume import resume
from procedures.switchover import switch_over
from procedures.web import Web
from recovery.naming import state_bucket, state_key
from stacks.config import SiteConfig, parse
from stacks.stackfile import StackFile


@dataclass
class FileStack:
    """A stack whose deployed configuration is kept in a file beside the stack file."""

    path: Path
    file: StackFile = field(init=False)

    def __post_init__(self) -> None:
        self.file = StackFile(self.path)

    def up(self, on_step: Callable[[Step], None]) -> UpResult:
        """Save the configuration as deployed: one step if it changes."""
        config = json.dumps(StackFile(self.path).config)
        deployed = self.path.with_suffix(".deployed")
        steps = [] if deployed.exists() and deployed.read_text() == config else [Step("update", "a", "b")]
        for step in steps:
            on_step(step)
        deployed.write_text(config)
        return UpResult(tuple(steps), {})


@dataclass
class MotoAccess:
    """An account in moto."""

    endpoint: str
    name: str = "operator"
    regions: list[str] = field(default_factory=list[str])

    @property
    def web(self) -> Web:
        """Not used."""
        raise NotImplementedError

    def client(self, service: Any, region: str) -> Any:
        """A client."""
        self.regions.append(region)
        return boto3.session.Session(self.name, "test").client(service, region, endpoint_url=self.endpoint)

    def workloads(self, config: SiteConfig) -> tuple[Workload, ...]:
        """Not used."""
        raise NotImplementedError(config.site)

    def firing(self, config: SiteConfig) -> frozenset[str]:
        """Not used."""
        raise NotImplementedError(config.site)

    def addresses(self, host: str) -> frozenset[str]:
        """Not used."""
        raise NotImplementedError(host)

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Not at all."""


@dataclass
class Notes:
    """A report that keeps what is said, and kills its process after a step."""

    killed_after: int = -1
    """The place of the step in all steps."""
    said: list[str] = field(default_factory=list[str])
    steps: list[str] = field(default_factory=list[str])

    def say(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)

    def step(self, step: Step) -> None:
        """Not kept."""

    def done(self, name: str) -> None:
        """Keep the name, or end the process without any clean-up."""
        self.steps.append(name)
        if len(self.steps) - 1 == self.killed_after:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class StateStack(FileStack):
    """A stack whose state in the bucket is repaired as the engine does it."""

    access: MotoAccess

    def cancel(self) -> None:
        """Remove the lock."""
        for entry in self._s3.list_objects_v2(Bucket=self._bucket, Prefix=".pulumi/locks/").get("Contents", ()):
            self._s3.delete_object(Bucket=self._bucket, Key=entry["Key"])

    def refresh(self, urns: Sequence[str]) -> None:
        """No operation on these is pending any more, and none of them has a source."""
        key = state_key(config_of(self).site)
        state = json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        latest = state["checkpoint"]["latest"]
        pending = latest.get("pending_operations", ())
        latest["pending_operations"] = [entry for entry in pending if entry["resource"]["urn"] not in urns]
        for resource in latest["resources"]:
            if resource["urn"] in urns:
                resource.get("outputs", {}).pop("replicateSourceDb", None)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(state).encode())

    @property
    def _bucket(self) -> str:
        config = config_of(self)
        return state_bucket(config.site, account=config.account)

    @property
    def _s3(self) -> Any:
        return self.access.client("s3", config_of(self).region)


def play(procedure: str, folder: Path, access: MotoAccess, report: Notes) -> None:
    """A procedure between the stacks in a folder: the primary leads first."""
    primary, secondary = (FileStack(folder / f"Pulumi.{name}.yaml") for name in ("primary", "secondary"))
    match procedure:
        case "failover":
            fail_over(secondary, access, report)
        case "switchover":
            switch_over(primary, secondary, access, report)
        case "failback":
            fail_back(primary, secondary, access, report)
        case "rebuild":
            lost = parse(StackFile(folder / "Pulumi.primary.yaml").config, stack="primary")
            rebuild(secondary, lost, NewSite("tertiary", "10.30.0.0/16"), access, report)
        case "restore":
            restore(primary, {"pointInTime": "latest"}, access, report)
        case "resume":
            resume(StateStack(secondary.path, access), access, report)
        case "reconcile":
            with reachable(primary, 1, access, report):
                report.done("list")
        case "emergency":
            change(primary, {"readOnly": True, "crisisReplicas": 10}, access, report)
        case _:
            reseed(primary, config_of(secondary), access, report)


if __name__ == "__main__":
    name, endpoint, place, last = sys.argv[1:]
    play(name, Path(place), MotoAccess(endpoint), Notes(killed_after=int(last)))
