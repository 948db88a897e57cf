"""Scenario 4 of the plan: the region of the leading site is lost, and the control planes in us-east-1 with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rehearsal.engine.deployment import Step
from rehearsal.engine.up import PROGRAM_ROOT
from rehearsal.offline import SiteWorld
from rehearsal.report import Check, Loss, Outcome, StackStep, outcome_of
from rehearsal.stage import Stage
from rehearsal.verification import verify
from rehearsal.world.client import BlackBoxClient
from stacks import objectives
from stacks.naming import database_identifier

WARM_UP_SECONDS = 45
"""Simulated. A new check counts only after its first results: threshold times interval, and some."""
LOAD_SECONDS = 30
"""Simulated seconds of ordinary days before the disaster."""
SETTLE_SECONDS = 30
"""Simulated seconds for which nothing may fail before a tier counts as back."""


class Stagehand(Protocol):
    """Who shows what is going on."""

    def phase(self, text: str) -> None:
        """A new phase begins."""
        ...

    def step(self, step: Step) -> None:
        """An engine took a step."""
        ...

    def say(self, text: str) -> None:
        """Something worth a line happened."""
        ...


class Phases:
    """Wall-clock seconds by phase."""

    def __init__(self, hand: Stagehand) -> None:
        self._hand = hand
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Generator[None]:
        """Time a phase and announce it."""
        self._hand.phase(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def region_loss(stage: Stage, hand: Stagehand, engine: str, root: Path = PROGRAM_ROOT) -> Outcome:
    """Build both sites, lose the leading one's region, flip, verify, and count."""
    phases = Phases(hand)
    with phases("build both sites"):
        lost, survivor = build_both(stage, hand, root)
    with phases("people use the platform"):
        stage.clock.sleep(WARM_UP_SECONDS)
        client = stage.client(lost)
        stage.clock.sleep(LOAD_SECONDS)
    disaster = stage.clock.now()
    with phases("the region is lost"):
        stage.faults.lose_control_planes("us-east-1")
        stage.lose_region(lost)
        hand.say(f"{lost.region} answers nothing; Route 53, IAM and S3 configuration cannot be changed anywhere")
    with phases("flip"):
        steps, checks = flip(stage, hand, survivor)
    with phases("until everything is back"):
        wait_until_back(stage, client, disaster)
    with phases("verify"):
        checks = (*checks, *verify(client, survivor.config.domain))
        client.stop()
    return Outcome(
        scenario="region-loss",
        engine=engine,
        tiers=tuple(outcome_of(tier, client.outage(tier.name, disaster)) for tier in objectives.TIERS),
        crisis_events=events_kept(stage, client, survivor),
        user_rows=(rows := rows_kept(stage, client, survivor))[0],
        user_data_loss_seconds=max((disaster - at for at in rows[1]), default=0.0),
        user_data_rpo_seconds=objectives.RPO_USER_DATA_SECONDS,
        steps=steps,
        checks=checks,
        phases=phases.seconds,
    )


def build_both(stage: Stage, hand: Stagehand, root: Path) -> tuple[SiteWorld, SiteWorld]:
    """Provision both sites from their committed stack files; the second needs the first one's zone."""
    first = stage.account.add_site(root / "Pulumi.primary.yaml")
    made = stage.account.up(first, on_step=hand.step)
    hand.say(f"primary in {first.region}: {len(made.steps)} steps")
    second = stage.account.add_site(root / "Pulumi.secondary.yaml")
    second.file.set("lifeline:zoneId", made.outputs["zoneId"])
    second.file.save()
    followed = stage.account.up(second, on_step=hand.step)
    hand.say(f"secondary in {second.region}: {len(followed.steps)} steps")
    balancers = {"primary": made.outputs["loadBalancer"], "secondary": followed.outputs["loadBalancer"]}
    stage.open_doors(balancers, str(made.outputs["zoneId"]))
    return first, second


def flip(stage: Stage, hand: Stagehand, survivor: SiteWorld) -> tuple[tuple[StackStep, ...], tuple[Check, ...]]:
    """The recovery itself: one appended line and `up`, then `up` again, which must find nothing to do."""
    hand.say(f"Pulumi.{survivor.name}.yaml: lifeline:timeline gets one more entry, {survivor.config.own_database}")
    survivor.file.append_to_timeline(str(survivor.config.own_database))
    survivor.file.save()
    before = survivor.aws.clients.calls.copy()
    done = stage.account.up(survivor, on_step=hand.step)
    calls = survivor.aws.clients.calls - before
    again = stage.account.up(survivor, on_step=hand.step)
    elsewhere = sorted(
        f"{service} {operation} in {region}" for service, operation, region in calls if region != survivor.region
    )
    made = ", ".join(sorted({f"{service} {operation}" for service, operation, _ in calls}))
    checks = (
        Check("the same flip again does nothing", passed=not again.steps, detail=f"{len(again.steps)} steps"),
        Check(
            "the flip calls nothing outside its own region", passed=not elsewhere, detail=", ".join(elsewhere) or made
        ),
    )
    return tuple(StackStep(survivor.name, step.op, step.type, step.name) for step in done.steps), checks


def wait_until_back(stage: Stage, client: BlackBoxClient, disaster: float, patience: float = 600.0) -> None:
    """Wait until every tier answered for a while without a failure, or until patience (simulated seconds) is over."""

    def back(tier: str) -> bool:
        outage = client.outage(tier, disaster)
        return stage.clock.now() - disaster > outage + SETTLE_SECONDS

    deadline = stage.clock.now() + patience
    while stage.clock.now() < deadline and not all(back(tier.name) for tier in objectives.TIERS):
        stage.clock.sleep(2)


def events_kept(stage: Stage, client: BlackBoxClient, survivor: SiteWorld) -> Loss:
    """Crisis events that people were told are noted, and those that the surviving region's ledger has."""
    assert stage.account.ledger is not None, "a site was added, and the ledger with it"
    present = {str(item["pk"]) for item in stage.account.ledger.scan(survivor.region)}
    told = [event.id for event in client.events]
    return Loss(len(told), sum(f"event#{id_}" in present for id_ in told))


def rows_kept(stage: Stage, client: BlackBoxClient, survivor: SiteWorld) -> tuple[Loss, list[float]]:
    """User rows that people were told are kept, those that the new leader has, and when the missing ones were told."""
    present = stage.rows(database_identifier(survivor.config.own_database))
    missing = [user.at for user in client.users if user.id not in present]
    return Loss(len(client.users), len(client.users) - len(missing)), missing


Scenario = Callable[[Stage, Stagehand, str], Outcome]
