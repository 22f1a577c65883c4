"""Every place facts come from, and whether anything comes: doors, places that rules ask, heartbeats."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Count, Max, Q

from . import silence
from .heartbeats import standing
from .inbound import LABELS
from .models import Connection, Event, Heartbeat, Integration, WebhookLog

RECENT = timedelta(hours=24)
KEPT_QUIET = {"heartbeat", "heartbeats"}
"""Kinds of doors that are told of as heartbeats."""


class Life(StrEnum):
    FAILING = "failing"
    SILENT = "silent"
    NEVER = "never"
    RECEIVING = "receiving"
    OFF = "off"


WORST_FIRST = list(Life)


@dataclass(frozen=True)
class Place:
    """One place and how it is doing.

    what     door, connection or heartbeat
    layer    what the pack says that it watches
    trouble  why it is failing, or how long it has been silent and how it was before, in words
    events, refused  in the last 24 hours
    """

    what: str
    name: str
    kind: str
    layer: str
    policy: str
    life: Life
    last_seen_at: datetime | None
    trouble: str = ""
    events: int = 0
    refused: int = 0
    signed: bool = True
    link: tuple[str, int | str] | None = None

    @property
    def order(self) -> tuple[int, str]:
        return WORST_FIRST.index(self.life), self.name.lower()


def places(*, at: datetime) -> list[Place]:
    """All of them, those in trouble first; five queries however many there are, and one for each that is silent."""
    found: list[Place] = [*_doors(at), *_connections(at), *_heartbeats(at)]
    return sorted(found, key=lambda place: place.order)


def _doors(at: datetime) -> Iterable[Place]:
    since = at - RECENT
    told = Event.objects.filter(received_at__gt=since).order_by().values_list("integration").annotate(Count("pk"))
    events = dict(told)
    bad = WebhookLog.objects.filter(at__gt=since, verdict=WebhookLog.Verdict.REFUSED).order_by()
    refused = dict(bad.values_list("integration").annotate(Count("pk")))
    doors = Integration.objects.select_related("policy").exclude(kind__in=KEPT_QUIET)
    for door in doors.prefetch_related("policy__parameters"):
        life = _life(door.last_seen_at, at) if door.enabled else Life.OFF
        usual = silence.standing(door, at=at) if life == Life.SILENT else None
        yield Place(
            "door", door.name, LABELS.get(door.kind, door.kind), str(door.options.get("layer", "")),
            str(door.policy or ""), life, door.last_seen_at,
            usual.words if usual and usual.state == "silent" else "", events=events.get(door.pk, 0),
            refused=refused.get(door.pk, 0), signed=bool(door.secrets) or not door.secret,
            link=("admin:sources_integration_change", door.pk),
        )  # fmt: skip


def _connections(at: datetime) -> Iterable[Place]:
    asked = Q(rulesource__rule__enabled=True)
    rows = Connection.objects.select_related("policy").annotate(
        rules=Count("rulesource", filter=asked), fault=Max("rulesource__error", filter=asked)
    )
    for row in rows:
        life = _life(row.last_seen_at, at)
        if not row.rules:
            life = Life.OFF
        elif row.state == Connection.State.ERROR or (row.fault and life == Life.NEVER):
            life = Life.FAILING
        layer = f"Asked by {row.rules} rule{'' if row.rules == 1 else 's'}"
        yield Place(
            "connection", row.key, row.kind, layer, str(row.policy or ""), life, row.last_seen_at,
            (row.error or row.fault) if life == Life.FAILING else "", link=("admin:sources_connection_change", row.pk),
        )  # fmt: skip


def _heartbeats(at: datetime) -> Iterable[Place]:
    lives = {standing.Standing.DOWN: Life.FAILING, standing.Standing.LATE: Life.SILENT,
             standing.Standing.NEW: Life.NEVER, standing.Standing.PAUSED: Life.OFF}  # fmt: skip
    for row in Heartbeat.objects.select_related("integration__policy"):
        stand = standing.stand(row, at=at)
        policy = row.integration.policy if row.integration else None
        trouble = row.get_trouble_display() if stand.standing == standing.Standing.DOWN and row.trouble else ""
        yield Place(
            "heartbeat", row.name, "heartbeat", row.description[:80], str(policy or ""),
            lives.get(stand.standing, Life.RECEIVING), row.last_ping_at, trouble, link=("heartbeat", str(row.pk)),
        )  # fmt: skip


def _life(last_seen_at: datetime | None, at: datetime) -> Life:
    if last_seen_at is None:
        return Life.NEVER
    return Life.RECEIVING if at - last_seen_at <= RECENT else Life.SILENT
