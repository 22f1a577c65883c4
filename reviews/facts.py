"""What the incidents of a review say by themselves: instants, lengths, words, counts, roles, and how it went.

Of several incidents the first began it and the last ended it; what people counted is added up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from incidents import cost, impact
from incidents.models import Incident, IncidentComponent, TimelineEntry
from notifications.models import Delivery

from .kinds import Given, given_length, given_time, length_words

CHARTS: list[Callable[[Incident, datetime, datetime], list[dict[str, Any]]]] = []
"""What rooms above draw of an incident between two instants: `title`, `chart` as plain data, `template` to show it."""
FIRST = {"started", "detected", "notified", "acknowledged", "assessed"}
"""Of several incidents the earliest of these counts, of the others the latest."""
LENGTHS = {"time_to_acknowledge": "acknowledged", "time_to_mitigate": "mitigated", "time_to_resolve": "resolved"}
MOST_CHARTS = 4
WIDTH, HEIGHT, LEFT = 720, 64, 8
MARKED = {"update": "told", "severity": "level", "escalated": "escalated", "page": "paged"}
WORD_OF = {"started": "Began", "detected": "Detected", "acknowledged": "Acknowledged", "mitigated": "Mitigated",
           "resolved": "Resolved"}  # fmt: skip
COUNTED = {"users": "user", "records": "record", "orders": "order", "requests": "request", "teams": "team"}


@dataclass(frozen=True)
class Facts:
    """Of the incidents of one review, read at `at`."""

    incidents: list[Incident]
    at: datetime

    @property
    def first(self) -> Incident:
        return self.incidents[0]

    def when(self, name: str) -> datetime | None:
        """The milestone `name`: the earliest or the latest of the incidents."""
        known = [found for one in self.incidents if (found := getattr(one, f"{name}_at"))]
        if not known:
            return None
        return min(known) if name in FIRST else max(known)

    def length(self, name: str) -> timedelta | None:
        """How long from detection to that milestone, or for how long people were affected."""
        if name == "time_affected":
            total = sum((impact.total(one, at=one.resolved_at or self.at) for one in self.incidents), timedelta())
            return total or None
        since, until = self.when("detected"), self.when(LENGTHS[name])
        return max(until - since, timedelta()) if since and until else None

    def number(self, name: str) -> int | None:
        """What people counted of those affected, all incidents together."""
        known = [int(one.affected[name]) for one in self.incidents if one.affected.get(name) is not None]
        return sum(known) if known else None

    def counted(self, name: str) -> str:
        number = self.number(name)
        return "" if number is None else f"{number:,} {COUNTED[name]}{'' if number == 1 else 's'}"

    def texts(self, name: str) -> str:
        """What stands in that field of the incidents, each text once."""
        return "\n".join(dict.fromkeys(filter(None, (getattr(one, name).strip() for one in self.incidents))))

    @property
    def services(self) -> str:
        """The components and services that were hit, by their names, with the scope people chose."""
        keys = [str(one.labels["component"]) for one in self.incidents if one.labels.get("component")]
        names = {row.key: str(row) for row in IncidentComponent.objects.filter(key__in=keys)}
        found = [names.get(key, key) for key in keys]
        found += [str(one.service or one.labels.get("service", "")) for one in self.incidents]
        scopes = ", ".join(dict.fromkeys(one.impact_scope for one in self.incidents if one.impact_scope))
        told = ", ".join(dict.fromkeys(filter(None, found)))
        return f"{told} ({scopes})" if told and scopes else told or scopes

    @property
    def roles(self) -> list[tuple[str, str]]:
        rows = [row for one in self.incidents for row in one.roles.select_related("contact").order_by("since", "pk")]
        return list(dict.fromkeys((row.role, str(row.contact)) for row in rows))

    @property
    def cost(self) -> str:
        known = [found for one in self.incidents if (found := cost.of(one, at=self.at))]
        return f"{sum(one.total for one in known):,.2f} {known[0].currency}" if known else ""

    @property
    def business(self) -> str:
        """The stated impact, with what was counted, for how long, and what it cost."""
        parts = [self.texts("impact"), self.counted("orders"), self.counted("requests")]
        if affected := self.length("time_affected"):
            parts.append(f"affected for {length_words(affected)}")
        if self.cost:
            parts.append(f"cost {self.cost}")
        return "; ".join(part.rstrip(".") for part in parts if part)

    def fill(self, name: str, kind: str) -> Given:
        """What an answer of that kind is filled in with; empty when the incidents do not say."""
        if f"{name}_at" in MILESTONE_FIELDS:
            found = self.when(name)
            return given_time(found) if found else Given()
        if name in LENGTHS or name == "time_affected":
            length = self.length(name)
            return given_length(length) if length is not None else Given()
        if kind == "yes_no":
            number = self.number(name) if name in COUNTED else None
            words = self.counted(name) if number else ""
            return Given(f"Yes: {words}", {"yes": True, "text": words}) if number else Given()
        text = self._words(name)
        if kind == "number":
            number = self.number(name) if name in COUNTED else None
            return Given(f"{number:,}", {"number": number}) if number is not None else Given()
        if kind == "whys":
            return Given(text, {"problem": text, "whys": []}) if text else Given()
        return Given(text)

    def _words(self, name: str) -> str:
        if name in COUNTED:
            return self.counted(name)
        if name in ("impact", "cause", "summary"):
            return self.texts(name) or ("" if name != "summary" else self.first.title)
        if name == "roles":
            return "; ".join(f"{role}: {who}" for role, who in self.roles)
        return {"severity": str(self.first.severity), "services": self.services, "cost": self.cost,
                "business": self.business}.get(name, "")  # fmt: skip

    def figures(self) -> dict[str, Any]:
        """The table, people, targets and pictures of the draft, as plain data."""
        return {
            "rows": [[label, text] for label, text in self._rows() if text],
            "roles": [[role, who] for role, who in self.roles],
            "targets": [row for one in self.incidents for row in _targets(one, several=len(self.incidents) > 1)],
            "course": course(self),
            "charts": self._charts(),
        }

    def _rows(self) -> list[tuple[str, str]]:
        times = [(label, self.when(name)) for name, label in WORD_OF.items()]
        lengths = [(label, self.length(name)) for label, name in (
            ("Time to acknowledge", "time_to_acknowledge"), ("Time to mitigate", "time_to_mitigate"),
            ("Time to resolve", "time_to_resolve"), ("People affected for", "time_affected"))]  # fmt: skip
        numbers = [one.pk for one in self.incidents]
        alerts = sum(one.alerts.count() for one in self.incidents)  # type: ignore[attr-defined]  # of the room above
        entries = TimelineEntry.objects.filter(incident__in=numbers)
        paged = {row for one in self.incidents for row in one.page_rows.values_list("contact_id", flat=True)}
        sent = Delivery.objects.filter(thread__in=[one.thread for one in self.incidents], status="sent").count()
        updates = sum(one.updates.count() for one in self.incidents)
        people = entries.exclude(by=None).values("by").distinct().count()
        return [
            ("Level", str(self.first.severity)),
            *((label, given_time(at).text if at else "") for label, at in times),
            *((label, length_words(length) if length is not None else "") for label, length in lengths),
            ("Alerts", str(alerts or "")), ("People paged", str(len(paged) or "")),
            ("People who took part", str(people or "")), ("Messages sent", str(sent or "")),
            ("Updates to others", str(updates or "")),
            *((name.capitalize(), self.counted(name)) for name in COUNTED),
            ("Reopened", f"{self.first.reopened} times" if self.first.reopened else ""), ("Cost", self.cost),
        ]  # fmt: skip

    def _charts(self) -> list[dict[str, Any]]:
        since, until = self.when("started") or self.when("detected"), self.when("resolved") or self.at
        if since is None or not since < until:
            return []
        margin = max((until - since) / 10, timedelta(minutes=5))
        drawn = [
            found for one in self.incidents for draw in CHARTS for found in draw(one, since - margin, until + margin)
        ]
        return drawn[:MOST_CHARTS]


MILESTONE_FIELDS = {f"{name}_at" for name in (*WORD_OF, "notified", "assessed", "closed")}


def clock(at: datetime, near: datetime) -> str:
    """The time of day in UTC, with its date when that is not the day of `near`."""
    at, near = at.astimezone(UTC), near.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == near.date() else f"{at:%Y-%m-%d %H:%M:%S}"


def _targets(incident: Incident, *, several: bool) -> list[list[str]]:
    """Kind, verdict, due and met of each target that counted; of several incidents with its number."""
    rows = []
    for target in incident.targets.exclude(state="cancelled").order_by("due_at", "pk"):
        due, met = (clock(at, incident.detected_at) if at else "" for at in (target.due_at, target.met_at))
        verdict = target.get_state_display() + (f": {target.why_late}" if target.why_late else "")
        name = target.get_kind_display() + (f" #{incident.pk}" if several else "")
        rows.append([name, verdict, due, met])
    return rows


def course(facts: Facts) -> dict[str, Any]:
    """A bar from the beginning to the end, its phases and what people did in between, placed for an SVG."""
    known = [(name, at) for name in WORD_OF if (at := facts.when(name))]
    if len(known) < 2 or known[0][1] >= known[-1][1]:
        return {}
    known.sort(key=lambda pair: pair[1])
    since, until = known[0][1], known[-1][1]
    span = (until - since) / timedelta(seconds=1)

    def place(at: datetime) -> float:
        return round(LEFT + (WIDTH - 2 * LEFT) * (at - since) / timedelta(seconds=1) / span, 1)

    phases = []
    for (name, at), (_, then) in pairwise(known):
        x, end = place(at), place(then)
        lasted = length_words(then - at)
        phases.append({"name": name, "x": x, "width": round(end - x, 1), "title": f"{WORD_OF[name]}: for {lasted}"})
    entries = TimelineEntry.objects.filter(incident__in=[one.pk for one in facts.incidents], kind__in=MARKED)
    marks = [
        {"x": place(entry.at), "title": f"{entry.at.astimezone(UTC):%H:%M:%S} {entry.text[:120]}"}
        for entry in entries.order_by("at")[:100] if since <= entry.at <= until
    ]  # fmt: skip
    ticks = [{"x": place(at), "label": f"{at.astimezone(UTC):%H:%M}", "name": name} for name, at in known]
    words = ", ".join(f"{WORD_OF[name].lower()} {at.astimezone(UTC):%H:%M:%S}" for name, at in known)
    return {"width": WIDTH, "height": HEIGHT, "phases": phases, "marks": marks, "ticks": _apart(ticks),
            "words": f"How it went, in UTC: {words}."}  # fmt: skip


def _apart(ticks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose labels do not lie upon each other; the last one stays."""
    kept: list[dict[str, Any]] = []
    for tick in ticks[:-1]:
        if (not kept or tick["x"] - kept[-1]["x"] > 44) and ticks[-1]["x"] - tick["x"] > 44:
            kept.append(tick)
    return [*kept, {**ticks[-1], "end": True}]
