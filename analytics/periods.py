"""Which days figures are about: whole days on the clock of one zone, and as many days before them to compare with."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from oncall.turns import instant

DAY = timedelta(days=1)
USUAL = 30
LONGEST = 400
EARLIEST, LATEST = date(1990, 1, 1), date(2199, 12, 31)


class BadPeriod(ValueError):
    """Days or a zone that cannot be used; `field` names which, the text says why."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both counted in, on the clock of `zone`."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def begin(self) -> datetime:
        """Its first instant, UTC."""
        return instant(datetime.combine(self.first, time()), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it, UTC."""
        return instant(datetime.combine(self.last + DAY, time()), self.zone).astimezone(UTC)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """As many days, ending on the eve of this period."""
        return Period(self.first - self.days * DAY, self.first - DAY, self.zone)


def period(
    first: date | None = None, last: date | None = None, *, zone: str = "UTC", days: int | None = None, at: datetime
) -> Period:
    """The period that was asked for, or the `days` (30 unless told) that end with `last`, today unless told.

    From `first` alone it goes on until today.

    BadPeriod names the field (from, to, zone, days) that cannot be used.
    """
    try:
        clock = ZoneInfo(zone)
    except (LookupError, ValueError, OSError):  # an unknown name, none at all, a folder
        raise BadPeriod("zone", f"There is no time zone {zone!r}; write one such as Asia/Jakarta.") from None
    if days is not None and first is not None:
        raise BadPeriod("days", "Say either from which day, or how many days; not both.")
    if days is not None and not 1 <= days <= LONGEST:
        raise BadPeriod("days", f"Choose 1 to {LONGEST} days.")
    for name, day in (("from", first), ("to", last)):
        if day is not None and not EARLIEST <= day <= LATEST:
            raise BadPeriod(name, "Choose a day between 1990 and 2199.")
    today = at.astimezone(clock).date()
    if last is None:
        last = today
    first = first or last - ((days or USUAL) - 1) * DAY
    if last < first:
        raise BadPeriod("to", "The last day is before the first.")
    if (last - first).days >= LONGEST:
        raise BadPeriod("to", f"Choose at most {LONGEST} days. Take a later first day, or an earlier last one.")
    return Period(first, last, clock)
