"""The stretch of time that a dashboard shows, as its address says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from policies.durations import BadDuration, format_duration, parse_duration

CHOICES = ("1h", "6h", "1d", "7d", "30d")
LONGEST = timedelta(days=90)
SHORTEST = timedelta(seconds=10)
AGO = re.compile(r"now(?:-(\w+))?", re.ASCII)


class BadSpan(ValueError):
    """A stretch of time that cannot be shown; the text is a sentence for whoever typed it."""


@dataclass(frozen=True)
class Span:
    """From `begin` to `end`, aware; `said` is the length that was asked for, empty when both ends were named."""

    begin: datetime
    end: datetime
    said: str = ""

    @property
    def length(self) -> timedelta:
        return self.end - self.begin

    @property
    def before(self) -> "Span":
        """The same length of time before it."""
        return Span(self.begin - self.length, self.begin)

    @property
    def query(self) -> str:
        """What an address says to show the same stretch."""
        if self.said:
            return f"range={self.said}"
        return f"from={_text(self.begin)}&to={_text(self.end)}"

    @property
    def facts(self) -> dict[str, str]:
        """What links of a pack may name of it: {from}, {to} as ISO instants, {from_ms}, {to_ms} as epoch."""
        return {
            "from": _text(self.begin), "to": _text(self.end),
            "from_ms": str(int(self.begin.timestamp() * 1000)), "to_ms": str(int(self.end.timestamp() * 1000)),
        }  # fmt: skip


def of(length: timedelta, *, at: datetime, said: str = "") -> Span:
    return Span(at - length, at, said or format_duration(length))


def read(given: Mapping[str, str], usual: timedelta, *, at: datetime) -> Span:
    """What `range`, or `from` and `to`, ask for; `usual` when they say nothing. BadSpan in words.

    from, to   ISO instants, Unix seconds or milliseconds, or `now`, `now-6h`
    """
    length = usual
    if said := given.get("range", "").strip():
        try:
            length = parse_duration(said)
        except BadDuration as error:
            raise BadSpan(f"range: {error}") from None
    begin, end = (_instant(name, given.get(name, "").strip(), at) for name in ("from", "to"))
    if begin is None and end is None:
        _check(length)
        return of(length, at=at)
    end = end or at
    begin = begin or end - length
    if begin >= end:
        raise BadSpan("from: The beginning must lie before the end.")
    _check(end - begin)
    return Span(begin, end)


def _check(length: timedelta) -> None:
    if length > LONGEST:
        raise BadSpan(f"A dashboard shows at most {format_duration(LONGEST)} at once.")
    if length < SHORTEST:
        raise BadSpan(f"A dashboard shows at least {format_duration(SHORTEST)} at once.")


def _instant(name: str, said: str, at: datetime) -> datetime | None:
    if not said:
        return None
    if ago := AGO.fullmatch(said):
        try:
            return at - parse_duration(ago[1]) if ago[1] else at
        except (BadDuration, OverflowError):
            raise BadSpan(f"{name}: {said!r} is no instant; write now-6h, an ISO instant or Unix time.") from None
    try:
        if said.isascii() and said.isdecimal():
            number = int(said)
            return datetime.fromtimestamp(number / 1000 if number >= 10**11 else number, UTC)
        moment = datetime.fromisoformat(said.replace(" ", "+"))  # a + in an address arrives as a blank
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise BadSpan(f"{name}: {said[:40]!r} is no instant; write 2026-01-05T09:00Z, Unix time or now-6h.") from None


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
