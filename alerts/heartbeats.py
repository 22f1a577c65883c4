"""Heartbeats that did not come, or said that they failed -> alerts; those that are back -> the end of them.

A ping only moves its heartbeat on and says when it is to be looked at. This sweep does the rest, so that a ping costs
no more than its row, and that a deadline which passed while nobody looked is told all the same, once.
"""

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F, Q
from django.db.models.functions import Least
from django.urls import reverse

from policies.claims import PUSH_ON, Slice, locked
from policies.durations import format_duration
from policies.models import Policy
from policies.wake import wake
from sources.heartbeats import life as lives
from sources.heartbeats import schedules
from sources.models import Heartbeat, Ping
from sources.signals import Signal, instant, micros

from . import store
from .models import AlertRule, RuleSource

log = logging.getLogger(__name__)
BATCH = 500
KIND = "heartbeat"
"""The kind of a rule's source that reads heartbeats."""
SOON = timedelta(seconds=1)
"""Between telling of a trouble and of its end, if it was over before it was told: so that the former is acted on."""
LAST_WORDS = 500
SECOND = timedelta(seconds=1)


def look_due(*, at: datetime, batch: int = BATCH) -> int:
    """Look at up to `batch` heartbeats whose time has come; return how many."""
    with transaction.atomic():
        rows = list(locked(Heartbeat.objects.due(at).select_related("integration__policy"))[:batch])
        news = [row for row in rows if _has_news(row, at)]
        quiet = Heartbeat.objects.filter(pk__in={row.pk for row in rows} - {row.pk for row in news})
        quiet.filter(deadline_at__gt=at).update(due_at=F("deadline_at"))
        quiet.filter(Q(deadline_at=None) | Q(deadline_at__lte=at)).update(due_at=None)
        if not news:
            return len(rows)
        judges, slice, done = _judges(), Slice(), 0
        for row in news:
            if done and slice.over:
                break
            try:
                with transaction.atomic():
                    _tell(row, judged=row.name in judges, at=at)
            except OperationalError:
                raise  # the database is away or busy; the next sweep finds the same rows
            except Exception:
                log.exception("Heartbeat %s could not be judged; looked at again in a minute.", row)
                Heartbeat.objects.filter(pk=row.pk).update(due_at=at + PUSH_ON)
            done += 1
        _ask_readers({row.name for row in news[:done]}, at=at)
    return len(rows) - len(news) + done


def _has_news(row: Heartbeat, at: datetime) -> bool:
    """Whether something has happened that nobody knows yet; else only its deadline has moved on."""
    life = lives.of(row)
    down = life.state == lives.DOWN
    return life.untold or (life.alerting and not down) or lives.lapse(life, at=micros(at))


def _tell(row: Heartbeat, *, judged: bool, at: datetime) -> None:
    """Tell the store of a trouble or of its end, and write what follows."""
    life = lives.of(row)
    lives.lapse(life, at=micros(at))
    door, again = row.integration, None
    if life.untold:
        if not judged and (door is None or door.enabled):
            store.store(door, [_trouble(row, life, at=at)], at=at)
            life.alerting = True
            again = None if life.state == lives.DOWN else at + SOON
        life.untold = False
    elif life.alerting and life.state != lives.DOWN:
        store.store(door, [_over(row, at=at)], at=at)
        life.alerting = False
    life.due_at = life.deadline_at if again is None else micros(again)
    Heartbeat.objects.filter(pk=row.pk).update(**lives.columns(life), alerting=life.alerting)


def _ask_readers(names: set[str], *, at: datetime) -> None:
    """Make the rules due that read one of these heartbeats."""
    sources = RuleSource.objects.filter(kind=KIND, rule__enabled=True).only("rule_id", "spec")
    readers = {source.rule_id for source in sources if source.spec.get("name") in {None, *names}}
    if readers:
        rules = AlertRule.objects.filter(pk__in=readers, enabled=True)
        rules.update(next_check_at=Least(F("next_check_at"), at))
        wake()


def _judges() -> set[str]:
    """Names of heartbeats that rules judge instead of them telling by themselves."""
    sources = RuleSource.objects.filter(kind=KIND, rule__enabled=True).only("spec")
    return {source.spec["name"] for source in sources if source.spec.get("instead") and source.spec.get("name")}


# what it says


