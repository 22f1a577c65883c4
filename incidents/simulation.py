"""Who would be asked, when and how, if something happened at an instant and nobody answered. Writes nothing.

It goes by the functions of the escalation itself: `plans.drafts`, `conditions.unfit`, `choosing`, `shifted`. What only
real life knows is supposed: nobody acknowledges, every provider takes its message, nothing is edited on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from notifications import routing
from notifications.transports import TRANSPORTS
from oncall.models import ContactMethod, EscalationContact

from . import choosing, circles, fatigue, plans
from .conditions import unfit
from .models import Circle, EscalationPolicy, Incident, Turn
from .models.escalation import Asks, shifted

MOST = 200
"""Steps that are looked at; a plan that repeats a hundred times says nothing new after that."""


@dataclass(frozen=True)
class Call:
    """One message to a person: by which method, to where as far as it may be seen, and when."""

    method: ContactMethod
    at: datetime

    @property
    def kind(self) -> str:
        channel = TRANSPORTS.get(self.method.kind)
        return channel.label if channel else self.method.kind

    @property
    def hint(self) -> str:
        return hint_of(self.method)


@dataclass(frozen=True)
class Asked:
    """One person of a step: by what they would be asked, or why not (`why_not`), and what is not used (`passed`)."""

    person: EscalationContact
    calls: list[Call]
    why_not: str = ""
    instead_of: EscalationContact | None = None
    passed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """What one step would come to: people asked, places told, or skipped with `reason`; `offset` since the start."""

    turn: Turn
    at: datetime
    offset: str
    people: list[Asked] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    prompt: str = ""
    reason: str = ""
    skipped: bool = False

    @property
    def number(self) -> int:
        return self.turn.position + 1

    @property
    def outcome(self) -> str:
        if any(not one.why_not for one in self.people):
            return "asks"
        return "skipped" if self.skipped else "tells"

    @property
    def hurried(self) -> bool:
        """Whether it comes before its time, because nobody before it is reached."""
        return self.at < self.turn.planned_at


@dataclass(frozen=True)
class Simulation:
    """`ends_at`: when every step was gone through, and `alarm` is told that nobody answered; None: nobody is asked."""

    incident: Incident
    at: datetime
    plan: EscalationPolicy | None
    steps: list[Step]
    ends_at: datetime | None
    alarm: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def asks(self) -> bool:
        """Whether anybody at all would be asked."""
        return any(step.outcome == "asks" for step in self.steps)

    @property
    def end_offset(self) -> str:
        return _offset(self.ends_at - self.at) if self.ends_at else ""

    def lines(self) -> list[str]:
        """The answer for people, a line each."""
        name = self.plan.name if self.plan else "no escalation policy"
        found = [f"{name}, {self.incident.severity.key}, from {self.at:%A %Y-%m-%d %H:%M:%S} UTC, if nobody answers:"]
        found += self.notes
        for step in self.steps:
            found.append(f"{step.offset} {step.at:%H:%M:%S} step {step.number} {_words(step)}")
            found += [f"    {_person(one)}" for one in step.people]
            found += [f"    tells {place}" for place in step.places]
            found += [f"    prompts whoever works on it: {step.prompt}"] if step.prompt else []
        if self.ends_at is not None:
            told = ", ".join(self.alarm) or "nobody: no route takes it"
            found.append(f"{self.end_offset} {self.ends_at:%H:%M:%S} nobody answered: tells {told}")
        return found

    def as_json(self) -> dict[str, Any]:
        incident = self.incident
        return {
            "at": _iso(self.at), "escalation": self.plan.key if self.plan else None, "policy": incident.policy.key,
            "severity": incident.severity.key, "service": incident.service.key if incident.service else None,
            "labels": incident.labels, "pages": incident.pages, "notes": self.notes,
            "steps": [_step_json(step, self.at) for step in self.steps],
            "ends_at": _iso(self.ends_at) if self.ends_at else None, "nobody_answered_tells": self.alarm,
        }  # fmt: skip


def simulate(incident: Incident, plan: EscalationPolicy | None, *, at: datetime) -> Simulation:
    """What would happen to `incident`, which need not be stored, if its escalation by `plan` began at `at` (aware)."""
    asks = incident.pages
    told = plan is not None and bool(plans.tells(plan, incident))
    waiting = plans.drafts(plan, incident, at=at, asks=asks) if asks or told else []
    steps: list[Step] = []
    asked: list[tuple[int, datetime]] = []
    lasts: dict[str, str] = {}
    final = plan.catch_all if plan else None
    end = None
    while waiting and len(steps) < MOST:
        draft = min(waiting, key=lambda one: (one.due, one.turn.position))
        waiting.remove(draft)
        turn, now = draft.turn, draft.due
        end = now
        if reason := unfit(turn, incident, at=now):
            steps.append(Step(turn, now, _offset(now - at), reason=reason, skipped=True))
            continue
        people, notes = choosing.people(turn, draft.contacts, final, now)
        again = [one for one in people if turn.position and any(pk == one.pk and when >= now for pk, when in asked)]
        notes += [f"{one} was asked after this step's time already" for one in again]
        people = [one for one in people if one not in again]
        rows = _rows(turn, people, incident, lasts, at=now)
        reached = [row.person for row in rows if not row.why_not]
        asked += [(row.person.pk, now) for row in rows if not row.why_not]
        places = [str(place) for place in draft.places]
        prompt, _ = choosing.prompt(turn, draft.contacts)
        behind = sorted(waiting, key=lambda one: one.turn.position)
        for moved, due in shifted(turn, [one.turn for one in behind if one.turn.position > turn.position], now):
            moved.due_at = due
        skipped = not reached and (bool(again) or choosing.empty(turn, draft.contacts, people, bool(places or prompt)))
        if skipped and not again:
            notes = notes or [choosing.nobody(turn)]
            if behind:
                behind[0].turn.due_at = min(behind[0].due, now)
        words = routing.filled(prompt, incident.policy) if prompt else ""
        steps.append(Step(turn, now, _offset(now - at), rows, places, words, "; ".join(notes), skipped))
    notes = [f"Only the first {MOST} of {MOST + len(waiting)} steps are looked at."] if waiting else []
    ends = end if asks and not waiting else None
    return Simulation(incident, at, plan, steps, ends, _alarm(incident) if ends else [], notes)


def _rows(
    turn: Turn, people: Sequence[EscalationContact], incident: Incident, lasts: dict[str, str], *, at: datetime
) -> list[Asked]:
    """Whom of `people` the turn asks; of one in turn, those who cannot be reached and the first who can."""
    rows: list[Asked] = []
    if turn.asks != Asks.IN_TURN:
        for person in people:
            rows += _ask(turn, person, incident, rows, at=at)
        return rows
    if turn.circle not in lasts:
        row = Circle.objects.filter(key=turn.circle).first()
        lasts[turn.circle] = row.last if row else ""
    for person in circles.after(lasts[turn.circle], people):
        found = _ask(turn, person, incident, rows, at=at)
        rows += found
        if any(not one.why_not for one in found):
            lasts[turn.circle] = person.name
            break
    return rows


def _ask(
    turn: Turn, person: EscalationContact, incident: Incident, before: Sequence[Asked], *, at: datetime
) -> list[Asked]:
    """How `person` is asked and, when that is not possible, whoever stands in, and so on."""
    rows: list[Asked] = []
    behind: EscalationContact | None = None
    here: EscalationContact | None = person
    while here is not None and all(one.person != here for one in [*before, *rows]):
        passed = [
            f"{method.kind} {hint_of(method)}: {method.state}" for method in here.methods.all() if not method.usable
        ]
        enough = None
        if behind is None:
            enough = fatigue.looked_at(incident, here, turn, at=at, must=turn.asks == Asks.ALL_ACK)
        if enough and enough.instead and all(one.person != enough.instead for one in before):
            rows.append(Asked(here, [], enough.words, behind, passed))
            behind, here = here, enough.instead
            continue
        way = choosing.way(here, incident.severity, turn, at=at)
        if way.quiet_until:
            calls = [Call(way.first, way.quiet_until)] if way.first else []
            why = f"quiet hours until {way.quiet_until:%H:%M} UTC, which {incident.severity.key} does not break"
        else:
            calls = [Call(method, at + after) for method, after in way.calls]
            why = "" if calls else "no usable contact method"
        rows.append(Asked(here, calls, why, behind, passed))
        if not why:
            break
        behind, here = here, choosing.stands_in(here, at=at)
    return rows


def _alarm(incident: Incident) -> list[str]:
    labels = {**incident.labels, "service": incident.service.key if incident.service else ""}
    choices = routing.destinations(incident.policy, severity=incident.severity, labels=labels)
    return [str(choice.destination) for choice in choices]


def hint_of(method: ContactMethod) -> str:
    """The address as far as it may be seen."""
    channel = TRANSPORTS.get(method.kind)
    return channel.hint(method.address) if channel else ""


def _offset(passed: timedelta) -> str:
    """`+1:05:00`: hours, minutes and seconds since the start."""
    seconds = int(passed.total_seconds())
    return f"+{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _words(step: Step) -> str:
    early = " (at once: nobody before is reached)" if step.hurried else ""
    how = f", {step.turn.get_asks_display()}" if step.turn.asks != Asks.EVERYBODY else ""
    reason = f": {step.reason}" if step.reason else ""
    return f"({step.turn.aim}{how}) {step.outcome}{early}{reason}"


def _person(one: Asked) -> str:
    who = f"{one.person}, for {one.instead_of}" if one.instead_of else str(one.person)
    calls = ", ".join(f"{call.at:%H:%M:%S} {call.method.kind} {call.hint}".rstrip() for call in one.calls)
    words = f"{who}: {calls}"
    if one.why_not:
        words = f"{who}: not asked, {one.why_not}" + (f"; then, if it is wanted, {calls}" if calls else "")
    return f"{words} [not used: {'; '.join(one.passed)}]" if one.passed else words


def _step_json(step: Step, start: datetime) -> dict[str, Any]:
    return {
        "step": step.number, "at": _iso(step.at), "planned_at": _iso(step.turn.planned_at),
        "after_seconds": int((step.at - start).total_seconds()), "aim": step.turn.aim, "asks": step.turn.asks,
        "condition": step.turn.condition, "catch_all": step.turn.final, "outcome": step.outcome, "reason": step.reason,
        "people": [
            {"name": one.person.name, "instead_of": one.instead_of.name if one.instead_of else None,
             "why_not": one.why_not, "not_used": one.passed,
             "calls": [{"method": call.method.kind, "to": call.hint, "at": _iso(call.at)} for call in one.calls]}
            for one in step.people
        ],
        "places": step.places, "prompt": step.prompt,
    }  # fmt: skip


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
