"""The subcommands. Each parses its arguments, calls another package, and prints the result."""

from __future__ import annotations

import enum
import importlib
import os
import sys
from pathlib import Path
from typing import Annotated

import rich
import typer

from lifeline.group import InOrder
from recovery.naming import PROJECT
from stacks.stackfile import StackFileError

app = typer.Typer(
    name="lifeline",
    cls=InOrder,
    help="Multi-region disaster recovery for a crisis platform.",
    epilog="A region is lost? lifeline status, then lifeline failover --stack SURVIVOR (docs/runbooks/failover.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

FAILED = 1
REFUSED = 3
SITES = 2
EVERYTHING = "all"


class RenderFormat(enum.StrEnum):
    """The output formats of `lifeline render`."""

    JSON = "json"
    YAML = "yaml"
    TABLE = "table"
    K8S = "k8s"


StackOption = Annotated[str, typer.Option("--stack", "-s", help="The stack, as in Pulumi.<stack>.yaml.")]
TimelineOption = Annotated[
    str | None,
    typer.Option("--timeline", "-t", help="Another timeline than the file's, such as primary-1,secondary-1."),
]


@app.command()
def render(
    stack: StackOption,
    timeline: TimelineOption = None,
    form: Annotated[
        RenderFormat, typer.Option("--format", "-f", help="json, yaml, table, or the Kubernetes objects.")
    ] = RenderFormat.TABLE,
) -> None:
    """List the resources of a site.

    Runs the program. Needs no engine and no AWS account.
    """
    from lifeline import rendering

    print(rendering.rendered(project_root(), stack, entries(timeline), form.value))


@app.command()
def diff(
    stack: StackOption,
    timeline: Annotated[
        str | None, typer.Option("--timeline", "-t", help="From the file to this one, such as primary-1,secondary-1.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="From the file to this setting, such as switchover.drain=1 or database.seeded=2."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of steps as JSON.")] = False,
) -> None:
    """Show the exact steps of an edit.

    With --timeline or --set: from the file as it is. Without: from what is deployed to the file, which asks the real
    engine. Exits 1 if anything would be replaced or deleted.
    """
    from lifeline import differences

    raise typer.Exit(differences.show(project_root(), stack, entries(timeline), settings or [], as_json=as_json))


class PolicyFormat(enum.StrEnum):
    """The output formats of `lifeline policy`."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


@app.command()
def policy(
    stack: Annotated[
        list[str] | None, typer.Option("--stack", "-s", help="A stack. Twice: both sites at once.")
    ] = None,
    timeline: TimelineOption = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--input", "-i", help="An output of `lifeline render` or `pulumi stack export`. Twice: both sites."
        ),
    ] = None,
    diff_file: Annotated[
        Path | None, typer.Option("--diff", "-d", help="Judge this output of `lifeline diff --json` instead.")
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            "--before", "-b", help="Judge the change too: the same site before it, from the same kind of source."
        ),
    ] = None,
    form: Annotated[PolicyFormat, typer.Option("--format", "-f", help="The output format.")] = PolicyFormat.TEXT,
) -> None:
    """Judge sites or steps by the policy pack.

    Needs no engine. Exits 1 if a mandatory rule is broken.
    """
    from lifeline import policies

    stacks, files = stack or [], file or []
    if diff_file is not None and not (stacks or files):
        text, refused = policies.judged_steps(diff_file, form.value)
        print(text)
        raise typer.Exit(1 if refused else 0)
    if diff_file is not None or bool(stacks) == bool(files) or len(stacks) > SITES or len(files) > SITES:
        raise typer.BadParameter("name one or two stacks, one or two files, or a diff", param_hint="--stack")
    if before is not None and len(stacks) + len(files) != 1:
        raise typer.BadParameter("name one stack or one file with it", param_hint="--before")
    source = ", ".join([f"Pulumi.{name}.yaml" for name in stacks] or [str(path) for path in files])
    sites = policies.sites(project_root(), stacks, entries(timeline), files)
    old = policies.before(project_root(), stacks, entries(timeline), before)
    text, refused = policies.judged(sites, form.value, source=source, before=old)
    print(text)
    raise typer.Exit(1 if refused else 0)


@app.command()
def budget(stack: StackOption) -> None:
    """Add up the times of a failover by tier.

    They are declared or assumed. Exits 1 if a sum is above its promise.
    """
    from lifeline import budget as budgeting
    from lifeline import policies

    (site,) = policies.sites(project_root(), [stack], None, [])
    budgets = budgeting.budgets(site)
    print(budgeting.table(budgets))
    raise typer.Exit(0 if all(entry.fits for entry in budgets) else 1)


@app.command()
def copies(stack: StackOption) -> None:
    """List every copy of a site's data, as Markdown.

    Where it is, how long it is kept, and what proves it.
    """
    from lifeline import copies as listing

    print(listing.table(project_root(), stack))


@app.command()
def rehearse(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="region-loss, control-planes-down, cluster-loss, crisis-detector-loss, hotline-loss, ledger-impaired, "
            "database-loss, live-flip, fence-crash, switchover, failback, split-brain, partition, partition-strict, "
            "nemesis, rebuild-region, rebuild-elsewhere, both-regions-lost, rotation or monthly-test. 'all' plays all "
            "of them"
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the outcome to this file.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, pulumi or in-process.")] = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Draws when people ask, and when the nemesis strikes.")] = 0,
    listed: Annotated[bool, typer.Option("--list", help="Say what each scenario plays and promises.")] = False,
) -> None:
    """Rehearse a disaster in the offline world.

    It measures every promise. Exits 1 if one is broken.
    """
    from rehearsal.programs import warm_programs

    with warm_programs() as programs:
        if scenario not in (None, EVERYTHING):
            programs.begin()  # they import their libraries while the next line imports the rehearsal's
        from rehearsal import everything, runner

        if listed:
            rich.print(runner.listing())
            raise typer.Exit
        if scenario not in (*runner.NAMES, EVERYTHING):
            raise typer.BadParameter(
                f"'{scenario or ''}' is not one of {', '.join(runner.NAMES)}", param_hint="SCENARIO"
            )
        if engine not in runner.ENGINES:
            raise typer.BadParameter(f"'{engine}' is not one of {', '.join(runner.ENGINES)}", param_hint="--engine")
        if json_file is not None and not json_file.absolute().parent.is_dir():
            raise typer.BadParameter(f"'{json_file.parent}' is not a folder", param_hint="--json")
        if scenario == EVERYTHING:
            if json_file is not None:
                raise typer.BadParameter("name one scenario with it", param_hint="--json")
            raise typer.Exit(everything.run(runner.NAMES, engine=engine, seed=seed))
        raise typer.Exit(runner.run(scenario, engine=engine, json_file=json_file, seed=seed, programs=programs))


def entries(timeline: str | None) -> list[str] | None:
    """The entries of a timeline given as `a-1,b-1`."""
    return None if timeline is None else [entry.strip() for entry in timeline.split(",")]


def project_root() -> Path:
    """The folder of the project: the current one or a parent of it.

    Raises:
        StackFileError: if none is. Another clone that happens to be installed is not taken for it.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "Pulumi.yaml"
        if file.is_file() and f"name: {PROJECT}" in file.read_text(errors="replace").splitlines():
            return folder
    raise StackFileError(f"{here}: is in no folder of this project\n  hint: change to the folder with Pulumi.yaml")


def _with_hint(error: Exception) -> str:
    """The words of a refusal, without what would change the terminal, and with a hint if they have none."""
    words = "".join(letter for letter in str(error) if letter.isprintable() or letter == "\n")
    return words if "hint:" in words else f"{words}\n  hint: lifeline {' '.join(sys.argv[1:2])} --help"


def main() -> None:
    """Run the command and turn expected errors into messages and exit codes."""
    from engine.monitor import DeploymentError
    from policy.change import ChangeError
    from policy.judge import JudgementError
    from policy.settings import SettingsError
    from policy.sources import SourceError
    from procedures.access import ProcedureError
    from stacks.problems import ConfigError

    importlib.import_module("lifeline.verbs")  # its commands join those above
    try:
        app()
    except (
        ChangeError, ConfigError, JudgementError, ProcedureError, SettingsError, SourceError, StackFileError
    ) as error:  # fmt: skip
        print(_with_hint(error), file=sys.stderr)
        sys.exit(REFUSED)
    except DeploymentError as error:
        print(f"{error}\n  hint: correct the cause, and run it again: it continues", file=sys.stderr)
        sys.exit(FAILED)
    except BrokenPipeError:  # the reader of a pipe, such as head, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if not _is_from_outside(error):
            raise
        print(f"{error}\n  hint: lifeline status shows which region answers; then run it again", file=sys.stderr)
        sys.exit(FAILED)


def _is_from_outside(error: Exception) -> bool:
    """Whether AWS refused or did not answer, or does not have what was asked for."""
    from botocore.exceptions import BotoCoreError, ClientError

    from procedures.readings import AbsentError

    return isinstance(error, (BotoCoreError, ClientError, ConnectionError, AbsentError))
