"""Swaps of the wiring, generated from its source: each passes one value where another one of the same type belongs.

A swap replaces one attribute in a call (`keys.logs_arn`) by a sibling of the same type (`keys.database_arn`), or
exchanges two arguments of one type. A type checker accepts each of them.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pulumi

from stacks import alarms, backups, copies, data, edge, logs, monitoring, platform
from stacks.sections import Images

MODULES: tuple[ModuleType, ...] = (alarms, backups, copies, data, edge, logs, monitoring, platform)


@dataclass(frozen=True)
class Swap:
    """One replacement in one function of the wiring."""

    function: FunctionType
    code: CodeType
    description: str

    @contextmanager
    def applied(self) -> Generator[None]:
        """Run the function with the replacement."""
        before = self.function.__code__
        setattr(self.function, "__code__", self.code)  # noqa: B010 - the checker takes a field for a method
        try:
            yield
        finally:
            setattr(self.function, "__code__", before)  # noqa: B010


def swaps() -> list[Swap]:
    """Every swap of every module, in the order of the source."""
    return [swap for module in MODULES for swap in _of_module(module)]


def _of_module(module: ModuleType) -> Iterator[Swap]:
    tree = ast.parse(inspect.getsource(module))
    for index, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef):
            function = getattr(module, node.name)
            for changed, description in _of_function(node, _locals(node, function)):
                body = [*tree.body[:index], changed, *tree.body[index + 1 :]]
                code = _code(ast.Module(body, type_ignores=[]), module, node.name)
                yield Swap(function, code, f"{module.__name__}.{node.name}: {description}")


def _code(tree: ast.Module, module: ModuleType, name: str) -> CodeType:
    compiled = compile(ast.fix_missing_locations(tree), str(module.__file__), "exec")
    return next(const for const in compiled.co_consts if isinstance(const, CodeType) and const.co_name == name)


def _of_function(node: ast.FunctionDef, types: dict[str, Any]) -> Iterator[tuple[ast.FunctionDef, str]]:
    for number, value in enumerate(_values(node)):
        for step, (owner, attribute) in enumerate(_chain(value, types)):
            for sibling in _siblings(owner, attribute):
                changed = copy.deepcopy(node)
                place = _values(changed)[number]
                _link(place, step).attr = sibling
                yield changed, f"line {value.lineno}, {ast.unparse(place)} for {ast.unparse(value)}"
    for number, call in enumerate(_calls(node)):
        for first, second in combinations(range(len(call.keywords)), 2):
            kinds = {str(_type(call.keywords[index].value, types)) for index in (first, second)}
            if len(kinds) == 1 and _is_output(*kinds):
                changed = copy.deepcopy(node)
                pair = [_calls(changed)[number].keywords[index] for index in (first, second)]
                pair[0].value, pair[1].value = pair[1].value, pair[0].value
                yield changed, f"line {call.lineno}, {pair[0].arg} and {pair[1].arg} exchanged"


def _values(node: ast.AST) -> list[ast.Attribute]:
    """Every whole `a.b.c` that is read."""
    inner = {id(entry.value) for entry in ast.walk(node) if isinstance(entry, ast.Attribute)}
    return [entry for entry in ast.walk(node) if isinstance(entry, ast.Attribute) and id(entry) not in inner]


def _calls(node: ast.AST) -> list[ast.Call]:
    return [entry for entry in ast.walk(node) if isinstance(entry, ast.Call)]


def _link(value: ast.expr, step: int) -> ast.Attribute:
    links: list[ast.Attribute] = []
    while isinstance(value, ast.Attribute):
        links.append(value)
        value = value.value
    return links[::-1][step]


def _chain(value: ast.expr, types: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """The class and the name of each attribute of `a.b.c`, from the left."""
    links: list[str] = []
    while isinstance(value, ast.Attribute):
        links.append(value.attr)
        value = value.value
    owner = types.get(value.id) if isinstance(value, ast.Name) else None
    for name in reversed(links):
        if owner is None:
            return
        yield owner, name
        owner = _attributes(owner).get(name)


def _type(value: ast.expr, types: dict[str, Any]) -> Any:
    steps = list(_chain(value, types))
    return _attributes(steps[-1][0]).get(steps[-1][1]) if steps and isinstance(value, ast.Attribute) else None


@cache
def _attributes(owner: Any) -> dict[str, Any]:
    """The public attributes of a class that have a type."""
    if not isinstance(owner, type):
        return {}
    hints: dict[str, Any] = {}
    for part in (entry for entry in owner.__mro__ if entry.__module__.startswith(("components.", "stacks."))):
        hints |= inspect.get_annotations(part, eval_str=True)
        for name, member in vars(part).items():
            if isinstance(member, property) and member.fget:
                hints[name] = inspect.get_annotations(member.fget, eval_str=True).get("return")
    return {name: hint for name, hint in hints.items() if not name.startswith("_")}


def _siblings(owner: Any, attribute: str) -> Iterator[str]:
    attributes = _attributes(owner)
    kind = attributes.get(attribute)
    if _is_output(kind) or owner is Images or (isinstance(kind, type) and issubclass(kind, pulumi.ComponentResource)):
        yield from (name for name, other in attributes.items() if other == kind and name != attribute)


def _is_output(kind: Any) -> bool:
    return "Output" in str(kind)


def _locals(node: ast.FunctionDef, function: FunctionType) -> dict[str, Any]:
    """The types of a function's parameters, and of the variables whose values have one."""
    types = {name: hint for name, hint in _hints(function).items() if name != "return"}
    for entry in ast.walk(node):
        if isinstance(entry, ast.Assign) and len(entry.targets) == 1:
            target = entry.targets[0]
            pairs = (
                zip(target.elts, entry.value.elts, strict=True)
                if isinstance(target, ast.Tuple) and isinstance(entry.value, ast.Tuple)
                else [(target, entry.value)]
            )
            for name, value in pairs:
                if isinstance(name, ast.Name):
                    types[name.id] = _made(value, function) or _type(value, types)
    return types


def _made(value: ast.expr, function: FunctionType) -> Any:
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
        return None
    maker = function.__globals__.get(value.func.id)
    if isinstance(maker, type):
        return maker
    return _hints(maker).get("return") if isinstance(maker, FunctionType) else None


def _hints(function: FunctionType) -> dict[str, Any]:
    return inspect.get_annotations(function, eval_str=True)
