"""Heartbeats: jobs that should tell that they are alive, and what their pings said."""

from datetime import timedelta
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.problems import Problem
from api.routing import read, write
from api.shapes import ByKey, ByTimeAndUuid, In, Instant, Labels, Length, Out, Page, Seconds, Text, Uuid, Words
from api.tags import demand_match, rendered
from sources.heartbeats import managing
from sources.models import Heartbeat, Integration, Ping

router = Router()
NEWEST = Order("created_at", uuid=True)
State = Literal["new", "up", "down", "paused"]
Schedule = Literal["period", "cron", "oncalendar"]
LENGTHS = ("period", "grace")
TIMING = frozenset(["schedule", "period", "expression", "timezone", "grace"])


class HeartbeatOut(Out):
    """A job that should ping in time."""

    id: str = Field(description="Stands in the ping address.")
    name: str = Field(examples=["nightly backup"])
    slug: str
    description: str
    labels: dict[str, Any]
    severity: str = Field(description="Level its alert asks for; empty: the policy's gravest.")
    schedule: Schedule
    period: Seconds | None = Field(description="Seconds between two pings.")
    expression: str = Field(description="Cron or OnCalendar expression.", examples=["30 3 * * *"])
    timezone: str
    grace: Seconds = Field(description="Seconds that a ping may be late, and a run may take.")
    success_words: str
    failure_words: str
    start_words: str
    post_only: bool
    manual_resume: bool
    state: State
    last_ping_at: Instant | None
    last_start_at: Instant | None = Field(description="Set while a run lasts.")
    last_duration: Seconds | None = Field(description="Of the last run, in seconds.")
    last_failed: bool
    ping_count: int
    deadline_at: Instant | None = Field(description="It is down if nothing comes until then.")
    ping_url: str = Field(description="Where the job pings.")
    created_at: Instant

    @classmethod
    def of(cls, heartbeat: Heartbeat) -> "HeartbeatOut":
        same = (
            "name", "slug", "description", "labels", "schedule", "period", "expression", "timezone", "grace",
            "success_words", "failure_words", "start_words", "post_only", "manual_resume", "state", "last_ping_at",
            "last_start_at", "last_duration", "last_failed", "ping_count", "deadline_at", "created_at",
        )  # fmt: skip
        return cls(
            **{name: getattr(heartbeat, name) for name in same}, id=str(heartbeat.pk),
            severity=heartbeat.severity_key, ping_url=f"{settings.BASE_URL}/ping/{heartbeat.pk}",
        )  # fmt: skip


class PingOut(Out):
    """One ping as it came."""

    id: int
    kind: Literal["success", "start", "fail", "log", "ignored"]
    at: Instant
    run: str | None = Field(description="Id of the run, when the job says it.")
    exit_status: int | None
    duration: Seconds | None = Field(description="Seconds since the start of the same run.")
    method: str
    sender: str
    agent: str
    body: str

    @classmethod
    def of(cls, ping: Ping) -> "PingOut":
        same = ("kind", "at", "exit_status", "duration", "method", "sender", "agent", "body")
        run = str(ping.rid) if ping.rid else None
        return cls(**{name: getattr(ping, name) for name in same}, id=ping.pk, run=run)


class ChangeHeartbeatIn(In):
    """What of a heartbeat shall be otherwise; what is left out stays."""

    name: Words | None = Field(None, max_length=120, examples=["nightly backup"])
    slug: str | None = Field(None, pattern=r"^[a-z0-9_\-]{0,120}$", examples=["nightly-backup"])
    description: Text | None = Field(None, max_length=10_000)
    labels: Labels | None = None
    severity: Text | None = Field(None, max_length=40, examples=["P1"])
    schedule: Schedule | None = None
    period: Length | None = Field(None, description="Seconds.", examples=[86400])
    expression: Text | None = Field(None, max_length=500, examples=["30 3 * * *"])
    timezone: Text | None = Field(None, max_length=64, examples=["Europe/Berlin"])
    grace: Length | None = Field(None, description="Seconds.", examples=[3600])
    success_words: Text | None = Field(None, max_length=200)
    failure_words: Text | None = Field(None, max_length=200)
    start_words: Text | None = Field(None, max_length=200)
    post_only: bool | None = None
    manual_resume: bool | None = None

    def facts(self) -> dict[str, Any]:
        """The model's fields that were given."""
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        if "severity" in given:
            given["severity_key"] = given.pop("severity")
        return {name: timedelta(seconds=value) if name in LENGTHS else value for name, value in given.items()}


class NewHeartbeatIn(ChangeHeartbeatIn):
    """A new heartbeat."""

    name: Words = Field(max_length=120, examples=["nightly backup"])


class HeartbeatQuery(ByTimeAndUuid):
    """Which heartbeats."""

    state: State | None = None
    slug: Text | None = None
    text: Text | None = Field(None, description="Part of the name, in any case.")


