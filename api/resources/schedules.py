"""Schedules: who is on call now or at any instant, until when, and who comes next."""

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from ninja import Query, Router
from pydantic import BaseModel, Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Instant, InstantIn, Out, Page, Text, Words
from oncall import roster, shifts
from oncall.models import EscalationContact, Schedule

from .incidents import PersonOut

router = Router()
SCOPE = "schedules:read"
Source = Literal["layer", "override"]
AHEAD, FURTHEST = timedelta(days=14), timedelta(days=100)
MOST_SHIFTS = 500
EARLIEST = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
LATEST = datetime.fromisoformat("2200-01-01T00:00:00+00:00")


class ScheduleOut(Out):
    """A schedule."""

    id: int
    key: str = Field(examples=["primary"])
    name: str
    timezone: str = Field(examples=["Europe/Berlin"])
    policy: str | None = Field(description="Key of its policy.")

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleOut":
        return cls(**_facts(schedule))


class DutyOut(Out):
    """Who is on call at an instant, and why."""

    at: Instant
    people: list[PersonOut] = Field(description="Empty: nobody.")
    source: Source | None = Field(description="What named them; null: nobody is.")
    layers: list[str]
    until: Instant | None = Field(description="When others come; null: not within 400 days.")


class ShiftOut(Out):
    """A stretch with one answer; without people it is a gap."""

    start: Instant
    end: Instant
    people: list[PersonOut]
    source: Source | None


class ScheduleDetailOut(ScheduleOut):
    """A schedule with who is on call now and next."""

    on_call: DutyOut
    shifts: list[ShiftOut] = Field(description="The coming fourteen days.")


class ShiftsOut(Out):
    """The shifts of a stretch of time, in order."""

    items: list[ShiftOut]


class ScheduleQuery(ByKey):
    """Which schedules."""

    policy: Text | None = Field(None, description="Key of a policy.")
    text: Text | None = Field(None, description="Part of the name or key, in any case.")


class AtQuery(BaseModel):
    """When."""

    at: InstantIn | None = Field(None, description="The instant asked about; now when left out. From 2000 to 2200.")


class BetweenQuery(BaseModel):
    """From when until when."""

    since: InstantIn | None = Field(None, description="Now when left out. From 2000 to 2200.")
    until: InstantIn | None = Field(None, description="14 days later when left out; at most 100 days later.")


def _facts(schedule: Schedule) -> dict[str, Any]:
    same = {name: getattr(schedule, name) for name in ("key", "name", "timezone")}
    return {"id": schedule.pk, "policy": schedule.policy.key if schedule.policy else None, **same}


def _people(people: tuple[EscalationContact, ...]) -> list[PersonOut]:
    return [PersonOut(id=person.pk, name=person.name) for person in people]


def _named(source: str) -> Source | None:
    return cast(Source, source) if source else None


def _duty(definition: shifts.ScheduleDefinition, at: datetime) -> DutyOut:
    answer = shifts.answer_at(definition, at)
    return DutyOut(
        at=at, people=_people(answer.people), source=_named(answer.source), layers=list(answer.layers),
        until=shifts.next_change(definition, at),
    )  # fmt: skip


def _shifts(definition: shifts.ScheduleDefinition, start: datetime, end: datetime) -> list[ShiftOut]:
    return [
        ShiftOut(start=one.start, end=one.end, people=_people(one.people), source=_named(one.source))
        for one in shifts.shifts_between(definition, start, end)[:MOST_SHIFTS]
    ]


def _found(key: str) -> Schedule:
    return got(Schedule.objects.select_related("policy"), f"schedule {key}", key=key)


def _within(at: datetime) -> datetime:
    """Far from the ends of the calendar, where turns cannot be counted."""
    return min(max(at, EARLIEST), LATEST)


@read(router, "/schedules", scope=SCOPE, out=Page[ScheduleOut], id="listSchedules", summary="List schedules")
def list_schedules(request: Request, query: Query[ScheduleQuery]) -> Any:
    """The newest first; ask one for who is on call."""
    rows = Schedule.objects.select_related("policy")
    if query.policy is not None:
        rows = rows.filter(policy__key=query.policy)
    if query.text is not None:
        rows = rows.filter(name__icontains=query.text) | rows.filter(key__icontains=query.text)
    return page(rows, query, Order(), ScheduleOut.of)


@read(router, "/schedules/{key}", scope=SCOPE, out=ScheduleDetailOut, id="getSchedule", summary="One schedule")
def get_schedule(request: Request, key: Words) -> ScheduleDetailOut:
    """With who is on call now, and the shifts of the coming fourteen days."""
    schedule = _found(key)
    now = request.at.replace(second=0, microsecond=0)  # the same ETag for a minute
    definition = roster.define(schedule, since=now)
    return ScheduleDetailOut(
        **_facts(schedule), on_call=_duty(definition, now), shifts=_shifts(definition, now, now + AHEAD)
    )


@read(router, "/schedules/{key}/on-call", scope=SCOPE, out=DutyOut, id="getOnCall", summary="Who is on call")
def get_on_call(request: Request, key: Words, query: Query[AtQuery]) -> DutyOut:
    """Now, or at the instant `at`."""
    at = _within(query.at or request.at)
    return _duty(roster.define(_found(key), since=at), at)


@read(router, "/schedules/{key}/shifts", scope=SCOPE, out=ShiftsOut, id="listShifts", summary="Shifts")
def list_shifts(request: Request, key: Words, query: Query[BetweenQuery]) -> ShiftsOut:
    """Every shift and gap from `since` to `until`, at most 100 days and 500 shifts; none when the end comes first."""
    since = _within(query.since or request.at)
    until = _within(query.until or since + AHEAD)
    schedule = _found(key)
    if until <= since:
        return ShiftsOut(items=[])
    return ShiftsOut(items=_shifts(roster.define(schedule, since=since), since, min(until, since + FURTHEST)))
