"""Whether a door is used as it usually is: a sender that fell silent tells of no trouble either."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from policies.durations import format_duration

from .models import Integration, WebhookLog

SAMPLES, FEWEST = 50, 5
LONGER = 3
"""A pause is a silence when it is so many times the longest of those before."""
SHORTEST = timedelta(days=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Standing:
    """How a door is doing: `off`, `waiting` (never used), `receiving` or `silent`, and the same in words."""

    state: str
    words: str


def standing(door: Integration, *, at: datetime) -> Standing:
    """How `door` is doing at `at`, judged by the newest 50 requests it let in."""
    if not door.enabled:
        return Standing("off", "switched off")
    if door.last_seen_at is None:
        return Standing("waiting", "nothing has come yet")
    ago = at - door.last_seen_at
    since = format_duration(timedelta(seconds=max(0, int(ago.total_seconds()))))
    times = list(
        WebhookLog.objects.filter(
            integration=door, verdict=WebhookLog.Verdict.ACCEPTED, replay_of=None, at__lte=door.last_seen_at
        ).order_by("-at").values_list("at", flat=True)[:SAMPLES]
    )  # fmt: skip
    if len(times) < FEWEST:
        return Standing("receiving", f"last {since} ago")
    gaps = [later - earlier for later, earlier in pairwise(times)]
    span = times[0] - times[-1]
    if ago <= max(LONGER * max(gaps), SHORTEST):
        return Standing("receiving", f"last {since} ago")
    return Standing("silent", f"silent for {since}; {_rate(len(gaps), span)} before")


def _rate(count: int, span: timedelta) -> str:
    """`was 5 a day`, of so many in so long."""
    a_day = count / max(span / DAY, 1e-9)
    if a_day > 24 * 60:
        return "several a minute"
    return (
        f"{a_day / 24:.0f} an hour"
        if a_day >= 48
        else f"{a_day:.0f} a day"
        if a_day >= 1
        else f"{a_day * 7:.1f} a week"
    )
