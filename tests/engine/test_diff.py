"""The steps between two recordings."""

from __future__ import annotations

from typing import Any

import pytest

from engine.deployment import Step
from engine.diff import in_order, steps_between
from engine.registration import PROVIDER_PREFIX, Registration, urn

BUCKET = "aws:s3/bucket:Bucket"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
KUBERNETES = f"{PROVIDER_PREFIX}kubernetes"


def thing(logical: str, type_: str = BUCKET, **more: Any) -> Registration:
    fields: dict[str, Any] = {"parent": "", "custom": True, "remote": False, "inputs": {}, **more}
    return Registration(type=type_, name=logical, urn=urn("s", "p", "", type_, logical), **fields)


def test_what_did_not_change_is_no_step() -> None:
    assert steps_between([thing("a", inputs={"x": 1})], [thing("a", inputs={"x": 1})]) == []


def test_a_change_in_place_names_every_key() -> None:
    before, after = (
        thing("a", inputs={"tags": {"a": "1"}}),
        thing("a", inputs={"tags": {"a": "2"}, "forceDestroy": True}),
    )
    assert steps_between([before], [after]) == [Step("update", BUCKET, "a", ("forceDestroy", "tags"))]


def test_what_the_provider_cannot_change_is_a_replacement() -> None:
    before, after = thing("a", inputs={"bucket": "old"}), thing("a", inputs={"bucket": "new"})
    assert steps_between([before], [after]) == [Step("replace", BUCKET, "a", ("bucket",))]


def test_another_region_is_another_resource() -> None:
    before, after = thing("a", inputs={"region": "us-east-2"}), thing("a", inputs={"region": "us-west-2"})
    assert [step.op for step in steps_between([before], [after])] == ["replace"]


@pytest.mark.parametrize(("spec", "op"), [({"replicas": 3}, "update"), ({"selector": {"app": "b"}}, "replace")])
def test_only_a_part_of_an_input_may_force_a_replacement(spec: dict[str, Any], op: str) -> None:
    before = thing("a", DEPLOYMENT, inputs={"spec": {"replicas": 1, "selector": {"app": "a"}}})
    after = thing("a", DEPLOYMENT, inputs={"spec": {"replicas": 1, "selector": {"app": "a"}, **spec}})
    assert steps_between([before], [after]) == [Step(op, DEPLOYMENT, "a", ("spec",))]


def test_what_the_program_wants_replaced_is_a_replacement() -> None:
    before = thing("a", inputs={"tags": {"a": "1"}})
    after = thing("a", inputs={"tags": {"a": "2"}}, replace_on_changes=("tags",))
    assert [step.op for step in steps_between([before], [after])] == ["replace"]


def test_an_ignored_change_is_no_step() -> None:
    before, after = thing("a", inputs={"tags": {}}), thing("a", inputs={"tags": {"x": "y"}}, ignore_changes=("tags",))
    assert steps_between([before], [after]) == []


@pytest.mark.parametrize(
    ("change", "steps"), [({"desired": 5}, 0), ({"desired": 5, "maximum": 9}, 1), ({"other": 1}, 1)]
)
def test_a_part_of_an_input_can_be_ignored(change: dict[str, Any], steps: int) -> None:
    sizes = {"desired": 2, "maximum": 4}
    before, after = (
        thing("a", inputs={"sizes": sizes}),
        thing("a", inputs={"sizes": sizes | change}, ignore_changes=("sizes.desired",)),
    )
    assert len(steps_between([before], [after])) == steps


def test_an_ignored_change_forces_no_replacement_when_something_else_changes() -> None:
    before, after = (
        thing("a", inputs={"bucket": "old", "tags": {}}),
        thing("a", inputs={"bucket": "new", "tags": {"x": "y"}}, ignore_changes=("bucket",)),
    )
    assert steps_between([before], [after]) == [Step("update", BUCKET, "a", ("tags",))]


def test_a_component_is_made_once_and_never_changes() -> None:
    before, after = (thing("a", "lifeline:index:Ledger", custom=False, inputs={"x": x}) for x in (1, 2))
    assert steps_between([], [before]) == [Step("create", before.type, "a")]
    assert steps_between([before], [after]) == []


def test_what_is_needed_comes_before_what_needs_it() -> None:
    """By dependency, parent and provider, against the order of names."""
    z, y, cluster = thing("z"), thing("y"), thing("cluster", KUBERNETES)
    x = thing("x", dependencies=(z.urn,), parent=y.urn, provider=f"{cluster.urn}::some-id")
    assert [resource.name for resource in in_order([x, y, z, cluster])] == ["y", "cluster", "z", "x"]


def test_deletes_come_last_and_dependants_first() -> None:
    base = thing("base")
    top = thing("top", dependencies=(base.urn,))
    steps = steps_between([base, top], [thing("new")])
    assert [(step.op, step.name) for step in steps] == [("create", "new"), ("delete", "top"), ("delete", "base")]


def test_a_config_map_is_replaced_unless_its_provider_may_change_it() -> None:
    def recording(value: str, **settings: str) -> list[Registration]:
        provider = thing("cluster", KUBERNETES, inputs=settings)
        data = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"ROLE": value}}
        return [provider, thing("config", CONFIG_MAP, inputs=data, provider=f"{provider.urn}::some-id")]

    for settings, op in (({}, "replace"), ({"enableConfigMapMutable": "true"}, "update")):
        steps = steps_between(recording("standby", **settings), recording("active", **settings))
        assert steps == [Step(op, CONFIG_MAP, "config", ("data",))]


def test_what_exists_is_adopted_and_what_is_retained_is_forgotten() -> None:
    existing, retained = thing("a", import_id="bucket-a"), thing("b", retain_on_delete=True)
    assert steps_between([], [existing]) == [Step("import", BUCKET, "a")]
    assert steps_between([existing], [existing]) == []
    assert steps_between([retained], []) == [Step("forget", BUCKET, "b")]