def _trouble(row: Heartbeat, life: lives.Life, *, at: datetime) -> Signal:
    assert life.trouble_at is not None
    began = instant(life.trouble_at)
    zone = schedules.zone(row.timezone)
    missed = life.trouble == lives.MISSED
    pings = row.pings.filter(at__lt=began) if missed else row.pings.filter(at__lte=at)
    last = pings.filter(kind__in=[Ping.Kind.SUCCESS, Ping.Kind.FAIL]).first()
    summary, description = {
        lives.MISSED: _missed, lives.UNFINISHED: _unfinished, lives.FAILED: _failed,
    }[life.trouble](row, life, zone, at)  # fmt: skip
    facts = {"trouble": Heartbeat.Trouble(life.trouble).label}
    if missed:
        facts["expected_at"] = _clock(began - row.grace, zone)
    if last is not None:
        facts["last_ping"] = f"{_clock(last.at, zone)}, {last.kind}"
        if last.exit_status is not None:
            facts["last_exit_status"] = str(last.exit_status)
        if words := last.body.strip()[-LAST_WORDS:]:
            facts["last_output"] = words
    if life.runs:
        facts["runs"] = str(life.runs)
    if life.failed_in_a_row:
        facts["failed_in_a_row"] = str(life.failed_in_a_row)
    told = f"The last ping came at {facts['last_ping']}." if last is not None else "It has never ended a run."
    details = f" Its last output: {facts['last_output']}" if "last_output" in facts else ""
    return Signal(
        labels=_labels(row),
        annotations={**facts, "summary": summary, "description": f"{description} {told}{details}",
                     "reason": description},
        starts_at=min(began, at),
        url=settings.BASE_URL + reverse("heartbeat", args=[row.pk]),
        key=str(row.pk),
        name=row.name,
        severity_key=row.severity_key or _gravest(row),
    )  # fmt: skip


def _missed(row: Heartbeat, life: lives.Life, zone: ZoneInfo, at: datetime) -> tuple[str, str]:
    deadline = instant(life.trouble_at or 0)
    due = deadline - row.grace
    text = (
        f"A ping was expected at {_clock(due, zone)} and none came within the grace time of {length(row.grace)}, until "
        f"{_clock(deadline, zone)}."
    )
    if row.last_ping_at is not None and row.last_ping_at >= deadline:
        text += f" It came {length(row.last_ping_at - due)} late."
    elif (late := at - due) > row.grace + SECOND:
        text += f" It is {length(late)} late now."
    return f"{row.name} did not ping in time", text


def _unfinished(row: Heartbeat, life: lives.Life, zone: ZoneInfo, at: datetime) -> tuple[str, str]:
    deadline = instant(life.trouble_at or 0)
    text = (
        f"A run began at {_clock(deadline - row.grace, zone)} and did not end within the grace time of "
        f"{length(row.grace)}, until {_clock(deadline, zone)}."
    )
    if (late := at - deadline) > SECOND:
        text += f" That is {length(late)} ago."
    return f"{row.name} did not finish in time", text


def _failed(row: Heartbeat, life: lives.Life, zone: ZoneInfo, at: datetime) -> tuple[str, str]:
    status = life.last_exit_status if life.last_failed else None
    how = f" with exit status {status}" if status else ""
    times = f", for the {ordinal(life.failed_in_a_row)} time in a row" if life.failed_in_a_row > 1 else ""
    return (
        f"{row.name} failed{how}",
        f"It said at {_clock(instant(life.trouble_at or 0), zone)} that it failed{how}{times}.",
    )


def _over(row: Heartbeat, *, at: datetime) -> Signal:
    why = "It was paused." if row.state == Heartbeat.State.PAUSED else "It pinged again."
    return Signal(
        labels=_labels(row), annotations={"summary": f"{row.name} is back", "reason": why}, ends_at=at,
        key=str(row.pk), name=row.name, severity_key=row.severity_key or _gravest(row),
    )  # fmt: skip


def _labels(row: Heartbeat) -> dict[str, str]:
    return {"alertname": row.name, "heartbeat": str(row.pk), **{k: str(v) for k, v in row.labels.items()}}


def _gravest(row: Heartbeat) -> str:
    """The gravest level of the policy that its alerts follow."""
    policy = row.integration.policy if row.integration else None
    policy = policy or Policy.objects.filter(key="default").first() or Policy.objects.order_by("pk").first()
    return policy.levels[0].key if policy and policy.levels else ""


def _clock(when: datetime, zone: ZoneInfo) -> str:
    return f"{when.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key}"


def length(time: timedelta) -> str:
    """To the second, as people read it."""
    return format_duration(max(time, timedelta()) // SECOND * SECOND)


def ordinal(number: int) -> str:
    tens = 10 < number % 100 < 14
    return f"{number}{'th' if tens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
