"""The group of all subcommands, and its help: what an operator needs at night comes first, and all fits a screen."""

from __future__ import annotations

from typing import Any

import typer
import typer.core

AT_NIGHT = (
    "status", "preflight", "failover", "resume", "emergency", "restore", "verify", "switchover", "reseed", "failback",
    "rebuild", "reconcile", "report",
)  # fmt: skip
"""In the order of the help: the first is the one that is needed first."""
BY_DAY = ("render", "diff", "policy", "budget", "copies", "rehearse")
"""These change nothing in the account."""
COMMANDS = (*AT_NIGHT, *BY_DAY)

UsageError: Any = typer.BadParameter.__base__
"""typer brings its own, and has no public name for it."""


class Verb(typer.core.TyperCommand):
    """A command that may ask a person, unless its result is read by a program."""

    def invoke(self, ctx: Any) -> Any:
        """Run it. A question would stand in the JSON, so it is refused before anything is asked."""
        if ctx.params.get("as_json") and not ctx.params.get("yes", True):
            raise typer.BadParameter("no one is asked, so it needs --yes", param_hint="--json")
        return super().invoke(ctx)


class InOrder(typer.core.TyperGroup):
    """The commands in the order of COMMANDS."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. A usage error of its options says where its help is, as other usage errors do."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def list_commands(self, ctx: Any) -> list[str]:
        """The names."""
        return sorted(self.commands, key=COMMANDS.index)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and the options, shorter than usual."""
        width = formatter.width - 6 - max(map(len, AT_NIGHT))
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(width)) for name in AT_NIGHT])
        formatter.write_text(f"By day, changing nothing: {', '.join(BY_DAY)}.")
        formatter.write_text(
            f"Options: {', '.join(name for option in self.get_params(ctx) for name in option.opts[:1])}."
        )
