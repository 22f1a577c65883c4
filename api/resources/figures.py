"""How responders did, and who was interrupted: the figures of the pages, with the days before."""

import datetime as dt
import re
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from ninja import Query, Router
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from analytics import interruptions, response
from analytics.periods import EARLIEST, LATEST, LONGEST, USUAL, BadPeriod, Period, period
from api.access import Request
from api.problems import Problem
from api.routing import read
from api.shapes import Out, Text

router = Router()
ZONES: Any = {"enum": sorted(available_timezones())}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_day(value: Any) -> Any:
    """`2026-11-23`; ValueError for other ways to write a day."""
    if isinstance(value, str):
        if not DAY.fullmatch(value):
            raise ValueError("write the day as 2026-11-23")
        return dt.date.fromisoformat(value)
    return value


AS_DAY = WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-11-23"]})
Day = Annotated[dt.date, BeforeValidator(read_day), AS_DAY]


class PeriodOut(Out):
    """Whole days, both counted in."""

    first_day: dt.date
    last_day: dt.date
    zone: str = Field(description="On whose clock the days are.", examples=["Asia/Jakarta"])


class TimesOut(Out):
    """One length over the incidents that have it, in seconds."""

    count: int
    mean: float | None
    median: float | None
    p90: float | None
    p95: float | None
    longest: float | None


class TargetsOut(Out):
    """Response targets of one kind."""

    met: int
    missed: int = Field(description="Also those that were met late.")
    running: int
    share: float | None = Field(description="Percent met, of those that are met or missed.")


class SideOut(Out):
    """What a group came to in one period."""

    incidents: int
    false_positives: int
    times: dict[str, TimesOut] = Field(description="By acknowledge, mitigate, resolve, notify and detect.")
    targets: dict[str, TargetsOut] = Field(description="By kind of target, those that occur.")


class GroupOut(Out):
    """One group, now and before."""

    key: str = Field(description="Key of a service, level or policy, name of a team; - for those without.")
    name: str
    now: SideOut
    before: SideOut


class ResponseOut(Out):
    """The figures of a period and of the one before."""

    period: PeriodOut
    before: PeriodOut
    total: GroupOut
    groups: list[GroupOut]


class HoursOut(Out):
    """Interruptions by the hours of the person's own life."""

    total: int
    business: int
    off: int
    sleep: int


class PersonOut(Out):
    """How often one person was interrupted."""

    id: int
    name: str
    timezone: str
    now: HoursOut
    before: HoursOut


class InterruptionsOut(Out):
    """The interruptions of a period and of the one before."""

    period: PeriodOut
    before: PeriodOut
    people: list[PersonOut]


class PeriodQuery(BaseModel):
    """Which days; nothing said: the last 30, UTC."""

    last_day: Day | None = Field(
        None, description="Unless told: today. One before 1990 or after 2199 is taken as the nearest of those years."
    )
    days: int = Field(USUAL, ge=1, le=LONGEST, description="How many days, the last one counted in.")
    zone: Text = Field("UTC", description="On whose clock the days are.", json_schema_extra=ZONES)


class ResponseQuery(PeriodQuery):
    """Grouped by what, and of which incidents."""

    by: Literal["service", "level", "team", "policy"] | None = None
    policy: Text = Field("", description="Key of a policy.")
    service: Text = Field("", description="Key of a service; - for incidents without one.")
    level: Text = Field("", description="Key of a level.")
    team: Text = Field("", description="Name of a team; - for incidents without one.")


class InterruptionsQuery(PeriodQuery):
    """Of whom."""

    team: Text = Field("", description="Name of a team: its members.")


@read(router, "/figures/response", scope="incidents:read", out=ResponseOut, id="getResponseFigures",
      summary="Response figures")  # fmt: skip
def response_figures(request: Request, query: Query[ResponseQuery]) -> Any:
    """Times to acknowledge, mitigate and resolve with percentiles, and targets met; the same as the page of figures."""
    words = {name: getattr(query, name) for name in ("policy", "service", "level", "team")}
    found = response.find(response.Wish(_period(query, request), query.by or "", **words), request.caller.user)
    now = found.wish.period
    groups = [_group(group) for group in found.groups]
    return ResponseOut(period=_days(now), before=_days(now.before), total=_group(found.total), groups=groups)


@read(router, "/figures/interruptions", scope="schedules:read", out=InterruptionsOut, id="getInterruptions",
      summary="Interruptions by person")  # fmt: skip
def person_figures(request: Request, query: Query[InterruptionsQuery]) -> Any:
    """How often each person was paged, by business, off and sleep hours on their own clock."""
    now = _period(query, request)
    people = [
        PersonOut(
            id=line.person.pk, name=line.person.name, timezone=line.person.timezone, now=_hours(line.now),
            before=_hours(line.before),
        )
        for line in interruptions.find(now, team=query.team)
    ]  # fmt: skip
    return InterruptionsOut(period=_days(now), before=_days(now.before), people=people)


def _period(query: PeriodQuery, request: Request) -> Period:
    # every combination that the document allows is one that can be answered
    last = query.last_day and min(max(query.last_day, EARLIEST), LATEST)
    try:
        return period(last=last, days=query.days, zone=query.zone, at=request.at)
    except BadPeriod as error:
        raise Problem("invalid", str(error), errors=[(f"query.{error.field}", str(error))]) from None


def _days(days: Period) -> PeriodOut:
    return PeriodOut(first_day=days.first, last_day=days.last, zone=days.zone.key)


def _group(group: response.Group) -> GroupOut:
    return GroupOut(key=group.key, name=group.name, now=_side(group.now), before=_side(group.before))


def _side(side: response.Side) -> SideOut:
    times = {
        key: TimesOut(
            count=one.count, mean=one.mean, median=one.median, p90=one.percentiles.get(90),
            p95=one.percentiles.get(95), longest=one.longest,
        )
        for key, one in ((key, side.time(key)) for key in response.MEASURES)
    }  # fmt: skip
    targets = {
        kind: TargetsOut(met=one.met, missed=one.missed, running=one.running, share=one.share)
        for kind, one in side.targets.items()
    }
    return SideOut(
        incidents=side.incidents, false_positives=side.false_positives, times=times, targets=targets
    )  # fmt: skip


def _hours(said: interruptions.Hours) -> HoursOut:
    return HoursOut(total=said.total, business=said.business, off=said.off, sleep=said.sleep)
