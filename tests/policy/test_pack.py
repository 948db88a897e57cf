"""The pack under the real engine: it passes both sites, and finds what `lifeline policy` finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from policy.judge import judge
from policy.settings import read_settings
from policy.sources import from_registrations
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.providers.backend import NoEffects
from rehearsal.world.faults import Faults
from tests.engine.test_two_engines import needs_pulumi, pulumi_engine
from tests.harness import PRIMARY_LEADS, ROOT, deploy

pytestmark = needs_pulumi


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SiteWorld]]:
    folder = tmp_path_factory.mktemp("account")
    with OfflineAccount(folder, engine="pulumi", effects=NoEffects(), faults=Faults()) as account:
        yield {stack: account.add_site(ROOT / f"Pulumi.{stack}.yaml") for stack in ("primary", "secondary")}


def shown(site: SiteWorld, stack: str, **changes: Any) -> set[tuple[str, str, str]]:
    config = {**site.file.config, **{f"lifeline:{key}": value for key, value in changes.items()}}
    findings = pulumi_engine(site).judged(stack, config, policy_pack=ROOT / "policy")
    # The engine shows a policy's description above each message, and a remote component's cluster as its child.
    return {
        (policy, urn.rpartition("::")[2].removesuffix("-eksCluster"), text.partition("\n")[2])
        for policy, urn, text in findings
    }


def expected(stack: str, **changes: Any) -> set[tuple[str, str, str]]:
    site = from_registrations(deploy(stack, PRIMARY_LEADS, **changes))
    findings = judge(site, settings=read_settings(), today=datetime.now(UTC).date()).findings
    return {(finding.policy, finding.resource, finding.message) for finding in findings}


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_preview_of_a_site_passes_the_pack(sites: dict[str, SiteWorld], stack: str) -> None:
    assert shown(sites[stack], stack) == set()


def test_a_preview_finds_the_faults_that_the_command_finds(sites: dict[str, SiteWorld]) -> None:
    faults = expected("primary", protect=False)
    assert len({policy for policy, _, _ in faults}) >= 8
    assert shown(sites["primary"], "primary", protect=False) == faults
