"""Make, change, pause and resume a heartbeat; each keeps its deadline true."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from policies.wake import wake

from ..models import Heartbeat, Integration
from ..signals import micros
from . import life as lives
from . import schedules

DOOR, PROJECT = "heartbeat", "heartbeats"
"""Kinds of integration: the door of one heartbeat, and a key that pings many by their slugs."""
SLUG = re.compile(r"[a-z0-9_-]{1,120}", re.ASCII)
SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True)
class Expected:
    """What a heartbeat waits for.

    at        the next good ping; None when nothing is expected
    deadline  when it is down if nothing comes; None when there is no hurry
    """

    at: datetime | None
    deadline: datetime | None


def check(heartbeat: Heartbeat, *, at: datetime) -> None:
    """Raise ValidationError, by field, unless its schedule can be used."""
    faults: dict[str, str] = {}
    if heartbeat.schedule == Heartbeat.Schedule.PERIOD:
        if heartbeat.period is None or heartbeat.period < SHORTEST:
            faults["period"] = "A period is at least a second: how often the job should ping, such as 5m or 1d."
    else:
        try:
            schedules.check(heartbeat.schedule, heartbeat.expression, heartbeat.timezone, at=at)
        except schedules.BadSchedule as error:
            faults[error.field] = str(error)
    if heartbeat.grace is None or heartbeat.grace < SHORTEST:
        faults["grace"] = "A grace time is at least a second: how late a ping may be, such as 1m or 1h."
    if faults:
        raise ValidationError(faults)


@transaction.atomic
def add(*, name: str, id: UUID | None = None, key: str = "", at: datetime, door: dict[str, Any] | None = None,
        **settings: Any) -> Heartbeat:  # fmt: skip
    """Make a heartbeat with a door of its own; ValidationError, by field, when its schedule cannot be used.

    id        stands in its address; None: made up
    key       of its door; "": the same as the id
    door      further fields of its Integration: policy, group_by …
    settings  fields of Heartbeat
    """
    id = id or uuid4()
    heartbeat = Heartbeat(pk=id, name=name, **{"slug": slugify(name)[:120], **settings})
    check(heartbeat, at=at)
    heartbeat.integration = Integration.objects.create(kind=DOOR, name=name, key=key or str(id), **(door or {}))
    heartbeat.save(force_insert=True)
    return heartbeat


def open_door(heartbeat: Heartbeat) -> Integration:
    """The heartbeat's door, made if it has none; the caller saves the heartbeat."""
    if heartbeat.integration is None:
        name, number = heartbeat.name, 2
        while Integration.objects.filter(name=name).exists():
            name, number = f"{heartbeat.name} ({number})", number + 1
        heartbeat.integration = Integration.objects.create(kind=DOOR, name=name, key=str(heartbeat.pk))
    return heartbeat.integration


def provide(project: int, slug: str) -> Heartbeat:
    """The heartbeat with this slug, made with the usual settings because somebody pinged it."""
    door = Integration.objects.select_related("policy").get(pk=project)
    found = Heartbeat.objects.filter(project=door, slug=slug).first()
    if found:
        return found
    name = slug
    if Heartbeat.objects.filter(name=name).exists() or Integration.objects.filter(name=name).exists():
        name = f"{slug} ({door.name})"[:120]
    heartbeat = Heartbeat(name=name, slug=slug, project=door)
    try:
        with transaction.atomic():
            heartbeat.integration = Integration.objects.create(
                kind=DOOR, name=name, key=str(heartbeat.pk), policy=door.policy, group_by=door.group_by,
                severities=door.severities, resolve_after=door.resolve_after,
            )  # fmt: skip
            heartbeat.save(force_insert=True)
    except IntegrityError:  # another ping made it this very moment
        return Heartbeat.objects.get(project=door, slug=slug)
    return heartbeat


def changed(heartbeat: Heartbeat, *, at: datetime) -> None:
    """Work out the deadline anew, after its schedule was changed."""
    _rewrite(heartbeat, at=at)


def pause(heartbeat: Heartbeat, *, at: datetime) -> None:
    """Expect nothing until it is resumed, or pings. Its alert ends."""
    _rewrite(heartbeat, at=at, state=lives.PAUSED, last_start_at=None, last_start_rid=None, untold=False, trouble="")


def resume(heartbeat: Heartbeat, *, at: datetime) -> None:
    """Expect it again, from its next ping on; nothing changes if it is not paused."""
    if heartbeat.state == Heartbeat.State.PAUSED:
        _rewrite(heartbeat, at=at, state=lives.NEW)


def _rewrite(heartbeat: Heartbeat, *, at: datetime, **facts: Any) -> None:
    with transaction.atomic():
        row = Heartbeat.objects.select_for_update().get(pk=heartbeat.pk)
        life = lives.of(row)
        for name, value in facts.items():
            setattr(life, name, value)
        life.deadline_at, life.due_at = lives.deadline(life), None
        lives.plan(life, now=micros(at))
        Heartbeat.objects.filter(pk=row.pk).update(**lives.columns(life))
        wake()
    heartbeat.refresh_from_db()


def expected(heartbeat: Heartbeat) -> Expected:
    """What it waits for now."""
    when = lives.expected(lives.of(heartbeat))
    return Expected(None if when is None else lives.instant(when), heartbeat.deadline_at)


def coming(heartbeat: Heartbeat, *, at: datetime, count: int = 5) -> list[datetime]:
    """The next times it should ping: by its expression from `at` on, by its period if it always pings on time."""
    if heartbeat.schedule != Heartbeat.Schedule.PERIOD:
        kind, words, zone = heartbeat.schedule, heartbeat.expression, heartbeat.timezone
        return schedules.coming(at, kind=kind, expression=words, timezone=zone, count=count)
    if heartbeat.period is None:
        return []
    last = expected(heartbeat).at or at + heartbeat.period
    first = last if last > at else at
    return [first + turn * heartbeat.period for turn in range(count)]