def _found(id: Any, *, locked: bool = False) -> Heartbeat:
    rows = Heartbeat.objects.select_for_update() if locked else Heartbeat.objects.all()
    return got(rows, f"heartbeat {id}", pk=id)


def _matching(request: Request, id: Any) -> Heartbeat:
    """The heartbeat, locked; Problem (412) when it is not as If-Match says."""
    heartbeat = _found(id, locked=True)
    demand_match(request, rendered(HeartbeatOut.of(heartbeat)))
    return heartbeat


def _taken(name: str) -> Problem:
    words = f"There is a heartbeat or a door named {name!r} already; choose another name."
    return Problem("refused", words, errors=[("body.name", words)])


@read(
    router,
    "/heartbeats",
    scope="heartbeats:read",
    out=Page[HeartbeatOut],
    id="listHeartbeats",
    summary="List heartbeats",
)
def list_heartbeats(request: Request, query: Query[HeartbeatQuery]) -> Any:
    """The newest first."""
    exact = {"state": query.state, "slug": query.slug, "name__icontains": query.text}
    rows: QuerySet[Heartbeat] = Heartbeat.objects.all()
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    return page(rows, query, NEWEST, HeartbeatOut.of)


@read(router, "/heartbeats/{id}", scope="heartbeats:read", out=HeartbeatOut, id="getHeartbeat", summary="One heartbeat")
def get_heartbeat(request: Request, id: Uuid) -> HeartbeatOut:
    """How it stands."""
    return HeartbeatOut.of(_found(id))


@read(router, "/heartbeats/{id}/pings", scope="heartbeats:read", out=Page[PingOut], id="listPings", summary="Its pings")
def list_pings(request: Request, id: Uuid, query: Query[ByKey]) -> Any:
    """The last that was stored first."""
    return page(Ping.objects.filter(heartbeat=_found(id)), query, Order(), PingOut.of)


@write(
    router, "/heartbeats", scope="heartbeats:write", out=HeartbeatOut, status=201, id="createHeartbeat",
    summary="Create a heartbeat",
)  # fmt: skip
def create(request: Request, body: NewHeartbeatIn) -> HeartbeatOut:
    """Its first ping starts the clock. 409 names what cannot be used of its schedule, and a name that is taken."""
    facts = body.facts()
    if Heartbeat.objects.filter(name=body.name).exists() or Integration.objects.filter(name=body.name).exists():
        raise _taken(body.name)
    try:
        with transaction.atomic():
            heartbeat = managing.add(at=request.at, **facts)
    except IntegrityError:
        raise _taken(body.name) from None
    return HeartbeatOut.of(_found(heartbeat.pk))


@write(
    router, "/heartbeats/{id}", scope="heartbeats:write", out=HeartbeatOut, method="PATCH", id="changeHeartbeat",
    summary="Change a heartbeat",
)  # fmt: skip
def change(request: Request, id: Uuid, body: ChangeHeartbeatIn) -> HeartbeatOut:
    """A changed schedule counts from the last ping. With If-Match only if it is as you read it."""
    at = request.at
    heartbeat, facts = _matching(request, id), body.facts()
    for name, value in facts.items():
        setattr(heartbeat, name, value)
    managing.check(heartbeat, at=at)
    if "name" in facts and Heartbeat.objects.filter(name=facts["name"]).exclude(pk=id).exists():
        raise _taken(facts["name"])
    if facts:
        heartbeat.save(update_fields=[*facts])
    if TIMING & facts.keys():
        managing.changed(heartbeat, at=at)
    return HeartbeatOut.of(_found(id))


@write(
    router, "/heartbeats/{id}/pause", scope="heartbeats:write", out=HeartbeatOut, id="pauseHeartbeat", summary="Pause",
)  # fmt: skip
def pause(request: Request, id: Uuid) -> HeartbeatOut:
    """Expect nothing until it is resumed, or pings; its alert ends."""
    managing.pause(_matching(request, id), at=request.at)
    return HeartbeatOut.of(_found(id))


@write(
    router, "/heartbeats/{id}/resume", scope="heartbeats:write", out=HeartbeatOut, id="resumeHeartbeat",
    summary="Resume",
)  # fmt: skip
def resume(request: Request, id: Uuid) -> HeartbeatOut:
    """Expect it again, from its next ping on."""
    managing.resume(_matching(request, id), at=request.at)
    return HeartbeatOut.of(_found(id))


@write(
    router, "/heartbeats/{id}", scope="heartbeats:write", out=None, method="DELETE", status=204, id="deleteHeartbeat",
    summary="Delete a heartbeat",
)  # fmt: skip
def delete(request: Request, id: Uuid) -> None:
    """With its pings. 409 while its alert fires: pause it first, so that the alert ends."""
    heartbeat = _matching(request, id)
    if heartbeat.alerting or heartbeat.untold:
        raise Problem("refused", f"The alert of {heartbeat} fires; pause it first, so that the alert ends.")
    door = heartbeat.integration
    heartbeat.delete()
    if door is not None:
        door.delete()
