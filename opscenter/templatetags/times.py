"""Instants on the responder pages: written in UTC, machine-readable, so that a script can add the local time."""

from datetime import UTC, datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


def _time(at: datetime, text: str, words: str) -> SafeString:
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" class="{}" title="{} UTC">{}</time>',
        at.isoformat(timespec="seconds"), words, f"{at:%a %d %b %Y, %H:%M:%S}", text,
    )  # fmt: skip


@register.filter
def instant(at: datetime | None) -> SafeString | str:
    """`21 Nov 06:19:22 UTC`, for a time that may be of another day; local time stands beside it."""
    return _time(at, f"{at.astimezone(UTC):%-d %b %H:%M:%S} UTC", "instant") if at else ""


@register.filter
def clock(at: datetime | None, day: datetime | None = None) -> SafeString | str:
    """`06:19:22`, for one time in a list of many, after its date if that is not `day`'s; the title has all of it."""
    if at is None:
        return ""
    same = day is None or at.astimezone(UTC).date() == day.astimezone(UTC).date()
    return _time(at, f"{at.astimezone(UTC):{'%H:%M:%S' if same else '%-d %b %H:%M:%S'}}", "clock")


@register.filter
def instant_near(at: datetime | None, other: datetime) -> SafeString | str:
    """As `instant`, without the date when it is within 20 hours of `other`, and so needs none."""
    if at is None or abs(at - other) > timedelta(hours=20):
        return instant(at)
    return _time(at, f"{at.astimezone(UTC):%H:%M:%S} UTC", "instant")


@register.filter
def iso(at: datetime | None) -> str:
    """For `data-due` and `data-since`, which count by the second."""
    return at.astimezone(UTC).isoformat() if at else ""


@register.filter
def length_text(length: timedelta | None) -> str:
    """`1h 5m 10s`: a length of time in words, to the second."""
    seconds = int(length.total_seconds()) if length else 0
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return " ".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
