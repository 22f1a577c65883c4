"""Documents about a stretch of time: the executive summary of some days, and the hand-off of a shift."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F
from django.urls import reverse

from analytics import response
from analytics.periods import Period
from incidents.models import Incident
from oncall import handoff, roster
from oncall.models import EscalationContact, Schedule
from policies.models import Policy
from reviews.models import ActionItem, PostIncidentReview

from .languages import known, length, words_of
from .models import Report
from .span_words import SPAN
from .values import Sources, bare, block, line
from .writing import Document, Kind

GRAVEST, LISTED = 10, 10
EXECUTIVE, HANDOFF = "executive-summary", "hand-off"


class _Sheet:
    """Lines of Markdown that are added one after the other, with the addresses behind them."""

    def __init__(self, title: str) -> None:
        self.title, self.pieces, self.sources = line(title), [f"# {line(title)}"], Sources()

    def part(self, heading: str, lines: Iterable[str], none: str) -> None:
        self.pieces.append(f"## {heading}\n\n" + ("\n".join(lines) or none))

    def mark(self, path: str) -> str:
        return self.sources.mark(settings.BASE_URL + path)

    def done(self, key: str, name: str, language: str, *, at: datetime) -> Document:
        kind = Kind(key, name, language, "UTC", self.title, (), standard=True)
        links = self.sources.definitions()
        return Document(kind, bare(self.title)[:250], "\n\n".join([*self.pieces, *filter(None, [links])]) + "\n", at)


def executive(period: Period, policy: Policy | None, user: Any, *, language: str, at: datetime) -> Document:
    """What happened in some days, how well it was answered, what was gravest and what is owed; for the management."""
    language = known(language)
    words, small = SPAN[language], words_of(language)
    about = f" ({policy.name})" if policy else ""
    sheet = _Sheet(f"{words['executive']}: {period.first} – {period.last}{about}")
    asked = {"from": period.first, "to": period.last, "zone": str(period.zone), "policy": policy.key if policy else ""}
    page = f"{reverse('figures')}?{urlencode({name: value for name, value in asked.items() if value})}"
    key = policy.key if policy else ""
    found = response.find(response.Wish(period, policy=key, by="level"), user)
    now, before = found.total.now, found.total.before

    def time_of(side: response.Side, measure: str) -> str:
        median = side.time(measure).median
        return small["not_given"] if median is None else length(timedelta(seconds=median), language)

    def share(side: response.Side) -> str:
        met = side.all_targets.share
        return small["not_given"] if met is None else f"{met:.0f} %"

    figures = [
        (words["incidents"], str(now.incidents), str(before.incidents)),
        (words["false"], str(now.false_positives), str(before.false_positives)),
        *((words[name], time_of(now, name), time_of(before, name)) for name in ("acknowledge", "mitigate", "resolve")),
        (words["targets"], share(now), share(before)),
    ]
    told = (f"- {name}: {value} ({words['before']}: {past}){sheet.mark(page)}" for name, value, past in figures)
    sheet.part(words["short"], told, small["none"])
    levels = [
        f"| {line(one.name).replace('|', '/')} | {one.now.incidents} | {one.before.incidents} |" for one in found.groups
    ]
    head = [f"| {words['level']} | {words['incidents']} | {words['before']} |", "|---|---|---|"]
    sheet.part(words["by_level"], [*head, *levels] if levels else [], small["none"])
    sheet.part(words["gravest"], _gravest(sheet, period, key, user, language), small["none"])
    sheet.part(words["owed"], _owed(sheet, key, user, words, at=at), small["none"])
    return sheet.done(EXECUTIVE, words["executive"], language, at=at)


def _gravest(sheet: _Sheet, period: Period, policy: str, user: Any, language: str) -> list[str]:
    """The highest levels first, of one level the longest; private incidents are told in no document of many."""
    rows = response.incidents(response.Wish(period, policy=policy), user).filter(private=False)
    lasted = ExpressionWrapper(F("resolved_at") - F("detected_at"), output_field=DurationField())
    rows = rows.exclude(status="false_positive").select_related("severity").annotate(lasted=lasted)
    told = []
    for row in rows.order_by("severity__rank", F("lasted").desc(nulls_first=True), "-detected_at")[:GRAVEST]:
        took = f", {length(row.lasted, language)}" if row.lasted else f", {words_of(language)['open']}"
        cause = f". {line(row.cause)}" if row.cause.strip() else ""
        when = f"{row.detected_at.astimezone(period.zone):%Y-%m-%d %H:%M}"
        mark = sheet.mark(row.get_absolute_url())
        told.append(f"- {row.severity.key} #{row.pk} {line(row.title)} ({when}{took}){cause}{mark}")
    return told


def _owed(sheet: _Sheet, policy: str, user: Any, words: dict[str, str], *, at: datetime) -> list[str]:
    """Reviews past their deadline, and action items past their day, the longest overdue first."""
    shown = Incident.objects.filter(private=False)
    shown = shown.filter(policy__key=policy) if policy else shown
    reviews = PostIncidentReview.objects.overdue(at).filter(incident__in=shown)
    items = ActionItem.objects.overdue(at.date()).filter(incident__in=shown).order_by("due_on", "pk")
    told = [
        f"- {words['review']} #{row.incident_id} {line(row.incident.title)} ({row.due_at:%Y-%m-%d})"
        f"{sheet.mark(row.get_absolute_url())}"
        for row in reviews.select_related("incident")[:LISTED]
    ]
    told += [
        f"- {words['action']}: {line(row.title)} ({line(row.owner or words['nobody'])}, {row.due_on})"
        f"{sheet.mark(row.get_absolute_url())}"
        for row in items.select_related("owner")[:LISTED]
    ]
    return told


def hand_off(schedule: Schedule, *, at: datetime) -> Document:
    """What the shift that is running leaves to the next: the words of who leaves, and what every room knows."""
    since = handoff.shift_began(schedule, at)
    zone = roster.zone_of(schedule)
    sheet = _Sheet(f"Hand-off of {schedule}: {at.astimezone(zone):%Y-%m-%d %H:%M} {at.astimezone(zone).tzname()}")
    note = schedule.handoff_notes.filter(at=None).select_related("written_by").first()
    began = f"{since.astimezone(zone):%Y-%m-%d %H:%M}"
    sheet.part("Shift", [f"- On since {began}{sheet.mark(reverse('handoffs', args=[schedule.key]))}"], "")
    if note and note.text.strip():
        sheet.pieces.append(f"## {line(note.written_by or 'Somebody')} writes\n\n{block(note.text)}")
    for one in handoff.sections(schedule, since, at):
        lines = (f"- {line(row.text)}{sheet.mark(row.path) if row.path else ''}" for row in one.lines)
        sheet.part(line(one.title), lines, one.none)
    return sheet.done(f"{HANDOFF}-{schedule.key}"[:40], f"Hand-off of {schedule}", "en", at=at)


@transaction.atomic
def store(
    document: Document, *, since: datetime | None, until: datetime | None, by: EscalationContact | None
) -> Report:
    """Keep the document as the next version of its kind."""
    last = Report.objects.select_for_update().filter(incident=None, key=document.kind.key).order_by("-number").first()
    return Report.objects.create(
        key=document.kind.key, name=document.kind.name, number=(last.number if last else 0) + 1,
        language=document.kind.language, title=document.title, text=document.text, since=since, until=until,
        at=document.at, by=by,
    )  # fmt: skip
