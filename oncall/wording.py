"""Stretches of time as people say them, on the clock of a zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from policies.durations import format_duration


def moment(at: datetime, zone: ZoneInfo) -> str:
    """`Mon 23 Nov 2026 09:00`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M}"


def stretch(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """`Mon 23 Nov 2026 09:00 to 17:00 (8h, Europe/Amsterdam)`: the second date only when it is another day."""
    from_, to = start.astimezone(zone), end.astimezone(zone)
    until = f"{to:%H:%M}" if from_.date() == to.date() else moment(end, zone)
    return f"{moment(start, zone)} to {until} ({length(end - start)}, {zone.key})"


def length(span: timedelta) -> str:
    """`8h`, `3d12h`, to the minute."""
    return format_duration(timedelta(minutes=span // timedelta(minutes=1))) if span >= timedelta(minutes=1) else "<1m"


def names(people) -> str:
    """`ada and grace`, or `nobody`."""
    said = [str(person) for person in people]
    if len(said) < 2:
        return said[0] if said else "nobody"
    return f"{', '.join(said[:-1])} and {said[-1]}"
