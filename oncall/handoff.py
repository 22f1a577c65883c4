"""The note that one shift leaves to the next: what is open and on, what happened, and the words of who leaves."""

from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse

from policies.claims import sweep

from . import facts, hours, people, roster, shifts, telling
from .models import EscalationContact, HandoffNote, Schedule
from .personal import zone_of
from .wording import moment, names

LOOK_AGAIN = timedelta(minutes=10)
"""Hand-overs that are planned are met to the second; one that an edit brought forward is found within this time."""
LONGEST = timedelta(days=14)
"""How far back a shift is looked for whose beginning nobody noted."""
LINES = 15


def look_due(*, at: datetime) -> int:
    """Write the notes of hand-overs that have come, and send each to who comes; return how many were looked at."""
    due = Schedule.objects.filter(handoff_at__lte=at).order_by("handoff_at", "pk")
    return sweep(due, due="handoff_at", at=at, work=_look, batch=20)


def _look(schedule: Schedule, *, at: datetime) -> None:
    definition = roster.define(schedule, since=at)
    now = sorted(one.pk for one in shifts.on_call_at(definition, at))
    had = schedule.had_by or {}
    change = shifts.next_change(definition, at)
    look_at = min(change or at + LOOK_AGAIN, at + LOOK_AGAIN)
    since = at if had else shift_began(schedule, at)
    kept = had["since"] if had.get("people") == now else since.isoformat()
    rows = Schedule.objects.filter(pk=schedule.pk)
    rows.update(handoff_at=look_at if schedule.handoff else None, had_by={"people": now, "since": kept})
    if had and had["people"] != now:
        hand_over(schedule, leaving=had["people"], coming=now, since=datetime.fromisoformat(had["since"]), at=at)


@transaction.atomic
def hand_over(
    schedule: Schedule, *, leaving: list[int], coming: list[int], since: datetime, at: datetime
) -> HandoffNote:
    """Freeze the facts in the note of this hand-over, and send it to the persons who come.

    leaving, coming   ids of contacts; who stays on call is in both, and is told nothing
    since             when the shift that ends began
    """
    note = to_come(schedule)
    note.at, note.since, note.facts = at, since, as_data(sections(schedule, since, at))
    note.save()
    note.leaving.set(EscalationContact.objects.filter(pk__in=leaving))
    note.coming.set(EscalationContact.objects.filter(pk__in=coming))
    new = EscalationContact.objects.filter(pk__in=set(coming) - set(leaving)).select_related("backup")
    telling.tell(
        people.persons(new)[0], subject=f"You are on call now: {schedule}", text=in_words(note),
        path=reverse("handoff", args=[schedule.key, note.pk]), once=f"handoff:{note.pk}", at=at,
    )  # fmt: skip
    return note


def to_come(schedule: Schedule) -> HandoffNote:
    """The note of the next hand-over, in which who leaves may write already."""
    return HandoffNote.objects.get_or_create(schedule=schedule, at=None)[0]


def write(note: HandoffNote, text: str, *, by: EscalationContact, at: datetime) -> None:
    """Put the words of `by` into a note; those written before are replaced."""
    note.text, note.written_by, note.written_at = text.strip(), by, at
    note.save(update_fields=["text", "written_by", "written_at"])


def shift_began(schedule: Schedule, at: datetime) -> datetime:
    """When the people who are on call at `at` began, as the clock noted or the roster says; LONGEST ago at most."""
    noted = schedule.had_by or {}
    rows = shifts.shifts_between(roster.define(schedule, since=at - LONGEST), at - LONGEST, at + timedelta(seconds=1))
    now = {one.pk for one in rows[-1].people}
    if noted.get("people") == sorted(now):
        return datetime.fromisoformat(noted["since"])
    began = rows[-1].start
    for shift in reversed(rows):
        if {one.pk for one in shift.people} != now:
            break
        began = shift.start
    return began


def sections(schedule: Schedule, since: datetime, at: datetime) -> list[facts.Section]:
    """What there is to tell at `at` of the shift that began at `since`: from every room, then who was woken."""
    return [*(tell(schedule, since, at) for tell in facts.SECTIONS), _paged(schedule, since, at)]


def _paged(schedule: Schedule, since: datetime, at: datetime) -> facts.Section:
    rows = shifts.shifts_between(roster.define(schedule, since=since), since, at)
    persons, _ = people.persons({one.pk: one for shift in rows for one in shift.people}.values())
    found = facts.pages(persons, since, at)
    lines = []
    for person in persons:
        times = found.get(person.pk, [])
        night = [one for one in times if hours.asleep(one, zone_of(person))]
        if times:
            woken = f", {len(night)} of them at night" if night else ", none of them at night"
            lines.append(facts.Line(f"{person}: {len(times)} page{'s' if len(times) > 1 else ''}{woken}"))
    return facts.Section("Pages in this shift", "Nobody was paged.", lines)


def as_data(found: list[facts.Section]) -> list[dict]:
    return [
        {"title": one.title, "none": one.none, "lines": [{"text": line.text, "path": line.path} for line in one.lines]}
        for one in found
    ]


def in_words(note: HandoffNote) -> str:
    """The note as plain text, as the message carries it."""
    zone = roster.zone_of(note.schedule)
    leaving, coming = names(note.leaving.all()), names(note.coming.all())
    when = f": {moment(note.at, zone)} ({zone.key})" if note.at else ""
    take = "takes" if note.coming.count() == 1 else "take"
    lines = [f"{coming} {take} over {note.schedule} from {leaving}{when}."]
    if note.text:
        lines += ["", f"{note.written_by or 'Somebody'} writes:", note.text]
    for one in note.facts:
        lines += ["", f"{one['title']}:"]
        lines += [f"- {line['text']}" for line in one["lines"][:LINES]] or [one["none"]]
        if len(one["lines"]) > LINES:
            lines.append(f"- and {len(one['lines']) - LINES} more")
    return "\n".join(lines)
