"""Each rule is kept by both sites in every role, and broken by its mutations."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from policy.cases import FILE
from policy.catalogue import RULES
from policy.document import page
from policy.hipaa import CLAUSES
from policy.incidents import INCIDENTS
from policy.judge import judge
from policy.rule import ResourceRule, Rule
from policy.settings import read_settings
from tests.harness import FAILED_OVER, PRIMARY_LEADS, ROOT
from tests.policy.cases import cases
from tests.policy.draft import TODAY, Change, clean
from tests.policy.harmless import HARMLESS
from tests.policy.mutation import Mutation
from tests.policy.mutations.catalogue import MUTATIONS
from tests.policy.mutations.changes import CHANGES
from tests.policy.mutations.steps import STEPS
from tests.policy.table import catching, minding

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_site_keeps_all_rules_without_an_exemption(stack: str) -> None:
    judgement = judge(clean(stack), settings=read_settings(), today=TODAY)
    assert judgement.findings == ()
    assert judgement.exempted == ()


@pytest.mark.parametrize("timeline", [PRIMARY_LEADS, FAILED_OVER])
def test_two_sites_keep_the_rules_about_their_relations(timeline: tuple[str, ...]) -> None:
    sites = clean("primary", timeline), clean("secondary", timeline)
    for pair in (sites, sites[::-1]):
        assert judge(*pair, settings=read_settings(), today=TODAY).findings == ()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutation_is_caught_by_its_rule(mutation: Mutation) -> None:
    assert mutation.rule in catching(mutation)


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_change_raises_nothing(change: Change) -> None:
    assert minding(change) == set()


def test_there_are_as_many_changes_as_promised() -> None:
    assert len(MUTATIONS) >= 150
    assert len(HARMLESS) >= 60


@every_rule
def test_a_rule_has_a_mutation(rule: Rule) -> None:
    assert rule.name in {mutation.rule for mutation in (*MUTATIONS, *STEPS, *CHANGES)}


@every_rule
def test_a_rule_says_all_that_a_reader_needs(rule: Rule) -> None:
    assert rule.title.endswith(".")
    assert rule.about.remediation.endswith(".")
    assert rule.about.reference
    assert set(rule.about.clauses) <= CLAUSES.keys()
    assert rule.about.clauses
    assert rule.about.incident is None or rule.about.incident in INCIDENTS


def test_no_two_rules_have_one_name() -> None:
    assert [name for name, number in Counter(rule.name for rule in RULES).items() if number > 1] == []


def test_every_rule_on_resources_judges_some() -> None:
    types = {entry.type for entry in (*clean("primary").resources, *clean("secondary").resources)}
    assert [rule.name for rule in RULES if isinstance(rule, ResourceRule) and not set(rule.types) & types] == []


def test_every_incident_and_every_clause_has_a_rule() -> None:
    assert {rule.about.incident for rule in RULES} - {None} == INCIDENTS.keys()


def test_the_cases_are_those_of_the_mutations() -> None:
    assert json.loads(FILE.read_text()) == cases(), "run `python -m tests.policy.cases`"


def test_the_page_about_the_rules_is_true() -> None:
    assert (ROOT / "docs" / "policies.md").read_text() == page()
