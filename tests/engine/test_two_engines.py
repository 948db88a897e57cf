"""Both engines take the same steps. The real one's were recorded; where it is on PATH, it is asked again.

Record anew, with `pulumi` on PATH, by `pytest tests/engine/test_two_engines.py -m pulumi_cli --record-steps`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import pulumi_cli
from engine.deployment import Step
from engine.pulumi_cli import PulumiEngine
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.providers.backend import NoEffects
from rehearsal.world.faults import FaultSwitch
from tests.harness import ROOT

RECORDED = Path(__file__).parent / "recorded"
PHASES = ("primary", "secondary", "flip", "flip again", "fencing")

needs_pulumi = [
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(not pulumi_cli.available(), reason="pulumi is not on PATH"),
]

Steps = dict[str, list[Step]]


def play(folder: Path, engine: str) -> Steps:
    """Build both sites, lose the first region, flip twice, and fence the old leader when its region is back."""
    faults = FaultSwitch()
    with OfflineAccount(folder, engine=engine, effects=NoEffects(), faults=faults) as account:
        primary = account.add_site(ROOT / "Pulumi.primary.yaml")
        built = account.up(primary)
        secondary = add_secondary(account, built.outputs["zoneId"])
        steps = {"primary": list(built.steps), "secondary": list(account.up(secondary).steps)}
        faults.lose("us-east-2")
        faults.lose_control_planes("us-east-1")
        fail_over(secondary)
        steps["flip"] = list(account.up(secondary).steps)
        steps["flip again"] = list(account.up(secondary).steps)
        faults.restore("us-east-2")
        faults.restore("us-east-1")
        fail_over(primary)
        steps["fencing"] = list(account.up(primary).steps)
    return steps


def add_secondary(account: OfflineAccount, zone_id: Any) -> SiteWorld:
    site = account.add_site(ROOT / "Pulumi.secondary.yaml")
    site.file.set("lifeline:zoneId", zone_id)
    site.file.save()
    return site


def fail_over(site: SiteWorld) -> None:
    site.file.append_to_timeline("secondary-1")
    site.file.save()


def as_recorded(steps: list[Step]) -> list[list[Any]]:
    return sorted([step.op, step.type, step.name, sorted(step.keys)] for step in steps)


def recorded(phase: str) -> list[list[Any]]:
    return json.loads((RECORDED / f"{phase.replace(' ', '-')}.json").read_text())


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    return play(tmp_path_factory.mktemp("in-process"), "in-process")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Steps:
    steps = play(tmp_path_factory.mktemp("pulumi"), "pulumi")
    if request.config.getoption("--record-steps"):
        RECORDED.mkdir(exist_ok=True)
        for phase, found in steps.items():
            lines = ",\n".join(json.dumps(step) for step in as_recorded(found))
            (RECORDED / f"{phase.replace(' ', '-')}.json").write_text(f"[\n{lines}\n]\n")
    return steps


@pytest.mark.parametrize("phase", PHASES)
def test_the_in_process_engine_takes_the_real_engines_recorded_steps(in_process: Steps, phase: str) -> None:
    assert as_recorded(in_process[phase]) == recorded(phase)


def test_the_recorded_flip_is_nine_steps_and_nothing_the_second_time() -> None:
    assert len(recorded("flip")) == 9
    assert recorded("flip again") == []


def test_fencing_touches_the_old_leader_the_config_map_and_pods_only(in_process: Steps) -> None:
    assert {(step.op, step.type) for step in in_process["fencing"]} == {
        ("update", "aws:rds/instance:Instance"),
        ("update", "kubernetes:apps/v1:Deployment"),
        ("update", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"),
        ("update", "kubernetes:core/v1:ConfigMap"),
    }


def test_a_flip_claims_before_it_promotes_and_moves_traffic_last(in_process: Steps) -> None:
    assert_order(in_process["flip"])


def assert_order(steps: list[Step]) -> None:
    order = [step.type for step in steps]
    assert order[:3] == [
        "aws:dynamodb/tableItem:TableItem",
        "aws:rds/instance:Instance",
        "kubernetes:core/v1:ConfigMap",
    ]
    assert order[-1] == "aws:s3/bucketObjectv2:BucketObjectv2"


class TestRealEngine:
    """Where `pulumi` is on PATH."""

    pytestmark = needs_pulumi

    @pytest.mark.parametrize("phase", PHASES)
    def test_it_still_takes_the_recorded_steps(self, real: Steps, phase: str) -> None:
        assert as_recorded(real[phase]) == recorded(phase)

    def test_it_claims_before_it_promotes_and_moves_traffic_last(self, real: Steps) -> None:
        assert_order(real["flip"])

    def test_it_previews_a_site_and_destroys_an_unprotected_copy(self, tmp_path: Path) -> None:
        with OfflineAccount(tmp_path, engine="pulumi", effects=NoEffects(), faults=FaultSwitch()) as account:
            primary = account.add_site(ROOT / "Pulumi.primary.yaml")
            primary.file.set("lifeline:protect", False)
            primary.file.save()
            engine, config = pulumi_engine(primary), primary.file.config
            assert engine.preview("primary", config)["create"] >= len(account.up(primary).steps)
            assert primary.cluster.list("Deployment") != []
            engine.destroy("primary", config)
            assert primary.cluster.list("Deployment") == []


def pulumi_engine(site: SiteWorld) -> PulumiEngine:
    assert isinstance(site.engine, PulumiEngine)
    return site.engine
