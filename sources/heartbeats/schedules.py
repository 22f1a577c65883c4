"""When a job is expected, by its cron or OnCalendar expression on the local clock of its zone; pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

CRON, ONCALENDAR = "cron", "oncalendar"


class BadSchedule(ValueError):
    """An expression or a zone that cannot be used.

    field  "expression" or "timezone"
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`, or BadSchedule."""
    try:
        return _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSchedule(
            "timezone", f"There is no time zone {name!r}; write it like Europe/Berlin, Asia/Jakarta or UTC."
        ) from None


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def check(kind: str, expression: str, timezone: str, *, at: datetime) -> None:
    """Raise BadSchedule unless the expression can be read and names a time after `at`."""
    zone(timezone)
    if not expression.strip():
        words = "a cron expression such as 30 3 * * *" if kind == CRON else "an OnCalendar expression such as Mon 03:30"
        raise BadSchedule("expression", f"This needs {words}.")
    try:
        first = next_after(at, kind=kind, expression=expression, timezone=timezone)
    except (CronSimError, OnCalendarError) as error:
        said = str(error).rstrip(".")
        what = "a cron expression" if kind == CRON else "an OnCalendar expression"
        raise BadSchedule("expression", f"{expression!r} is not {what}: {said}.") from None
    if first is None:
        raise BadSchedule("expression", f"{expression!r} names no time that is still to come.")


def next_after(at: datetime, *, kind: str, expression: str, timezone: str) -> datetime | None:
    """The first expected time after `at` (aware), in UTC; None when there is none any more.

    A local time that is skipped or occurs twice when clocks change is handled as cron and systemd do.
    """
    return next(_times(at, kind, expression, timezone), None)


def coming(at: datetime, *, kind: str, expression: str, timezone: str, count: int = 5) -> list[datetime]:
    """The next `count` expected times after `at`, fewer when there are no more, each in the schedule's zone."""
    local = zone(timezone)
    return [when.astimezone(local) for when in islice(_times(at, kind, expression, timezone), count)]


def _times(at: datetime, kind: str, expression: str, timezone: str) -> Iterator[datetime]:
    local = at.astimezone(zone(timezone))
    lines = "\n".join(line.strip() for line in expression.splitlines() if line.strip())
    times = CronSim(lines, local) if kind == CRON else OnCalendar(lines, local)
    for when in times:
        yield when.astimezone(UTC)
