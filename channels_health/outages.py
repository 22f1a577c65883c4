"""Outages from a channel's history: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HEALTHY = frozenset({"CONNECTED", "ONLINE", "UP", "OK", "ACTIVE", "READY", "HEALTHY", "OPERATIONAL"})
"""States, in upper case, in which a channel works; any other is an outage until it is left."""


@dataclass(frozen=True)
class Stand:
    """That a channel was in `status` from `at` until `until` (None: it is so still)."""

    status: str
    at: datetime
    until: datetime | None
    reason: str = ""


@dataclass(frozen=True)
class Outage:
    """A time in which the channel did not work, through whatever states it went; `ended` None: it goes on."""

    began: datetime
    ended: datetime | None
    states: tuple[str, ...]
    reason: str = ""

    def length(self, at: datetime) -> timedelta:
        """How long it lasted, or has lasted by `at`."""
        return _seconds((self.ended or at) - self.began)

    def within(self, since: datetime, at: datetime) -> timedelta:
        """How much of it lies between."""
        return max((self.ended or at) - max(self.began, since), timedelta())


def works(status: str) -> bool:
    """Whether a channel in this state works; one that nobody has told of is no outage."""
    return not status or status.upper() in HEALTHY


def outages(history: Iterable[Stand], *, since: datetime) -> list[Outage]:
    """The outages that touch the time after `since`, the latest first.

    history   oldest first, without gaps
    """
    found: list[Outage] = []
    going: Outage | None = None
    for stand in history:
        if works(stand.status):
            if going:
                found.append(Outage(going.began, stand.at, going.states, going.reason))
            going = None
        elif going is None:
            going = Outage(stand.at, None, (stand.status,), stand.reason)
        else:
            going = Outage(going.began, None, (*going.states, stand.status), going.reason or stand.reason)
    if going:
        found.append(going)
    return [one for one in found if one.ended is None or one.ended > since][::-1]


def total(found: Sequence[Outage], *, since: datetime, at: datetime) -> timedelta:
    """How long the channel did not work between."""
    return _seconds(sum((one.within(since, at) for one in found), timedelta()))


def _seconds(length: timedelta) -> timedelta:
    """Whole seconds, cut off."""
    return length - timedelta(microseconds=length.microseconds)
