"""At most one message for a key and destination in a window; what is held back is counted, and told of by the next."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F

from policies.durations import format_duration

from .models import ThrottleWindow
from .routing import Choice


@dataclass(frozen=True)
class Passed:
    """The message may go out; `held` were held back since `since` (None: it is the first)."""

    held: int = 0
    since: datetime | None = None
    length: timedelta = timedelta()

    def __str__(self) -> str:
        """What the message says of it; empty when nothing was held back."""
        if not self.held or self.since is None:
            return ""
        since, length = f"{self.since.astimezone(UTC):%H:%M:%S} UTC", format_duration(self.length)
        return f"{self.held} suppressed since {since} (at most one in {length})."


@dataclass(frozen=True)
class Held:
    """The message waits or is only counted, as the window is open `until` then."""

    until: datetime


@transaction.atomic
def admit(key: str, choice: Choice, *, rank: int, at: datetime, always: bool = False) -> Passed | Held:
    """Whether a message about `key` may go to `choice` at `at`; counts it when it may not.

    rank    of its level, 0 the gravest: a graver one than was told last passes
    always  it goes out whatever the window says, and begins a new one
    """
    values = {"opened_at": at, "ends_at": at + choice.throttle, "rank": rank}
    place = {"key": key[:400], "destination": choice.destination, "part": choice.part}
    window, new = ThrottleWindow.objects.select_for_update().get_or_create(**place, defaults=values)
    if new:
        return Passed()
    if at < window.ends_at and rank >= window.rank and not always:
        ThrottleWindow.objects.filter(pk=window.pk).update(held=F("held") + 1)
        return Held(window.ends_at)
    ThrottleWindow.objects.filter(pk=window.pk).update(**values, held=0)
    return Passed(window.held, window.opened_at, choice.throttle)


ANYTHING = "*"
"""The key of the window that a destination has for all it is told."""


def admit_to_both(key: str, choice: Choice, *, rank: int, at: datetime, always: bool = False) -> Passed | Held:
    """As `admit`, for the window of the key and that of the destination: it goes out when neither holds it back."""
    if not choice.place_throttle:
        return admit(key, choice, rank=rank, at=at, always=always) if choice.throttle else Passed()
    if choice.throttle and not always and holds(key, choice, rank=rank, at=at):
        return admit(key, choice, rank=rank, at=at)
    for_all = admit(ANYTHING, replace(choice, throttle=choice.place_throttle), rank=rank, at=at, always=always)
    if isinstance(for_all, Held) or not choice.throttle:
        return for_all
    of_key = admit(key, choice, rank=rank, at=at, always=always)
    return for_all if for_all.held or isinstance(of_key, Held) else of_key


def holds(key: str, choice: Choice, *, rank: int, at: datetime) -> bool:
    """Whether `admit` would hold a message back; changes nothing."""
    window = ThrottleWindow.objects.filter(key=key[:400], destination=choice.destination, part=choice.part).first()
    return window is not None and at < window.ends_at and rank >= window.rank


def uncount(key: str, choice: Choice) -> None:
    """One that was counted as held back is told of after all."""
    rows = ThrottleWindow.objects.filter(key=key[:400], destination=choice.destination, part=choice.part, held__gt=0)
    rows.update(held=F("held") - 1)
