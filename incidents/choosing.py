"""Whom a step asks and how: what the escalation acts by and the simulator shows. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import prefetch_related_objects

from oncall import personal
from oncall.models import ContactMethod, EscalationContact, Schedule
from oncall.people import catch_all, persons
from oncall.roster import responders
from policies.once import once_a_sweep

from .models import Turn

VENDOR = EscalationContact.Kind.VENDOR
CATCH_ALL = "catch-all"


def people(
    turn: Turn, contacts: Sequence[EscalationContact], last: EscalationContact | None, at: datetime
) -> tuple[list[EscalationContact], list[str]]:
    """The persons whom `turn` asks at `at`, and notes on who was left out.

    contacts  whom the turn names besides its schedule
    last      the plan's own catch-all, if it has one
    """
    if turn.final:
        found, notes = persons([last] if last else catch_all(), at=at)
        return found, [*notes, "nobody before has answered" if found else "no catch-all contact is named"]
    on_duty = _on_duty(turn.schedule, at) if turn.schedule else []
    found, notes = persons([*on_duty, *asked_by(contacts)], at=at)
    prefetch_related_objects(found, "methods")  # each is asked of more than once
    if turn.schedule and not on_duty:
        notes.insert(0, f"nobody on call in {turn.schedule}")
    return found, notes


@once_a_sweep
def _on_duty(schedule: Schedule, at: datetime) -> list[EscalationContact]:
    return responders(schedule, at)


def asked_by(contacts: Sequence[EscalationContact]) -> list[EscalationContact]:
    """Those of `contacts` who may be asked: a vendor is only ever asked by a person."""
    return [contact for contact in contacts if contact.kind != VENDOR]


def prompt(turn: Turn, contacts: Sequence[EscalationContact]) -> tuple[str, list[EscalationContact]]:
    """What whoever works on it is told to do, empty for nothing; and the vendors whom they shall contact."""
    vendors = [contact for contact in contacts if contact.kind == VENDOR]
    return turn.prompt or (f"Contact {', '.join(map(str, vendors))}." if vendors else ""), vendors


def nobody(turn: Turn) -> str:
    """Why a turn that came to its time had nobody to ask."""
    if turn.schedule:
        return "nobody on call"
    return "what it named was removed" if turn.aim else "nobody named"


def empty(turn: Turn, contacts: Sequence[EscalationContact], found: Sequence[EscalationContact], told: bool) -> bool:
    """Whether a turn that reached nobody of `found` counts as skipped, so that the next comes at once."""
    return bool(found or turn.final or turn.schedule or asked_by(contacts) or not told)


@dataclass(frozen=True)
class Way:
    """How a person is asked: in quiet hours not before their end; by the own rules; else by the first method."""

    quiet_until: datetime | None = None
    rules: list[tuple[ContactMethod, timedelta]] = field(default_factory=list)
    first: ContactMethod | None = None

    @property
    def calls(self) -> list[tuple[ContactMethod, timedelta]]:
        """Each method and how long after the page begins it is used, when every provider takes its message."""
        return self.rules or ([(self.first, timedelta(0))] if self.first else [])


def way(contact: EscalationContact, severity, turn: Turn | None, *, at: datetime) -> Way:
    """How `contact` is asked at `at` for something of `severity`; who is asked by name or as the last is woken."""
    first = next((method for method in contact.methods.all() if method.usable), None)
    held = None if wakes(turn) else personal.holds_page(contact, severity.key, at=at)
    return Way(held, personal.plan(contact, personal.urgency_of(severity)), first)


def passed(contact: EscalationContact, *, refused: bool = True) -> list[str]:
    """The methods of `contact` that are not used, each with what is wrong; with those that were `refused` or not."""
    unused = [method for method in contact.methods.all() if not method.usable]
    return [f"{method.kind}: {method.state}" for method in unused if refused or method.failed_at is None]


def wakes(turn: Turn | None) -> bool:
    """Whether quiet hours do not hold a page of this turn."""
    return turn is None or turn.final or turn.aim == CATCH_ALL


def stands_in(contact: EscalationContact, *, at: datetime) -> EscalationContact | None:
    """Who is asked instead of somebody who cannot be reached at `at`; None: nobody."""
    return contact.backup if contact.backup and contact.backup.available_at(at) else None
