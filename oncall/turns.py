"""The arithmetic of a rotation: when its turns begin and whose they are. Plain values, no database, no clock.

Turns of days, weeks and months follow the local clock; hours are elapsed time. A wall-clock time that occurs twice
means the first, one that does not exist takes the offset before the gap.
"""

from calendar import monthrange
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

ROTATIONS = ("hours", "days", "weeks", "months")
NEVER = datetime.max.replace(tzinfo=UTC)  # what a turn beyond the calendar's last year starts at

P = TypeVar("P", bound=Hashable)


def instant(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return `moment` as UTC; naive means the clock on the wall in `zone`."""
    if moment.tzinfo is None:
        # fold=0 is both rules at once: the first of two, and in a gap the offset before it (PEP 495)
        moment = moment.replace(tzinfo=zone, fold=0)
    return moment.astimezone(UTC)


def handoff_at(turn: int, *, first_handoff: datetime, rotation: str, length: int, zone: ZoneInfo) -> datetime:
    """Return when turn number `turn` starts, in UTC; the first is 0. Beyond the year 9999: NEVER.

    Months clamp to their last day, counted from the first hand-off: 31 January, 28 February, 31 March.
    """
    if rotation not in ROTATIONS or length < 1:
        raise ValueError(f"A turn of {length} {rotation} is unknown; give 1 or more of {', '.join(ROTATIONS)}.")
    start = instant(first_handoff, zone)
    if turn == 0:
        return start
    wall = _wall(first_handoff, zone)
    try:
        match rotation:
            case "hours":
                return start + timedelta(hours=turn * length)
            case "months":
                years, month = divmod(wall.month - 1 + turn * length, 12)
                year = wall.year + years
                day = min(wall.day, monthrange(year, month + 1)[1])
                return instant(wall.replace(year=year, month=month + 1, day=day), zone)
            case _:
                return instant(wall + timedelta(**{rotation: turn * length}), zone)
    except (OverflowError, ValueError):  # ValueError: the year is out of range
        return NEVER


def turn_at(at: datetime, *, first_handoff: datetime, rotation: str, length: int, zone: ZoneInfo) -> int | None:
    """Return the number of the turn that `at` (aware) falls into, or None before the first hand-off."""
    rule: dict[str, Any] = {"first_handoff": first_handoff, "rotation": rotation, "length": length, "zone": zone}
    at, start = at.astimezone(UTC), handoff_at(0, **rule)
    if at < start:
        return None
    if rotation == "hours":
        return (at - start) // timedelta(hours=length)
    first, now = _wall(first_handoff, zone), _wall(at, zone)
    if rotation == "months":
        turn = ((now.year - first.year) * 12 + now.month - first.month) // length
    else:
        turn = (now.date() - first.date()) // timedelta(**{rotation: length})
    # The date alone can be one turn off, by the time of day, the clamp, or a clock put back over midnight.
    while handoff_at(turn, **rule) > at:
        turn -= 1
    while handoff_at(turn + 1, **rule) <= at:
        turn += 1
    return turn


def holder_at(
    at: datetime,
    *,
    members: Sequence[P],
    first_handoff: datetime,
    rotation: str,
    length: int,
    zone: ZoneInfo,
) -> P | None:
    """Return the member who holds the shift at `at` (aware, any zone), or None before the first hand-off.

    members        sequence in hand-off order, at least one; empty raises ValueError
    first_handoff  aware, or naive on the clock of `zone`
    rotation       hours of elapsed time; days, weeks or months on the local clock: a 23-hour day counts as one
    length         of a turn, in units of the rotation, at least one
    """
    if not members:
        raise ValueError("A rotation needs at least one member.")
    turn = turn_at(at, first_handoff=first_handoff, rotation=rotation, length=length, zone=zone)
    return None if turn is None else members[turn % len(members)]


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """The naive reading of the clock in `zone` at `moment`, which may be such a reading already."""
    return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)
