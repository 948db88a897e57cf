"""Python's garbage collector, in a process that holds two whole sites."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quick_collections() -> Generator[None]:
    """Leave out everything that exists now from the garbage collector's full collections while the block lasts.

    Two sites are half a million objects. To look at them all stops every thread for a third of a second. The
    clock does not count it, but pods do: a fence gives the ledger one second to answer.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
