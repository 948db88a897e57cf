"""The pack under the real engine: it passes both sites, and finds what `lifeline policy` finds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from policy.judge import judge
from policy.model import Site
from policy.settings import read_settings
from policy.sources import from_file, from_registrations
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.providers.backend import NoEffects
from rehearsal.world.faults import Faults
from tests.engine.jobs import run_claims
from tests.engine.test_two_engines import needs_pulumi, pulumi_engine
from tests.harness import PRIMARY_LEADS, ROOT, deploy

pytestmark = needs_pulumi
Findings = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SiteWorld]]:
    folder = tmp_path_factory.mktemp("account")
    with OfflineAccount(folder, engine="pulumi", effects=NoEffects(), faults=Faults()) as account:
        run_claims(account)
        yield {stack: account.add_site(ROOT / f"Pulumi.{stack}.yaml") for stack in ("primary", "secondary")}


def shown(site: SiteWorld, stack: str, **changes: Any) -> Findings:
    config = {**site.file.config, **{f"lifeline:{key}": value for key, value in changes.items()}}
    return readable(pulumi_engine(site).judged(stack, config, policy_pack=ROOT / "policy"))


def readable(findings: Findings) -> Findings:
    """The findings as `lifeline policy` names them."""
    # The engine shows a policy's description above each message, and a remote component's cluster as its child.
    return {
        (policy, urn.rpartition("::")[2].removesuffix("-eksCluster"), text.partition("\n")[2])
        for policy, urn, text in findings
    }


def expected(stack: str, **changes: Any) -> Findings:
    return found(from_registrations(deploy(stack, PRIMARY_LEADS, **changes)))


def found(site: Site) -> Findings:
    findings = judge(site, settings=read_settings(), today=datetime.now(UTC).date()).findings
    return {(finding.policy, finding.resource, finding.message) for finding in findings}


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_preview_of_a_site_passes_the_pack(sites: dict[str, SiteWorld], stack: str) -> None:
    assert shown(sites[stack], stack) == set()


def test_a_preview_finds_the_faults_that_the_command_finds(sites: dict[str, SiteWorld]) -> None:
    faults = expected("primary", protect=False)
    assert len({policy for policy, _, _ in faults}) >= 8
    assert shown(sites["primary"], "primary", protect=False) == faults


@pytest.fixture(scope="module")
def exported(sites: dict[str, SiteWorld], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The state of the primary as `pulumi stack export` writes it."""
    site = sites["primary"]
    pulumi_engine(site).up("primary", site.file.config)
    stored = json.loads(pulumi_engine(site).checkpoint("primary"))
    return {"version": stored["version"], "deployment": stored["checkpoint"]["latest"]}


def weakened(state: dict[str, Any], name: str, **values: Any) -> dict[str, Any]:
    state = copy.deepcopy(state)
    (entry,) = (entry for entry in state["deployment"]["resources"] if entry["urn"].endswith(f"::{name}"))
    entry["inputs"] |= values
    entry["outputs"] |= values
    return state


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"name": "database-1-instance", "multiAz": False, "deletionProtection": False},
        {"name": "fence-identity-policy", "policy": '{"Version": "2012-10-17", "Statement": []}'},
    ],
    ids=lambda fault: fault.get("name", "none"),
)
def test_an_exported_state_is_judged_alike_by_engine_and_command(
    sites: dict[str, SiteWorld], exported: dict[str, Any], tmp_path: Path, fault: dict[str, Any]
) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps(weakened(exported, **fault) if fault else exported))
    findings = readable(pulumi_engine(sites["primary"]).analyzed(file, policy_pack=ROOT / "policy"))
    assert findings == found(from_file(file))
    assert bool(findings) is bool(fault)
