"""Plain English: no document, docstring or comment uses a word or a construction that makes readers stumble.

The list is short on purpose. CONTRIBUTING.md says how to write.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.test_layout import text_files

BANNED: dict[str, str] = {
    r"(?:^|[.:] )(?:What|Who|Whoever|Whatever)\b(?![^.]*\?)": "name the subject",
    r"(?<!`)\b[Nn]obody\b(?!`)": "write no one, none, or name the subject",
    r"\bfor ever\b": "write forever, or say until when",
    r"\banew\b": "write again, or new",
    r"\b(?:is|are) ill\b": "write unhealthy",
    r"\bto be had\b|\bcannot be had\b|\bis told of\b|\bare told of\b": "use a common verb",
    r"\bmade up (?:their|its) minds?\b": "machines have results, not minds",
    r"\b(?:one|two|item|record|key|line|thread) a (?:zone|tier|site|step|request|resource|call)\b": "write per",
    r"\b(?:not|is|are|ends?|ended|goes) well\b|\d well\b": "write success or failure, healthy or unhealthy",
    r"\bstands? or falls?\b|\bat once with\b|\bgoes by\b": "use a common verb",
    r"\b[Mm]aster/slave\b|\bDR site\b|\bis_primary\b": "use the glossary",
    r"\b(?:stagehand|playhouse|plots?)\b": "write reporter, environment, scenario",
    r"\b(?:moves?|stands?|lies|lie) (?:ready|idle) for\b": "use a common verb",
    r"\bbut for\b|\bsave for\b|\bhence\b|\bthereby\b|\bwherein\b": "write except, or so",
    r"\ball the same\b|\bof its own accord\b": "write nevertheless, or by itself",
    r"\breads? as what\b|\bas it stands\b": "say what it is",
}
"""A pattern, and what to write instead."""

SELF = "tests/test_prose.py"
SENT_TO_AWS = {"Database: fenced, reached by nobody"}
"""Descriptions of resources, whose change would replace the resource."""


@functools.cache
def prose() -> tuple[tuple[str, int, str], ...]:
    """Every document's paragraphs, docstrings, comments and the program's messages, with file and line."""
    return tuple(sentence for name, text in text_files().items() for sentence in _sentences(name, text))


def _sentences(name: str, text: str) -> Iterator[tuple[str, int, str]]:
    if name == SELF:
        return
    if name.endswith(".md"):
        yield from _paragraphs(name, text)
    elif name.endswith(".py"):
        yield from _strings(name, text)
        yield from _comments(name, text)
    elif name.endswith((".yaml", "Makefile", ".ci/run")):
        yield from ((name, number, line.partition("#")[2].strip()) for number, line in _lines(text) if "#" in line)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    yield from enumerate(text.splitlines(), 1)


def _paragraphs(name: str, text: str) -> Iterator[tuple[str, int, str]]:
    without_code = re.sub(r"```.*?```", lambda block: "\n" * block[0].count("\n"), text, flags=re.DOTALL)
    start, lines = 1, list[str]()
    for number, line in _lines(f"{without_code}\n"):
        if line.strip() and not re.match(r"\s*(?:[-|#]|\d+\.) ?", line):
            start = start if lines else number
            lines.append(line.strip())
            continue
        if lines:
            yield name, start, " ".join(lines)
        start, lines = number, [re.sub(r"^\s*(?:[-#>]+|\d+\.)\s*", "", line)] if line.strip() else []
    if lines:
        yield name, start, " ".join(lines)


def _strings(name: str, text: str) -> Iterator[tuple[str, int, str]]:
    """Docstrings and, in the program, all text of several words: errors, hints, help and reports are among it."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or node.value in SENT_TO_AWS:
            continue
        words = node.value.split()
        if id(node) in docstrings or (len(words) > 2 and not name.startswith("tests/")):
            yield name, node.lineno, " ".join(words)


def _comments(name: str, text: str) -> Iterator[tuple[str, int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield name, token.start[0], token.string.lstrip("# ")


@pytest.mark.parametrize("pattern", BANNED)
def test_no_sentence_uses_a_word_or_a_construction_that_is_hard_to_read(pattern: str) -> None:
    violations = [f"{name}:{line}: {text[:90]}" for name, line, text in prose() if re.search(pattern, text)]
    assert violations == [], BANNED[pattern]
