"""`lifeline report`: the record of an incident, as Markdown and as a page."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from pathlib import Path

from markdown_it import MarkdownIt

from lifeline import terminal
from procedures.access import ProcedureError
from procedures.incident import incident
from procedures.incident_record import WRITE, record
from procedures.live import LiveAccess
from procedures.live_metrics import live_metrics
from procedures.sites import sites

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; line-height: 1.5; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #767676; padding: 0.25rem 0.5rem; text-align: left; vertical-align: top; }}
</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""


def write(root: Path, since: str, until: str | None, out: Path) -> int:
    """Write both files, and return the exit code.

    Raises:
        ProcedureError: if a time is none, or a file cannot be written.
    """
    access = LiveAccess()
    began, ended = moment(since), moment(until) if until else access.now()
    if not began < ended <= access.now() + timedelta(minutes=1):
        raise ProcedureError("the time ends before it begins, or in the future", "times are in UTC")
    text = record(incident(access, sites(root), live_metrics, began, ended))
    try:
        for path, content in ((out.with_suffix(".md"), text), (out.with_suffix(".html"), page(text))):
            path.write_text(content)
            terminal.console().print(str(path), markup=False, soft_wrap=True)
    except OSError as error:
        raise ProcedureError(f"{out}: {error.strerror}", "give --out a file in a folder that exists") from error
    terminal.console().print(f"{text.count(WRITE)} places are left for a person to write", markup=False)
    return 0


def page(text: str) -> str:
    """The record as a page of its own."""
    title = text.partition("\n")[0].removeprefix("# ")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return PAGE.format(title=html.escape(title), body=body)


def moment(text: str) -> datetime:
    """A time with its offset from UTC.

    Raises:
        ProcedureError: if it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ProcedureError(f"{text[:40]} is no time with an offset", "write it as 2026-12-01T03:00:00Z")
    return found
