"""What alerts of a door must show before they open an incident: that they last (pause), come often (open_after).

Options of a door: `{"pause": "2m"}`, or `{"pause": [{"match": "severity=warning", "for": "2m"}]}`;
`{"open_after": {"count": 3, "within": "10m"}}`. Alerts join an incident that is open at once.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from incidents.models import Incident
from policies.durations import BadDuration, format_duration, parse_duration
from sources.models import Integration

from .alertmanager.filters import parse
from .matching import BadMatcher, all_of
from .models import Hold, Liveness, Tally
from .suppression import Verdict

if TYPE_CHECKING:
    from .grouping import Group, Origins, Row

log = logging.getLogger(__name__)
Slot = tuple[str, str]


def hold(
    groups: "dict[Slot, Group]", open_now: Mapping[Slot, Incident], origins: "Origins", *, at: datetime
) -> "list[tuple[Verdict, list[Row]]]":
    """Take out of the groups what may not open an incident yet; return it with the reason."""
    held = []
    for slot, group in list(groups.items()):
        door = None if group.rows[0].rule else origins.doors.get(group.rows[0].integration)
        if door is None or slot in open_now or not (door.options.get("pause") or door.options.get("open_after")):
            continue
        try:
            found = _paused(group, door, at=at) + _rare(group, door, at=at)
        except (BadDuration, BadMatcher, TypeError, KeyError, ValueError) as error:
            log.error("The pause or open_after of door %s cannot be read, so it holds nothing back: %s", door, error)
            continue
        held += found
        out = {row.alert for _, rows in found for row in rows}
        group.rows = [row for row in group.rows if row.alert not in out]
        if not group.rows:
            del groups[slot]
    return held


def pause_of(options: Mapping[str, Any], labels: Mapping[str, str]) -> timedelta:
    """How long an alert with these labels must last."""
    said = options.get("pause") or "0"
    for one in [{"for": said}] if isinstance(said, str) else said:
        matchers = one.get("match") or []
        matchers = [matchers] if isinstance(matchers, str) else matchers
        if all_of([parse(text) for text in matchers])(labels):
            return parse_duration(one["for"])
    return timedelta()


def _paused(group: "Group", door: Integration, *, at: datetime) -> "list[tuple[Verdict, list[Row]]]":
    held = []
    for row in group.rows:
        length = pause_of(door.options, row.labels)
        if at < (ripe := row.starts_at + length):
            words = f"waits {format_duration(length)}: dropped if it recovers before"
            held.append((Verdict(words, ask_again_at=ripe, kind=Hold.Kind.PAUSE), [row]))
    return held if len(held) == len(group.rows) else []  # one that has lasted opens it for all


def _rare(group: "Group", door: Integration, *, at: datetime) -> "list[tuple[Verdict, list[Row]]]":
    wanted = door.options.get("open_after")
    if not wanted:
        return []
    count, within = int(wanted["count"]), parse_duration(wanted["within"])
    tally, _ = Tally.objects.select_for_update().get_or_create(scope=group.scope[:80], key=group.key)
    since = (at - within).isoformat()
    begun = [one for one in tally.begun if one[0] > since]
    begun += [[at.isoformat(), row.alert] for row in group.rows]
    if len(begun) >= count:
        tally.delete()
        waiting = Liveness.objects.filter(pk__in=[one[1] for one in begun], firing=True)
        waiting.filter(verdict=Liveness.Verdict.SUPPRESSED, assign_at=None).update(assign_at=at)  # they join next
        return []
    tally.begun = begun
    tally.save()
    words = f"{len(begun)} of {count} within {format_duration(within)}"
    return [(Verdict(words, kind=Hold.Kind.COUNT), list(group.rows))]
