"""A shift review as its page shows it; reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from oncall import roster

from . import muted, signing, watching
from .models import ManualCheck, ShiftMetric, ShiftReview, ShiftValue
from .typed import TICKED, Field, Typed

ARROWS = {"up": "↑", "down": "↓", "same": "→", "changed": "≠", "new": "+"}


@dataclass(frozen=True)
class Group:
    """One figure of a value: what it is of, where that leads, and how it moved."""

    label: str
    shown: str
    link: str
    names: list[str]
    trend: str
    arrow: str
    before: str


@dataclass(frozen=True)
class Shown:
    """A value with its groups; `groups` is empty where the headline says it all.

    note       the field of its note
    headline   whether there is more to say than the groups do
    of         what the one figure is of
    """

    value: ShiftValue
    arrow: str
    groups: list[Group]
    note: Field
    headline: bool = True
    of: str = ""


@dataclass(frozen=True)
class Watch:
    """What is watched by hand: its row if there is one, and the switch while it is off; and how its box stands."""

    check: ManualCheck | None
    muted: muted.Muted | None
    toggle: str
    text: str
    ticked: bool

    @property
    def was(self) -> str:
        """How the box is known when the page comes back."""
        return TICKED if self.check and self.check.ticked_at else ""


def values(review: ShiftReview, typed: Typed) -> list[Shown]:
    """The review's figures in their order, their notes as somebody typed them."""
    links = dict(review.plan.metrics.values_list("key", "link"))
    rows = review.values.select_related("noted_by")
    return [_shown(one, links.get(one.key, ""), signing.noted(one, typed)) for one in rows]


def _shown(one: ShiftValue, link: str, note: Field) -> Shown:
    groups = [_group(said, link) for said in one.figures if said["label"]]
    arrow = ARROWS.get(one.trend, "")
    if one.kind == ShiftMetric.Kind.COUNT:  # the headline adds them up
        return Shown(one, arrow, groups, note)
    if len(groups) == 1:
        return Shown(one, arrow, [], note, of=groups[0].label)
    return Shown(one, arrow, groups, note, headline=not groups)


def _group(said: dict[str, Any], link: str) -> Group:
    trend = said.get("trend", "")
    return Group(
        said["label"], said["shown"], _address(link, said["label"]), said.get("names", []), trend,
        ARROWS.get(trend, ""), said.get("before", ""),
    )  # fmt: skip


def _address(link: str, label: str) -> str:
    if link == "channels":
        return f"{reverse('channels')}?{urlencode({'tenant': label})}"
    return ""


def checks(review: ShiftReview, off: Iterable[muted.Muted], typed: Typed) -> list[Watch]:
    """What stands for being watched by hand, then what no longer is; also switches the clock has not seen off yet."""
    rows = list(review.checks.select_related("ticked_by"))
    now = {one.key: one for one in off}
    standing = {row.toggle: row for row in rows if row.over_at is None}
    texts = watching.manual_texts(review.plan)
    found = []
    for key, one in now.items():
        check = standing.get(key)
        ticked = typed.ticked(key, bool(check and check.ticked_at))
        found.append(Watch(check, one, key, texts.get(key) or watching.MANUAL.format(toggle=key), ticked))
    found += [
        Watch(row, None, row.toggle, row.text, bool(row.ticked_at))
        for row in rows
        if row.over_at or row.toggle not in now
    ]
    return found


def zone_of(review: ShiftReview) -> ZoneInfo:
    """The zone of the review's schedule, else of its policy."""
    return roster.zone_of(review.schedule) if review.schedule else ZoneInfo(review.plan.policy.timezone or "UTC")
