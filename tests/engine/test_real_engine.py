"""The real engine with our language host: what a user sees of errors and policies, and what Ctrl-C ends."""

from __future__ import annotations

import os
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import pulumi_cli
from engine.monitor import DeploymentError
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.providers.backend import NoEffects
from rehearsal.world.faults import Faults
from tests.engine.jobs import run_claims
from tests.engine.test_two_engines import needs_pulumi, pulumi_engine
from tests.harness import ROOT
from tests.patience import wait_until

pytestmark = needs_pulumi

PROJECT = "name: trial\nruntime:\n  name: python\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteWorld]:
    folder = tmp_path_factory.mktemp("account")
    with OfflineAccount(folder, engine="pulumi", effects=NoEffects(), faults=Faults()) as account:
        run_claims(account)
        yield account.add_site(ROOT / "Pulumi.primary.yaml")


def test_a_mistake_in_the_stack_file_is_shown_with_its_hint_and_nothing_is_created(site: SiteWorld) -> None:
    config = {**site.file.config, "lifeline:timeline": ["primary-1", "secondry-1"]}
    with pytest.raises(DeploymentError) as refused:
        pulumi_engine(site).up("primary", config)
    shown = str(refused.value)
    assert "lifeline:timeline[1]: names site 'secondry', expected one of primary, secondary" in shown
    assert "nothing was changed" in shown
    assert "Traceback" not in shown
    assert site.cluster.list("Deployment") == []


POLICY = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def one_zone(args, report):
    if args.resource_type == "aws:rds/instance:Instance" and args.props.get("multiAz") is True:
        report("this trial refuses databases in several zones")

PolicyPack(
    name="trial",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy(name="one-zone", description="Refuses Multi-AZ.", validate=one_zone)],
)
"""


def test_a_policy_pack_refuses_a_preview(site: SiteWorld, tmp_path: Path) -> None:
    (tmp_path / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (tmp_path / "__main__.py").write_text(POLICY)
    with pytest.raises(DeploymentError) as refused:
        pulumi_engine(site).preview("primary", site.file.config, policy_packs=[tmp_path])
    assert "this trial refuses databases in several zones" in str(refused.value)
    assert "database-1-instance" in str(refused.value)


def test_ctrl_c_ends_the_engine_and_the_program(tmp_path: Path) -> None:
    started = tmp_path / "started"
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    program = f"""
    import os, pathlib, time

    pathlib.Path("{started}").write_text(str(os.getpid()))
    time.sleep(600)
    """
    (tmp_path / "__main__.py").write_text(textwrap.dedent(program))
    command = pulumi_cli.command().command
    path = os.pathsep.join([os.environ["PATH"], str(pulumi_cli.BUILT / "bin")])
    environment = {**os.environ, **pulumi_cli.environment(tmp_path), "PATH": path}
    subprocess.run([command, "stack", "init", "s"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    preview = [command, "preview", "--stack", "s", "--non-interactive"]
    with subprocess.Popen(preview, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as engine:
        wait_until(lambda: started.exists() and started.read_text())
        engine.send_signal(signal.SIGINT)
        assert engine.wait(60) != 0
    program_pid = int(started.read_text())
    wait_until(lambda: not Path(f"/proc/{program_pid}").exists())
