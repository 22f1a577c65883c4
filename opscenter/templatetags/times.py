"""Instants on the responder pages: written in UTC, machine-readable, so that a script can add the local time."""

from datetime import UTC, datetime

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
def clock(at: datetime | None) -> SafeString | str:
    """`06:19:22`, for one time in a list of many; date and local time are in its title."""
    return _time(at, f"{at.astimezone(UTC):%H:%M:%S}", "clock") if at else ""


@register.filter
def iso(at: datetime | None) -> str:
    """For `data-due` and `data-since`, which count by the second."""
    return at.astimezone(UTC).isoformat() if at else ""
