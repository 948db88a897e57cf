"""The edits of stack files: those of an operator's acts, and those that mend everything at the end."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from operations.records import Claim
from recovery import timeline as rules
from recovery.timeline import DatabaseId, DatabaseRole
from rehearsal.simulation.plan import OTHER, Verb
from rehearsal.simulation.stack import Stack

Stacks = Mapping[str, Stack]


def _fail_over(stacks: Stacks, stack: Stack, **more: Any) -> bool:
    return stack.edit(timeline=[*stack.timeline, stack.own], switchover={}, **more)


def _fail_over_with_loss(stacks: Stacks, stack: Stack) -> bool:
    history = [DatabaseId.parse(entry) for entry in (*stack.timeline, stack.own)]
    try:
        thrown = {number for index in range(len(history)) for number in rules.discarded_epochs(index, history)}
    except IndexError:
        return False
    return _fail_over(stacks, stack, discards=sorted(thrown))


def _take(stacks: Stacks, stack: Stack, **more: Any) -> bool:
    timeline = [*stack.timeline, stack.own]
    return stack.edit(timeline=timeline, switchover={"take": len(timeline), **more})


def _learn(stacks: Stacks, stack: Stack) -> bool:
    other = stacks[OTHER[stack.name]]
    if len(other.timeline) < len(stack.timeline):
        return False
    return stack.edit(timeline=other.timeline, discards=other.file.get("lifeline:discards", []), switchover={})


def _reseed(stacks: Stacks, stack: Stack) -> bool:
    return stack.edit(database=stack.file.get("lifeline:database", {}) | {"seeded": len(stack.timeline)})


def _restore(stacks: Stacks, stack: Stack) -> bool:
    epoch = len(stack.timeline) + 1
    database = stack.file.get("lifeline:database", {})
    restores = [*database.get("restores", []), {"epoch": epoch, "pointInTime": "latest"}]
    timeline = [*stack.timeline, f"{stack.name}-{epoch}"]
    return stack.edit(timeline=timeline, database=database | {"seeded": epoch, "restores": restores}, switchover={})


def _older(stacks: Stacks, stack: Stack) -> bool:
    if len(stack.earlier) < 2:
        return False
    stack.file = copy.deepcopy(stack.earlier[-2])
    return True


EDITS: Mapping[Verb, Callable[[Stacks, Stack], bool]] = {
    Verb.FAIL_OVER: _fail_over,
    Verb.FAIL_OVER_WITH_LOSS: _fail_over_with_loss,
    Verb.DRAIN: lambda _, stack: stack.edit(switchover={"drain": len(stack.timeline)}),
    Verb.RESUME: lambda _, stack: stack.edit(switchover={}),
    Verb.TAKE: _take,
    Verb.TAKE_WITH_LOSS: partial(_take, acceptLoss=True),
    Verb.LEARN: _learn,
    Verb.RESEED: _reseed,
    Verb.RESTORE: _restore,
    Verb.AGAIN: lambda _, __: True,
    Verb.OLDER: _older,
}


def tell(stack: Stack, newest: Claim, leader: Stack, made: Collection[DatabaseId]) -> bool:
    """Give a file the newest claim's timeline, and a database that fits. Returns whether the program accepts it.

    Args:
        stack: its file is changed.
        newest: the newest claim.
        leader: the stack that made it.
        made: the databases that exist.
    """
    files = [leader.file, *reversed(leader.tried)]
    known = next(file for file in files if file["lifeline:timeline"][newest.epoch - 1 :] == [str(newest.database)])
    lines = {key.partition(":")[2]: known.get(key, []) for key in ("lifeline:timeline", "lifeline:discards")}
    history = [DatabaseId.parse(entry) for entry in lines["timeline"]]
    own = DatabaseId.parse(stack.own)
    fits = rules.database_role(own, history) is DatabaseRole.REPLICA and own not in stack.state.leaders
    follower = own.epoch if fits else newest.epoch
    database = stack.file.get("lifeline:database", {})
    asked = (known if stack is leader else stack.file).get("lifeline:database", {}).get("restores", [])
    restored = {entry.epoch for entry in history if entry.site == stack.name and rules.is_born_leader(entry, history)}
    never_made = {entry for entry in history[:-1] if entry.site == stack.name and entry not in made} - {history[-1]}
    change = {
        "seeded": newest.database.epoch if stack is leader else follower,
        "restores": [entry for entry in asked if entry["epoch"] in restored],
        "retired": sorted(entry.epoch for entry in never_made),
    }
    return stack.edit(**lines, switchover={}, database=database | change)
