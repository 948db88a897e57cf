"""A run that dies after a change and before its checkpoint, and the run after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.deployment import Deployment, Difference, Step
from engine.monitor import DeploymentError, Registered
from engine.registration import Registration
from engine.replacement import changed_keys, forced_paths
from engine.state import Resource, State
from rehearsal.providers.aws.backend import AwsBackend
from rehearsal.providers.server import refreshed
from tests.rehearsal.providers.aws.test_rds import INSTANCE, Databases
from tests.rehearsal.providers.aws.world import urn


class Killed(BaseException):
    """Ends the process. Nothing may handle it."""


class Mortal(State):
    """A state whose process dies just before a result is saved."""

    def __init__(self, path: Path, *, dies: bool) -> None:
        super().__init__(path)
        self._dies = dies

    def end(self, urn: str, resource: Resource | None) -> None:
        if self._dies:
            raise Killed
        super().end(urn, resource)


class Provider:
    """The AWS stand-in as the engine uses it, without the wire protocol."""

    def __init__(self, backend: AwsBackend) -> None:
        self.backend = backend

    def configure(self, settings: dict[str, Any]) -> None:
        raise NotImplementedError

    def another(self) -> Provider:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def check(self, urn: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return new

    def diff(self, urn: str, resource: Resource, new: dict[str, Any], ignore: tuple[str, ...]) -> Difference:
        forced = forced_paths(resource.inputs, new, self.backend.replaces(resource.type))
        return Difference(tuple(changed_keys(resource.inputs, new, ignore)), tuple(forced))

    def create(self, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return self._told(lambda: self.backend.create(urn.split("::")[-2], urn, inputs))

    def update(self, urn: str, resource: Resource, inputs: dict[str, Any]) -> dict[str, Any]:
        return self._told(
            lambda: self.backend.update(resource.type, urn, resource.id, resource.inputs, inputs, resource.outputs)
        )

    def delete(self, urn: str, resource: Resource) -> None:
        raise NotImplementedError

    def read(self, urn: str, id_: str) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        raise NotImplementedError

    def construct(self, registration: Registration, monitor: str) -> Registered:
        raise NotImplementedError

    @staticmethod
    def _told(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            raise DeploymentError(str(error)) from error


class Stack:
    """One resource, and the results of successive runs."""

    def __init__(self, folder: Path, backend: AwsBackend, type_: str) -> None:
        self.state_file = folder / "state.json"
        self.provider = Provider(backend)
        self.type = type_
        self.urn = urn("only", type_)

    def up(self, inputs: dict[str, Any], *, dies: bool = False) -> list[Step]:
        deployment = Deployment(Mortal(self.state_file, dies=dies), {"aws": self.provider})
        deployment.register(
            Registration(type=self.type, name="only", urn=self.urn, parent="", custom=True, remote=False, inputs=inputs)
        )
        return deployment.steps

    def dies_after(self, inputs: dict[str, Any]) -> None:
        with pytest.raises(Killed):
            self.up(inputs, dies=True)


@pytest.fixture
def stack(tmp_path, world):
    return lambda type_: Stack(tmp_path, world.west, type_)


def test_a_promotion_that_was_not_written_down_is_an_error_until_that_one_resource_is_read_again(stack, world):
    """`pulumi refresh --target`, which reads one resource and asks neither Route 53 nor IAM."""
    databases = Databases(world)
    replica = stack(INSTANCE)
    replica.up(databases.replica_inputs)
    replica.dies_after(databases.promoted_inputs)
    with pytest.raises(DeploymentError, match="is not a read replica"):
        replica.up(databases.promoted_inputs)
    state = State(replica.state_file)
    resource = state.resources[replica.urn]
    now = world.west.read(INSTANCE, replica.urn, resource.id, resource.outputs)
    resource.inputs, resource.outputs = refreshed(resource.inputs, resource.outputs, now), now
    state.end(replica.urn, resource)
    assert replica.up(databases.promoted_inputs) == []
