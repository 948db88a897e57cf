"""The contacts file: the plan's people, and the mistakes that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.alerts.model import Team
from stacks.contacts import CONTACTS, EXAMPLE_ACCOUNT, read_contacts
from stacks.problems import ConfigError

REAL = CONTACTS.read_text().replace("+1202555", "+1202666").replace("example.org", "example-heartbeats.io")


def refused(text: str, folder: Path, account: str = EXAMPLE_ACCOUNT) -> list[str]:
    file = folder / "contacts.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_contacts(account, file)
    return [str(problem) for problem in error.value.problems]


def test_the_file_has_the_people_of_the_plan_in_the_plans_order() -> None:
    contacts = read_contacts(EXAMPLE_ACCOUNT)
    assert {level: [person.title for person in people] for level, people in contacts.levels.items()} == {
        1: ["On-call engineer"],
        2: ["Senior platform engineer"],
        3: ["Platform architect", "Clinical director"],
        4: ["CTO", "Medical director"],
    }
    assert [person.title for person in contacts.specialists[Team.DATABASE]] == ["Database admin"]
    assert list(contacts.directory) == [
        "emergencyHotline",
        "securityTeam",
        "cloudProviderSupport",
        "crisisHotlineBackupProvider",
        "legalForHipaaIncidents",
    ]


def test_a_real_account_refuses_each_placeholder(tmp_path: Path) -> None:
    problems = refused(CONTACTS.read_text(), tmp_path, account="999988887777")
    hint = "hint: write the real contact into stacks/contacts.yaml"
    assert len(problems) == CONTACTS.read_text().count('"+1') + 4
    assert problems[0] == f"levels[0]: '+12025550101' is a placeholder\n  {hint}"
    assert problems[-4] == f"teamEmail: 'emergency@example.org' is a placeholder\n  {hint}"
    assert problems[-3] == f"ticketsEmail: 'tickets@example.org' is a placeholder\n  {hint}"
    assert problems[-2] == f"heartbeatUrl: 'https://heartbeat.example.org/lifeline' is a placeholder\n  {hint}"
    assert problems[-1] == f"hotlineBackupUrl: 'https://hotline-backup.example.org' is a placeholder\n  {hint}"


def test_a_real_account_takes_real_contacts(tmp_path: Path) -> None:
    file = tmp_path / "contacts.yaml"
    file.write_text(REAL)
    assert read_contacts("999988887777", file).levels[1][0].phone == "+12026660101"


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('"+12025550101"', '"0202 5550101"', "levels[0][0].phone: string should match pattern"),
        ("title: CTO", 'title: ""', "levels[3][0].title: string should have at least 1 character"),
        ("database:", "databases:", "specialists.databases.[key]: input should be"),
        ("tickets@", "tickets at ", "ticketsEmail: string should match pattern"),
        ("heartbeatUrl: https", "heartbeatUrl: http", "heartbeatUrl: string should match pattern"),
        ("backup.example.org", "backup.example.org/", "hotlineBackupUrl: string should match pattern"),
        ("directory:", "directories:", "directory: field required"),
        ("  - - {title: Senior platform engineer, phone: \"+12025550102\"}\n", "", "levels: has 3 levels, expected 4"),
        ("  - - {title: Senior platform engineer, phone: \"+12025550102\"}\n", "  - []\n", "levels[1]: names no one"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_path(before: str, after: str, problem: str, tmp_path: Path) -> None:
    assert before in CONTACTS.read_text()
    problems = refused(CONTACTS.read_text().replace(before, after), tmp_path)
    assert problems[0].startswith(problem)
