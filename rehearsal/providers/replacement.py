"""Which changes force a replacement, for every stand-in: the rules that `lifeline diff` and both engines share."""

from __future__ import annotations

from rehearsal.providers.aws.rules import replaces as aws_replaces


def replaces(type_: str) -> frozenset[str]:
    """The inputs of a type whose change forces a replacement."""
    return aws_replaces(type_)
