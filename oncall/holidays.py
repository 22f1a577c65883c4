"""Which dates are holidays: written ones, and the public holidays of countries."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache


@lru_cache(maxsize=64)
def of_country(country: str, year: int) -> frozenset[date]:
    """The public holidays of a country (two letters) in a year."""
    import holidays as public_holidays  # 3 MB in each process, and few calendars name a country

    return frozenset(public_holidays.country_holidays(country, years=year))


@dataclass(frozen=True)
class Days:
    """Whether a date is one of `entries`: dates (2026-12-25) and country codes (NL)."""

    entries: tuple[str, ...]

    def __call__(self, day: date) -> bool:
        return any(
            day in of_country(entry.upper(), day.year) if len(entry) == 2 else day.isoformat() == entry
            for entry in self.entries
        )
