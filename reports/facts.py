"""What a document may say of an incident: every name of a template, each figure with the address of what shows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from incidents import impact
from incidents.models import Incident, TimelineEntry
from reviews.facts import Facts
from reviews.models import ActionItem, PostIncidentReview

from .languages import CATEGORIES, known, length, words_of
from .values import Fact, Mark, Missing, Moment, Sources, block, line, moment

MOST_ENTRIES = 500
MOVES = {
    "detected", "acknowledged", "assessed", "mitigated", "resolved", "closed", "reopened", "false_positive", "merged",
    "severity", "escalated", "milestone", "update", "impact", "impact_scope", "impact_counted", "role", "deploy",
    "task_done",
}  # fmt: skip
"""What the timeline of a document tells beside what people wrote; the whole of it is one link away."""
WORDS_OF_PEOPLE = ("note", "decision", "risk")
SET_BY = {"detected": "detected", "acknowledged": "acknowledged", "assessed": "assessed", "mitigated": "mitigated",
          "resolved": "resolved", "closed": "closed"}  # fmt: skip
"""The kind of entry that stands for a milestone, unless a person set it."""
MILESTONES = (
    "started", "detected", "notified", "acknowledged", "assessed", "investigated", "identified", "fixed", "mitigated",
    "resolved", "closed",
)  # fmt: skip


class Answers(dict):
    """Answers of the review by their key; one that nobody gave is missing."""

    def __init__(self, known: Mapping[str, Fact], missing: Missing) -> None:
        super().__init__(known)
        self.missing = missing

    def __missing__(self, key: str) -> Missing:
        return self.missing


@dataclass
class Incidental:
    """An incident as one document tells it: in its language, in its zone, at an instant."""

    incident: Incident
    at: datetime
    language: str
    zone: ZoneInfo
    place: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        self.language = known(self.language)
        self.words = words_of(self.language)
        self.sources = Sources()
        self.missing = Missing(self.words["not_given"])
        self.page = settings.BASE_URL + self.incident.get_absolute_url()

    @cached_property
    def entries(self) -> list[TimelineEntry]:
        return list(self.incident.timeline.select_related("by").order_by("at", "pk"))

    @cached_property
    def review(self) -> PostIncidentReview | None:
        return PostIncidentReview.of(self.incident)

    @cached_property
    def day(self) -> str:
        """The calendar day it began, by which times without a day are told."""
        began = self.incident.started_at or self.incident.detected_at
        return f"{began.astimezone(self.zone):%Y-%m-%d}"

    def values(self) -> dict[str, Any]:
        """Everything that a template may name."""
        incident = self.incident
        entry = self._latest("severity") or self._latest("detected")
        answers = self.answers()
        return {
            "number": incident.pk,
            "title": line(incident.title),
            "date": self.day,
            "url": self.page,
            "status": str(incident.get_status_display()).lower(),
            "policy": line(incident.policy.name),
            "service": self._fact(str(incident.service or ""), f"{self.page}#facts-h"),
            "severity": self._fact(incident.severity.key, self._entry_url(entry)),
            "level": self._fact(incident.severity.label or incident.severity.key, self._entry_url(entry)),
            "made": self._moment(self.at, ""),
            "zone": str(self.zone),
            "place": {"name": line(self.place[0]) or self.missing, "url": self.place[1] or self.missing},
            "milestones": {name: self._milestone(name) for name in MILESTONES},
            **self._times(),
            "users": self._counted("users"),
            "records": self._counted("records"),
            "affected_for": self._affected_for(),
            "services": self._fact(Facts([incident], self.at).services, f"{self.page}#facts-h"),
            "scope": self._fact(incident.impact_scope, self._entry_url(self._latest("impact_scope"))),
            "impact": self._written("impact"),
            "summary": self._written("summary"),
            "cause": self._written("cause"),
            "eta": self._written("eta"),
            "answers": answers,
            "review": self._review(),
            "factors": [{"category": line(row.category), "text": line(row.text)} for row in self._factors()],
            **self._actions(),
            **self._told(),
            "roles": [
                {"role": line(row.role), "name": line(row.contact), "since": self._moment(row.since, "#people-h"),
                 "until": self._moment(row.until, "#people-h") if row.until else ""}
                for row in incident.roles.select_related("contact").order_by("since", "pk")
            ],
            "targets": [self._target(row) for row in incident.targets.exclude(state="cancelled").order_by("due_at")],
            "tasks": [
                {"text": line(row.text), "done": row.done_at is not None, "by": line(row.done_by or "")}
                for row in incident.tasks.select_related("done_by")
            ],
            "updates": [
                {"at": self._moment(row.at, "updates/"), "text": line(row.text), "audience": line(row.audience)}
                for row in incident.updates.order_by("at", "pk")
            ],
            "next_update": self._maybe(incident.update_due_at, "#clocks-h"),
            "tickets": [
                {"key": line(row.key or row.plan_key), "status": line(row.remote_status or row.get_state_display()),
                 "url": row.url, "source": Mark(row.url, self.sources)}
                for row in incident.tickets.all()  # type: ignore[attr-defined]
            ],
            "files": [
                self._fact(f"{line(row.label)}: {line(row.name)}", self.page + f"evidence/{row.pk}/")
                for row in incident.evidence.all()  # type: ignore[attr-defined]
            ],
        }  # fmt: skip

    # figures and times

    def _fact(self, text: str, url: str) -> Fact | Missing:
        return Fact(line(text), url, self.sources) if line(text) else self.missing

    def _moment(self, at: datetime, where: str) -> Moment:
        url = self.page + where if where and not where.startswith("http") else where
        return moment(at, zone=self.zone, url=url, sources=self.sources, day=self.day)

    def _maybe(self, at: datetime | None, where: str) -> Moment | Missing:
        return self._moment(at, where) if at else self.missing

    def _latest(self, kind: str, **data: object) -> TimelineEntry | None:
        found = (row for row in reversed(self.entries) if row.kind == kind)
        return next((row for row in found if all(row.data.get(name) == value for name, value in data.items())), None)

    def _entry_url(self, entry: TimelineEntry | None) -> str:
        return f"{self.page}?whole#entry-{entry.pk}" if entry else f"{self.page}more/#stones-h"

    def _milestone(self, name: str) -> Moment | Missing:
        when = getattr(self.incident, f"{name}_at")
        if when is None:
            return self.missing
        return self._moment(when, self._milestone_url(name))

    def _milestone_url(self, name: str) -> str:
        entry = self._latest("milestone", milestone=name) or self._latest(SET_BY.get(name, ""))
        return self._entry_url(entry or self._latest("edited", field=f"{name}_at"))

    def _times(self) -> dict[str, Any]:
        """Start, end and length: from when the harm began, or was detected, until service was restored."""
        incident = self.incident
        first = "started" if incident.started_at else "detected"
        start, end = incident.started_at or incident.detected_at, incident.resolved_at
        lasted: Fact | Missing = self.missing
        if end:
            lasted = Fact(length(end - start, self.language), self.page + "more/#stones-h", self.sources)
        return {
            "start": self._milestone(first),
            "end": self._milestone("resolved"),
            "duration": lasted,
            "age": Fact(length(self.at - start, self.language), self.page + "more/#stones-h", self.sources),
        }

    def _counted(self, name: str) -> Fact | Missing:
        number = self.incident.affected.get(name)
        entry = next((row for row in reversed(self.entries) if row.kind == "impact_counted" and name in row.data), None)
        return self.missing if number is None else self._fact(str(number), self._entry_url(entry))

    def _affected_for(self) -> Fact | Missing:
        total = impact.total(self.incident, at=self.incident.resolved_at or self.at)
        return self._fact(length(total, self.language), f"{self.page}more/") if total > timedelta(0) else self.missing

    def _written(self, name: str) -> Fact | Missing:
        text = getattr(self.incident, name).strip()
        if not text:
            return self.missing
        return Fact(block(text), self._entry_url(self._latest("edited", field=name)), self.sources)

    # the review and what follows from it

    def answers(self) -> Answers:
        """What the review says, by the key of its question."""
        given: dict[str, Fact] = {}
        if self.review:
            where = settings.BASE_URL + reverse("review", args=[self.review.pk])
            rows = self.review.answers.order_by("position")
            given = {
                row.key: Fact(block(row.text), f"{where}#answer-{row.key}", self.sources)
                for row in rows
                if row.text.strip()
            }
        return Answers(given, self.missing)

    def _review(self) -> dict[str, Any] | Missing:
        if self.review is None:
            return self.missing
        where = settings.BASE_URL + reverse("review", args=[self.review.pk])
        summary = self.review.summary.strip()
        return {
            "status": str(self.review.get_status_display()).lower(),
            "summary": Fact(block(summary), where, self.sources) if summary else self.missing,
            "due": self._maybe(self.review.due_at, where),
            "url": where,
        }

    def _factors(self) -> Iterable:
        return self.review.factors.all() if self.review else ()

    def _actions(self) -> dict[str, Any]:
        rows = ActionItem.objects.exclude(state=ActionItem.State.DROPPED).select_related("owner")
        mine = rows.filter(incident=self.incident)
        if self.review:
            mine = mine | rows.filter(review=self.review)
        labels = CATEGORIES[self.language]
        order = list(labels)
        found = sorted(mine.distinct(), key=lambda row: (order.index(row.category), row.priority, row.pk))
        items = [self._action(row, labels[row.category]) for row in found]
        grouped = [
            {"key": key, "label": label, "actions": [item for item in items if item["category"] == key]}
            for key, label in labels.items()
        ]
        return {"actions": items, "categories": grouped}

    def _action(self, row: ActionItem, label: str) -> dict[str, Any]:
        done = row.state in (ActionItem.State.DONE, ActionItem.State.VERIFIED)
        url = settings.BASE_URL + row.get_absolute_url()
        return {
            "title": line(row.title), "done": done, "box": "[x]" if done else "[ ]", "category": row.category,
            "label": label, "owner": line(row.owner) if row.owner else self.missing,
            "due": f"{row.due_on:%Y-%m-%d}" if row.due_on else self.missing, "state": str(row.get_state_display()),
            "overdue": row.is_overdue(self.at.astimezone(self.zone).date()), "url": url,
            "source": Mark(url, self.sources),
        }  # fmt: skip

    # what happened

    def _told(self) -> dict[str, Any]:
        """Timeline, decisions and risks; what was corrected is told as it was put right."""
        right = {row.corrects_id: row for row in self.entries if row.kind == "correction" and row.corrects_id}
        wanted = [row for row in self.entries if row.kind in MOVES or row.kind in WORDS_OF_PEOPLE]
        kinds = {kind: [row for row in wanted if row.kind == kind] for kind in ("decision", "risk")}
        rest = len(wanted) - MOST_ENTRIES
        return {
            "timeline": [self._entry(row, right) for row in wanted[:MOST_ENTRIES]],
            "timeline_rest": self._fact(f"{rest} {self.words['more']}", f"{self.page}?whole") if rest > 0 else "",
            "decisions": [self._entry(row, right) for row in kinds["decision"]],
            "risks": [self._entry(row, right) for row in kinds["risk"]],
        }

    def _entry(self, row: TimelineEntry, right: Mapping[int, TimelineEntry]) -> dict[str, Any]:
        last, seen = row, {row.pk}
        while (later := right.get(last.pk)) is not None and later.pk not in seen:
            last = later
            seen.add(later.pk)
        when = self._moment(row.at, f"?whole#entry-{row.pk}")
        return {
            "clock": when.clock, "date": when.date, "at": when.plain, "by": line(row.by or ""), "kind": row.kind,
            "text": line(last.text), "evidence": row.evidence, "source": Mark(row.evidence or when.url, self.sources),
        }  # fmt: skip

    def _target(self, row: Any) -> dict[str, Any]:
        state = {"met": "met", "breached": "missed"}.get(row.state, "pending")
        return {
            "kind": str(row.get_kind_display()), "state": self.words[state], "missed": row.state == "breached",
            "due": self._maybe(row.due_at, "#clocks-h"),
            "met": self._maybe(row.met_at, "#clocks-h"),
            "why_late": line(row.why_late),
        }  # fmt: skip
