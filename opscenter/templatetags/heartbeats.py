"""A heartbeat's lengths of time and its rhythm, in words."""

from datetime import timedelta

from django import template

from policies.durations import format_duration
from sources.heartbeats.chart import took
from sources.models import Heartbeat

register = template.Library()
register.filter("took", took)


@register.filter
def length_of(length: timedelta | None) -> str:
    return "" if length is None else format_duration(length)


@register.filter
def rhythm(heartbeat: Heartbeat) -> str:
    """`every 5m`, or its expression with its zone."""
    if heartbeat.schedule == Heartbeat.Schedule.PERIOD:
        return f"every {length_of(heartbeat.period)}" if heartbeat.period else "at any time"
    expression = " or ".join(line.strip() for line in heartbeat.expression.splitlines() if line.strip())
    kind = "cron" if heartbeat.schedule == Heartbeat.Schedule.CRON else "OnCalendar"
    return f"{kind} {expression} ({heartbeat.timezone})"
