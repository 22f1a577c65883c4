"""Sessions on databases that are kept open between checks: each thread has its own."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

KEPT = 8  # sessions per thread; the one used longest ago is closed


class Kept(Protocol):
    """A session as it is kept; `worn` says that it must not be used again."""

    @property
    def worn(self) -> bool: ...

    def close(self) -> None: ...


S = TypeVar("S", bound=Kept)


class Sessions(threading.local, Generic[S]):
    """The sessions of one thread, the one used last at the end. `opens` makes one, or raises the driver's error."""

    def __init__(self, opens: Callable[[str, timedelta], S]) -> None:
        self.opens = opens
        self.kept: OrderedDict[tuple[str, float], S] = OrderedDict()

    def get(self, url: str, timeout: timedelta) -> tuple[S, bool]:
        """Return a session and whether it was opened just now."""
        key = (url, timeout.total_seconds())
        session = self.kept.get(key)
        if session and not session.worn:
            self.kept.move_to_end(key)
            return session, False
        self.drop(url, timeout)
        session = self.kept[key] = self.opens(url, timeout)
        while len(self.kept) > KEPT:
            self.kept.popitem(last=False)[1].close()
        return session, True

    def clear(self) -> None:
        """Close them all, as a worker does before it ends."""
        while self.kept:
            self.kept.popitem()[1].close()

    def drop(self, url: str, timeout: timedelta) -> None:
        if session := self.kept.pop((url, timeout.total_seconds()), None):
            session.close()
