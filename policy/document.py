"""The page about the rules: `python -m policy.document > docs/policies.md`. A test keeps the page true."""

from __future__ import annotations

import sys
from itertools import groupby

from policy import scanners
from policy.cases import Case, cases
from policy.catalogue import RULES
from policy.hipaa import CLAUSES
from policy.incidents import INCIDENTS
from policy.rule import AnyRule

MOST_CASES = 2
INTRODUCTION = """# Policies

No change that would break a recovery gets past CI. The same rules run as a policy pack of Pulumi and without an engine:

```sh
pulumi preview --stack primary --policy-pack policy
lifeline policy --stack primary
lifeline policy --stack primary --stack secondary        # also the relations between the sites
lifeline policy --input primary.json --format sarif      # of `lifeline render --format json` or `pulumi stack export`
```

A change has rules of its own, besides those on the site after it: a fenced database stays fenced, a timeline only
grows, a standby stays warm, data keeps its key, and no step deletes or replaces data. Three commands judge it:

```sh
lifeline policy --stack secondary --timeline primary-1,secondary-1   # from the committed timeline to this one
lifeline policy --stack primary --before before.json                 # from a file of `lifeline render --format json`
lifeline diff --stack secondary --timeline primary-1,secondary-1 --json | lifeline policy --diff /dev/stdin
```

A file before and one after must be of one kind: rendered values are not those of AWS.

With two sites, two states too, it needs no backend: `lifeline policy --input primary.json --input secondary.json`.

The formats are `text`, `json`, `sarif` and `junit`. The command exits 1 if a mandatory rule is broken, and 3 if the
file is not a whole site: a file that is cut off, empty or from another program never passes.

[policy/settings.yaml](../policy/settings.yaml) has the levels and the parameters. An exemption names a rule, a
resource, a reason and its last day. It is listed in every run, and it is a finding after that day. It can accept a
change, such as a smaller standby, and never a step that deletes data. A preview does not
know some values of a resource that does not exist yet; a rule does not judge these.

Each rule below has up to two of its cases. `make mutate` prints and tries all of them.

[The workflow](../.github/workflows/change.yml) runs all of it on every change. A preview needs an account: set the
variable `AWS_ACCOUNT`, a role `lifeline-preview` that can read and that trusts the repository by OIDC, and a runner
inside each site's network.

`python -m policy.document` writes this page, and a test keeps it true.
"""


def page() -> str:
    """The whole page, as Markdown."""
    parts = [INTRODUCTION, f"## The {len(RULES)} rules\n"]
    ordered = sorted(RULES, key=lambda rule: rule.name)
    for service, rules in groupby(ordered, key=lambda rule: rule.name.partition("-")[0]):
        parts += [f"### {service}\n", *(_entry(rule) for rule in rules)]
    parts += ["## Incidents\n", "| Incident | Lesson | Rules |", "|---|---|---|"]
    for key, incident in INCIDENTS.items():
        names = ", ".join(f"`{rule.name}`" for rule in ordered if rule.about.incident == key)
        parts.append(f"| {incident.title} ({incident.source}) | {incident.lesson} | {names} |")
    parts += ["", "## HIPAA\n", "| Paragraph | Demand | Rules |", "|---|---|---|"]
    for clause, text in CLAUSES.items():
        names = ", ".join(f"`{rule.name}`" for rule in ordered if clause in rule.about.clauses)
        parts.append(f"| {clause} | {text} | {names or 'none yet'} |")
    parts += ["", *scanners.section()]
    return "\n".join(parts).rstrip() + "\n"


def _cases(rule: AnyRule) -> list[Case]:
    distinct = {(case.keeps, case.breaks): case for case in reversed(cases()[rule.name])}
    return list(reversed(distinct.values()))[:MOST_CASES]


def _entry(rule: AnyRule) -> str:
    parameters = ", ".join(f"`{name}: {value}`" for name, value in rule.parameters.items())
    lines = [
        f"**`{rule.name}`** ({rule.about.severity}, {rule.about.level}): {rule.title}\n",
        f"- Remedy: {rule.about.remediation}",
        f"- Source: {rule.about.reference}",
        f"- HIPAA: {', '.join(rule.about.clauses)}",
        *([f"- Parameters: {parameters}"] if parameters else []),
        *(f"- Keeps it: {case.keeps}. Breaks it: {case.breaks} ({case.outage})." for case in _cases(rule)),
        *([f"- Elsewhere: {', '.join(rule.about.also)}"] if rule.about.also else []),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
