"""The rules of the in-process engine, with a provider that is a dictionary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.deployment import Deployment, Difference, Step
from engine.monitor import DeploymentError, Registered
from engine.registration import Registration, urn
from engine.replacement import changed_keys
from engine.state import Resource, State


class Dictionary:
    """A provider whose resources are a dictionary; a change of `name` forces a replacement."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.checked: list[dict[str, Any]] = []
        self.broken: str = ""
        self.settings: dict[str, Any] | None = None
        self.others: list[Dictionary] = []

    def configure(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def another(self) -> Dictionary:
        instance = Dictionary()
        self.others.append(instance)
        return instance

    def close(self) -> None:
        self.settings = None

    def check(self, urn: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        self.checked.append(new)
        return new

    def diff(self, urn: str, resource: Resource, new: dict[str, Any], ignore: tuple[str, ...]) -> Difference:
        changed = tuple(changed_keys(resource.inputs, new, ignore))
        return Difference(changed, tuple(key for key in changed if key == "name"))

    def create(self, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self._call("create", urn)
        id_ = f"{inputs.get('name', 'x')}-{len(self.made)}"
        self.made[id_] = inputs
        return id_, {**inputs, "arn": f"arn:{id_}"}

    def update(self, urn: str, resource: Resource, inputs: dict[str, Any]) -> dict[str, Any]:
        self._call("update", urn)
        self.made[resource.id] = inputs
        return {**inputs, "arn": f"arn:{resource.id}"}

    def delete(self, urn: str, resource: Resource) -> None:
        self._call("delete", urn)
        del self.made[resource.id]

    def read(self, urn: str, id_: str) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        self._call("read", urn)
        known = self.made.get(id_)
        return None if known is None else (id_, known, {**known, "arn": f"arn:{id_}"})

    def construct(self, registration: Registration, monitor: str) -> Registered:
        raise NotImplementedError

    def _call(self, operation: str, urn: str) -> None:
        name = urn.rsplit("::", 1)[-1]
        self.calls.append(f"{operation} {name}")
        if self.broken == name:
            raise DeploymentError(f"{name} is broken")


def thing(logical: str, *, dependencies: tuple[str, ...] = (), protect: bool = False, **inputs: Any) -> Registration:
    type_ = "aws:x/thing:Thing"
    return Registration(
        type=type_, name=logical, urn=urn("s", "p", "", type_, logical), parent="", custom=True, remote=False,
        inputs=inputs, dependencies=dependencies, protect=protect,
    )  # fmt: skip


def apply(folder: Path, provider: Dictionary, *resources: Registration) -> list[Step]:
    deployment = Deployment(State(folder / "state.json"), {"aws": provider})
    for resource in resources:
        deployment.register(resource)
    deployment.finish()
    deployment.close()
    return deployment.steps


def test_the_same_program_again_does_nothing(tmp_path: Path) -> None:
    provider = Dictionary()
    assert apply(tmp_path, provider, thing("a", size=1)) == [Step("create", "aws:x/thing:Thing", "a")]
    assert apply(tmp_path, provider, thing("a", size=1)) == []
    assert provider.calls == ["create a"]
    assert provider.checked == [{"size": 1}]


def test_a_changed_input_is_an_update_that_names_it(tmp_path: Path) -> None:
    provider = Dictionary()
    apply(tmp_path, provider, thing("a", size=1, colour="red"))
    assert apply(tmp_path, provider, thing("a", size=2, colour="red")) == [
        Step("update", "aws:x/thing:Thing", "a", ("size",))
    ]


def test_a_replacement_creates_before_it_deletes(tmp_path: Path) -> None:
    provider = Dictionary()
    apply(tmp_path, provider, thing("a", name="old"))
    assert apply(tmp_path, provider, thing("a", name="new")) == [Step("replace", "aws:x/thing:Thing", "a", ("name",))]
    assert provider.calls == ["create a", "create a", "delete a"]
    assert list(provider.made.values()) == [{"name": "new"}]


def test_what_is_no_longer_registered_goes_dependants_first(tmp_path: Path) -> None:
    provider = Dictionary()
    below = thing("b")
    apply(tmp_path, provider, below, thing("a", dependencies=(below.urn,)))
    steps = apply(tmp_path, provider)
    assert [(step.op, step.name) for step in steps] == [("delete", "a"), ("delete", "b")]
    assert provider.made == {}


def explicit(logical: str, **settings: Any) -> Registration:
    type_ = "pulumi:providers:aws"
    return Registration(
        type=type_, name=logical, urn=urn("s", "p", "", type_, logical), parent="", custom=True, remote=False,
        inputs=settings,
    )  # fmt: skip


def test_resources_of_two_explicit_providers_go_to_instances_with_their_own_settings(tmp_path: Path) -> None:
    provider, left, right = Dictionary(), explicit("left", cluster="1"), explicit("right", cluster="2")
    mine, yours = (
        replace(thing(name, name=name), provider=f"{of.urn}::id") for name, of in (("mine", left), ("yours", right))
    )
    apply(tmp_path, provider, left, right, mine, yours)
    assert [instance.calls for instance in provider.others] == [["create mine"], ["create yours"]]
    assert provider.calls == []


def test_a_provider_that_is_no_longer_declared_deletes_with_its_earlier_settings(tmp_path: Path) -> None:
    provider, left = Dictionary(), explicit("left", cluster="1")
    apply(tmp_path, provider, left, replace(thing("mine", name="mine"), provider=f"{left.urn}::id"))
    made = dict(provider.others[0].made)
    deployment = Deployment(State(tmp_path / "state.json"), {"aws": provider})
    provider.another = lambda: provider  # type: ignore[method-assign]
    provider.made = made
    deployment.finish()
    assert provider.settings == {"cluster": "1"}
    assert provider.calls == ["delete mine"]


def test_a_resource_cannot_change_its_provider(tmp_path: Path) -> None:
    provider, left, right = Dictionary(), explicit("left"), explicit("right")
    apply(tmp_path, provider, left, right, replace(thing("a"), provider=f"{left.urn}::id"))
    with pytest.raises(DeploymentError, match="another provider is not supported"):
        apply(tmp_path, provider, left, right, replace(thing("a"), provider=f"{right.urn}::id"))


def test_a_protected_resource_is_neither_deleted_nor_replaced(tmp_path: Path) -> None:
    provider = Dictionary()
    apply(tmp_path, provider, thing("a", name="old", protect=True))
    with pytest.raises(DeploymentError, match="is protected and cannot be deleted"):
        apply(tmp_path, provider)
    with pytest.raises(DeploymentError, match="force its replacement"):
        apply(tmp_path, provider, thing("a", name="new", protect=True))
    assert provider.calls == ["create a"]


def test_a_failed_call_leaves_its_operation_pending_and_a_second_run_ends_it(tmp_path: Path) -> None:
    provider = Dictionary()
    provider.broken = "b"
    with pytest.raises(DeploymentError, match="b is broken"):
        apply(tmp_path, provider, thing("a"), thing("b"))
    left = State(tmp_path / "state.json")
    assert left.pending == {thing("b").urn: "create"}
    assert [resource.name for resource in left.resources.values()] == ["a"]
    provider.broken = ""
    assert apply(tmp_path, provider, thing("a"), thing("b")) == [Step("create", "aws:x/thing:Thing", "b")]
    assert State(tmp_path / "state.json").pending == {}


def test_a_type_of_an_unknown_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="no stand-in serves the package 'aws'"):
        Deployment(State(tmp_path / "state.json"), {}).register(thing("a"))


def test_a_name_cannot_be_registered_twice(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="duplicate resource URN"):
        apply(tmp_path, Dictionary(), thing("a"), thing("a"))


IMPORT = [Step("import", "aws:x/thing:Thing", "a")]


def adopted(id_: str, **inputs: Any) -> Registration:
    return replace(thing("a", **inputs), import_id=id_)


def test_an_existing_resource_is_adopted_and_not_touched(tmp_path: Path) -> None:
    provider = Dictionary()
    provider.made["x-0"] = {"size": 1}
    assert apply(tmp_path, provider, adopted("x-0", size=1)) == IMPORT
    assert apply(tmp_path, provider, adopted("x-0", size=1)) == []
    assert apply(tmp_path, provider, thing("a", size=1)) == []
    assert provider.calls == ["read a"]
    (kept,) = State(tmp_path / "state.json").resources.values()
    assert (kept.id, kept.inputs, kept.outputs) == ("x-0", {"size": 1}, {"size": 1, "arn": "arn:x-0"})


def test_an_adoption_that_wants_something_else_is_an_update_that_follows_unless_it_is_ignored(tmp_path: Path) -> None:
    provider = Dictionary()
    provider.made["x-0"] = {"size": 1, "colour": "red"}
    ignoring = replace(adopted("x-0", size=2, colour="blue"), ignore_changes=("size", "colour"))
    assert apply(tmp_path, provider, ignoring) == IMPORT
    other = tmp_path / "other"
    other.mkdir()
    assert apply(other, provider, replace(ignoring, ignore_changes=("size",))) == [
        *IMPORT,
        Step("update", "aws:x/thing:Thing", "a", ("colour",)),
    ]
    assert provider.made == {"x-0": {"size": 1, "colour": "blue"}}


def test_an_adopted_resource_is_not_replaced(tmp_path: Path) -> None:
    provider = Dictionary()
    provider.made["x-0"] = {"name": "x"}
    with pytest.raises(DeploymentError, match=r"is imported and .*name.* force its replacement"):
        apply(tmp_path, provider, adopted("x-0", name="y"))
    assert provider.calls == ["read a"]


def test_a_missing_resource_or_another_one_is_not_adopted(tmp_path: Path) -> None:
    provider = Dictionary()
    with pytest.raises(DeploymentError, match="'x-0' does not exist"):
        apply(tmp_path, provider, adopted("x-0", size=1))
    assert State(tmp_path / "state.json").pending
    apply(tmp_path, provider, thing("a", size=1))
    provider.made["x-7"] = {"size": 1}
    with pytest.raises(DeploymentError, match="another id to import is not supported"):
        apply(tmp_path, provider, adopted("x-7", size=1))
    assert apply(tmp_path, provider, adopted("x-0", size=1)) == []


def test_an_id_to_import_may_differ_from_the_resource_s_own(tmp_path: Path) -> None:
    provider = Dictionary()
    provider.made["x-0"] = {"size": 1}
    found = provider.read
    provider.read = lambda urn, id_: found(urn, id_.removesuffix("@us-east-2"))  # type: ignore[method-assign]
    assert apply(tmp_path, provider, adopted("x-0@us-east-2", size=1)) == IMPORT
    assert apply(tmp_path, provider, adopted("x-0@us-east-2", size=1)) == []


def test_what_is_retained_is_forgotten_and_not_deleted(tmp_path: Path) -> None:
    provider = Dictionary()
    apply(tmp_path, provider, replace(thing("a", name="x"), retain_on_delete=True))
    apply(tmp_path, provider, replace(thing("a", name="y"), retain_on_delete=True))
    assert apply(tmp_path, provider) == [Step("forget", "aws:x/thing:Thing", "a")]
    assert provider.calls == ["create a", "create a"]
    assert State(tmp_path / "state.json").resources == {}
