"""Both engines take the same steps with the same inputs. The real engine's steps are recorded, and compared live too.

Record them again by `make engine` and `pytest tests/engine/test_two_engines.py -m pulumi_cli --record-steps`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.targets import PATHS
from engine import pulumi_cli
from engine.deployment import Step
from engine.pulumi_cli import PulumiEngine
from procedures.leftovers import adoption
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.providers.backend import NoEffects
from rehearsal.world.faults import Faults
from tests.engine.digests import digests
from tests.engine.jobs import run_claims
from tests.harness import ROOT
from tests.procedures.fakes import MotoAccess

RECORDED = Path(__file__).parent / "recorded"
PHASES = (
    "primary",
    "secondary",
    "flip",
    "flip again",
    "fencing",
    "new cluster",
    "old cluster",
    "release",
    "left",
    "adopt",
    "own",
)

CLUSTERS: dict[str, dict[str, Any]] = {
    "new cluster": {"generations": [1, 2], "serving": 2, "unreachable": [1], "since": 1},
    "old cluster": {"generations": [2], "unreachable": []},
}
"""The edits that replace a dead cluster."""

needs_pulumi = [
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(not pulumi_cli.available(), reason="there is no pulumi: run 'make engine'"),
]

Steps = dict[str, list[Step]]
Records = dict[str, list[list[Any]]]


@dataclass
class Run:
    """The steps of each phase in the order in which they were taken, and each with the digest of its inputs."""

    steps: Steps = field(default_factory=dict[str, list[Step]])
    records: Records = field(default_factory=dict[str, list[list[Any]]])

    def note(self, phase: str, account: OfflineAccount, site: SiteWorld, steps: Sequence[Step]) -> None:
        self.steps[phase] = list(steps)
        states = {name: other.engine.resources(name) for name, other in account.sites.items()}
        known = digests(site.name, states)
        self.records[phase] = sorted(
            [step.op, step.type, step.name, sorted(step.keys), known.get((step.type, step.name), "")] for step in steps
        )


def play(folder: Path, engine: str) -> Run:
    """Build both sites, lose the first region, flip twice, fence the old leader, and replace its dead cluster.

    Then the second site takes over what both of them use.
    """
    faults, run = Faults(), Run()
    with OfflineAccount(folder, engine=engine, effects=NoEffects(), faults=faults) as account:
        run_claims(account)
        primary = account.add_site(ROOT / "Pulumi.primary.yaml")
        built = account.up(primary)
        run.note("primary", account, primary, built.steps)
        secondary = add_secondary(account, built.outputs["zoneId"])
        run.note("secondary", account, secondary, account.up(secondary).steps)
        faults.lose("us-east-2")
        faults.lose_control_planes("us-east-1")
        fail_over(secondary)
        run.note("flip", account, secondary, account.up(secondary).steps)
        run.note("flip again", account, secondary, account.up(secondary).steps)
        faults.restore("us-east-2")
        faults.restore("us-east-1")
        fail_over(primary)
        run.note("fencing", account, primary, account.up(primary).steps)
        primary.cluster.lose()
        for phase, changes in CLUSTERS.items():
            primary.file.set("lifeline:cluster", {**primary.file.config["lifeline:cluster"], **changes})
            primary.file.save()
            run.note(phase, account, primary, account.up(primary).steps)
        hand_over(run, account, primary, secondary)
    return run


def hand_over(run: Run, account: OfflineAccount, owner: SiteWorld, taker: SiteWorld) -> None:
    """Give the zone, the ledger and the passwords from one stack to the other, as docs/runbooks/adopt.md says."""

    def change(phase: str, site: SiteWorld, **changes: Any) -> None:
        for key, value in changes.items():
            site.file.set(f"lifeline:{key}", value)
        site.file.save()
        run.note(phase, account, site, account.up(site).steps)

    change("release", owner, globals="release")
    change("left", owner, globals="left", zoneId=taker.config.zone_id)
    adopted = adoption(MotoAccess(account.endpoint_url), taker.config, owner.config)
    change("adopt", taker, globals="adopt", adopted=adopted)
    change("own", taker, globals="own")


def add_secondary(account: OfflineAccount, zone_id: Any) -> SiteWorld:
    site = account.add_site(ROOT / "Pulumi.secondary.yaml")
    site.file.set("lifeline:zoneId", zone_id)
    site.file.save()
    return site


def fail_over(site: SiteWorld) -> None:
    site.file.append_to_timeline("secondary-1")
    site.file.save()


def recorded(phase: str) -> list[list[Any]]:
    return json.loads((RECORDED / f"{phase.replace(' ', '-')}.json").read_text())


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return play(tmp_path_factory.mktemp("in-process"), "in-process")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Run:
    run = play(tmp_path_factory.mktemp("pulumi"), "pulumi")
    if request.config.getoption("--record-steps"):
        RECORDED.mkdir(exist_ok=True)
        for phase, steps in run.records.items():
            lines = ",\n".join(json.dumps(step) for step in steps)
            (RECORDED / f"{phase.replace(' ', '-')}.json").write_text(f"[\n{lines}\n]\n")
    return run


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
def test_the_in_process_engine_takes_the_real_engines_recorded_steps(in_process: Run, phase: str) -> None:
    assert in_process.records[phase] == recorded(phase)


def test_the_recorded_flip_is_ten_steps_and_nothing_the_second_time() -> None:
    assert len(recorded("flip")) == 10
    assert recorded("flip again") == []


@pytest.mark.slow
def test_fencing_touches_the_old_leader_the_config_map_and_pods_only(in_process: Run) -> None:
    assert {(step.op, step.type) for step in in_process.steps["fencing"]} == {
        ("update", "aws:rds/instance:Instance"),
        ("update", "kubernetes:apps/v1:Deployment"),
        ("update", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"),
        ("update", "kubernetes:core/v1:ConfigMap"),
    }


@pytest.mark.slow
def test_a_flip_claims_before_it_promotes_and_moves_traffic_last(in_process: Run) -> None:
    assert_order(in_process.steps["flip"])


@pytest.mark.slow
def test_a_move_to_a_new_cluster_moves_traffic_after_the_workloads_and_deletes_last(in_process: Run) -> None:
    assert_move(in_process.steps["new cluster"])


def assert_move(steps: list[Step]) -> None:
    names = [(step.op, step.name) for step in steps]
    ready = max(index for index, (op, name) in enumerate(names) if op == "create" and name.startswith("platform-2-"))
    routes = [index for index, (_, name) in enumerate(names) if name.startswith("routes-")]
    deleted = [index for index, (op, _) in enumerate(names) if op == "delete"]
    waited = ("platform-2-backend", "platform-2-crisis-detector", "platform-2-frontend", "switch-2-pods")
    pods = [names.index(("create", name)) for name in waited]
    assert len(routes) == len(PATHS)
    assert max(pods) < min(routes) < max(routes) < min(deleted)
    assert ready < min(deleted)


def assert_order(steps: list[Step]) -> None:
    order = [step.type for step in steps]
    assert order[:4] == [
        "kubernetes:batch/v1:Job",
        "kubernetes:batch/v1:Job",
        "aws:rds/instance:Instance",
        "kubernetes:core/v1:ConfigMap",
    ]
    assert steps[-1].name == "fence-pods", "it writes the ready mark, which moves the traffic"


class TestRealEngine:
    """These tests need the official `pulumi` on PATH, or `make engine`."""

    pytestmark = needs_pulumi

    @pytest.mark.parametrize("phase", PHASES)
    def test_it_still_takes_the_recorded_steps(self, real: Run, phase: str) -> None:
        assert real.records[phase] == recorded(phase)

    def test_it_claims_before_it_promotes_and_moves_traffic_last(self, real: Run) -> None:
        assert_order(real.steps["flip"])

    def test_it_previews_a_site_and_destroys_an_unprotected_copy(self, tmp_path: Path) -> None:
        with OfflineAccount(tmp_path, engine="pulumi", effects=NoEffects(), faults=Faults()) as account:
            run_claims(account)
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
