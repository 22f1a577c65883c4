"""Plans read once for a whole sweep: they hardly change, and a sweep that works many rows would ask for each of them.

What is kept lasts as long as one transaction of a sweep, a fraction of a second; whoever works outside of one reads
anew each time.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_kept: ContextVar[dict[Hashable, Any] | None] = ContextVar("kept", default=None)


@contextmanager
def a_sweep() -> Iterator[None]:
    """What `once_a_sweep` functions answer inside is kept until its end; one within another is a part of it."""
    if _kept.get() is not None:
        yield
        return
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def once_a_sweep(read: Callable[P, R]) -> Callable[P, R]:
    """Let `read` answer within a sweep what it answered before for the same arguments, which are hashable.

    The answer is shared by all who ask: nobody changes it. It is for what people write, not for what a sweep does.
    """

    @wraps(read)
    def known(*args: P.args, **more: P.kwargs) -> R:
        kept = _kept.get()
        if kept is None:
            return read(*args, **more)
        slot = (read, args, tuple(sorted(more.items())))
        if slot not in kept:
            kept[slot] = read(*args, **more)
        return kept[slot]

    return known
