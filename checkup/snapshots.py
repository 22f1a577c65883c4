"""Freezing how things stand: probes, rules, jobs, channels, failed events and queues, in one text with its hash."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from alerts import queues, samples
from alerts.models import AlertRule
from channels_health.models import Channel
from incidents.models import Incident, TimelineEntry
from oncall.models import EscalationContact
from policies.claims import sweep
from policies.models import Policy
from sources.models import Connection, Event, Heartbeat, WebhookLog
from sources.privacy import without_persons
from sources.probes import ProbeError

from . import probing
from .models import Snapshot, Wanted, digest_of

PARTS = ("probes", "rules", "jobs", "channels", "events", "queues")
MOST = 200
FAILED = 20
JOBS_WITHIN = timedelta(days=1)
OPENING_AFTER = timedelta(seconds=5)
"""The first seconds belong to paging people."""


def take(
    incident: Incident | None, *, at: datetime, how: str, by: EscalationContact | None = None,
    policy: Policy | None = None, ask: bool = False,
) -> Snapshot:  # fmt: skip
    """Freeze what is known of the incident's policy (or `policy`) and keep it with the incident.

    ask   ask the sources first, which takes up to ten seconds; else as they were read last
    """
    policy = incident.policy if incident else policy
    asked = probing.ask(policy, at=at) if ask and policy else []
    parts = {
        "probes": [*(one.told() for one in asked), *_connections(policy), *([] if asked else _read_last(policy))],
        "rules": _rules(policy),
        "jobs": _jobs(policy, at),
        "channels": _channels(policy),
        "events": _failed(policy),
        "queues": _queues(policy),
    }
    return keep(Snapshot.Kind.SNAPSHOT, parts, incident=incident, policy=policy, at=at, how=how, by=by)


@transaction.atomic
def keep(
    kind: str, parts: dict[str, list[dict[str, Any]]], *, incident: Incident | None, policy: Policy | None,
    at: datetime, how: str, by: EscalationContact | None,
) -> Snapshot:  # fmt: skip
    """Write the record, and tell of it on the incident's timeline."""
    body = canonical(
        {
            "kind": str(kind), "at": at.isoformat(), "incident": incident.pk if incident else None,
            "policy": policy.key if policy else None, "how": str(how), "by": str(by) if by else None, "parts": parts,
        }
    )  # fmt: skip
    made = Snapshot.objects.create(
        kind=kind, how=how, incident=incident, policy=policy, at=at, by=by, body=body, digest=digest_of(body)
    )
    if incident is not None:
        counts = ", ".join(f"{len(entries)} {name}" for name, entries in parts.items())
        words = f"{made.get_kind_display().capitalize()} taken: {counts}. SHA-256 {made.digest[:12]}…"
        incident.log("snapshot", words, at=at, by=by, data={"snapshot": made.pk, "digest": made.digest})
    return made


def canonical(content: dict[str, Any]) -> str:
    """The same content is always the same text: keys sorted, no spaces, what JSON does not know as text."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).replace("\0", "")


def want(incident: Incident, entry: TimelineEntry) -> None:
    """An incident was opened: a snapshot is taken by the next sweep, not on the way that opens it."""
    row = Wanted(incident=incident, due_at=entry.at + OPENING_AFTER)
    Wanted.objects.bulk_create([row], ignore_conflicts=True)


def freeze_due(*, at: datetime) -> int:
    """Take the snapshots of incidents that were opened; return how many."""
    due = Wanted.objects.filter(due_at__lte=at).select_related("incident__policy").order_by("due_at", "pk")
    return sweep(due, due="due_at", at=at, work=_freeze, batch=20)


def _freeze(wanted: Wanted, *, at: datetime) -> None:
    take(wanted.incident, at=at, how=Snapshot.How.OPENING)
    wanted.delete()


def _mine(policy: Policy | None, field: str = "policy") -> Q:
    """Rows of the policy and those of none."""
    return Q() if policy is None else Q(**{field: policy}) | Q(**{field: None})


def _connections(policy: Policy | None) -> list[dict[str, Any]]:
    rows = Connection.objects.filter(_mine(policy)).order_by("key")[:MOST]
    return [
        {"connection": row.key, "kind": row.kind, "state": row.state, "error": row.error,
         "latency_ms": row.latency_ms, "last_seen_at": _iso(row.last_seen_at)}
        for row in rows
    ]  # fmt: skip


def _rows(policy: Policy | None):
    rows = AlertRule.objects.filter(policy=policy) if policy else AlertRule.objects.all()
    return rows.select_related("policy", "severity").order_by("policy__key", "key")[:MOST]


def _read_last(policy: Policy | None) -> list[dict[str, Any]]:
    """What the rules' sources said when they were asked last."""
    found = []
    for rule in _rows(policy):
        for row in samples.latest(rule, most=1):
            read, _ = samples.load(row.data)
            told = {"fault": str(read)} if isinstance(read, ProbeError) else {"readings": probing.plain_readings(read)}
            found.append({"rule": rule.key, "at": _iso(row.until), **told})
    return found


def _rules(policy: Policy | None) -> list[dict[str, Any]]:
    return [
        {"rule": rule.key, "name": str(rule), "enabled": rule.enabled, "state": rule.state, "verdict": rule.verdict,
         "since": _iso(rule.state_since), "checked_at": _iso(rule.checked_at), "value": _value(rule)}
        for rule in _rows(policy)
    ]  # fmt: skip


def _value(rule: AlertRule) -> float | None:
    rows = samples.latest(rule, most=1)
    return rows[-1].value if rows else None


def _jobs(policy: Policy | None, at: datetime) -> list[dict[str, Any]]:
    """Heartbeats, and the last run of each job that senders told of."""
    beats = Heartbeat.objects.filter(_mine(policy, "integration__policy")).order_by("name")[:MOST]
    found = [
        {"heartbeat": row.name, "state": row.state, "last_ping_at": _iso(row.last_ping_at)} for row in beats
    ]  # fmt: skip
    last: dict[str, Event] = {}
    runs = Event.objects.filter(_mine(policy, "integration__policy"), kind="job", at__gte=at - JOBS_WITHIN, at__lte=at)
    for event in runs.order_by("-at", "-pk")[: MOST * 5]:
        last.setdefault(event.name, event)
    return found + [
        {"job": name, "outcome": event.outcome, "at": _iso(event.at), "text": event.text[:300]}
        for name, event in sorted(last.items())
    ]  # fmt: skip


def _channels(policy: Policy | None) -> list[dict[str, Any]]:
    rows = Channel.objects.order_by("tenant", "key")[:MOST]
    return [
        {"tenant": row.tenant, "channel": row.key, "name": row.name, "status": row.status,
         "since": _iso(row.changed_at)}
        for row in rows
    ]  # fmt: skip


def _failed(policy: Policy | None) -> list[dict[str, Any]]:
    """The last events that failed, and the last requests that were refused; without persons' data."""
    failed = Q(outcome__in=["failed", "error", "bounced"]) | Q(level__in=["error", "fatal"])
    events = Event.objects.filter(_mine(policy, "integration__policy"), failed).order_by("-at", "-pk")[:FAILED]
    told: list[dict[str, Any]] = [
        {"event": event.pk, "at": _iso(event.at), "stream": event.stream, "kind": event.kind, "name": event.name,
         "outcome": event.outcome, "text": without_persons(event.text)[:300]}
        for event in events
    ]  # fmt: skip
    refused = WebhookLog.objects.filter(
        _mine(policy, "integration__policy"), verdict=WebhookLog.Verdict.REFUSED
    ).select_related("integration").defer("raw").order_by("-at", "-pk")[:FAILED]  # fmt: skip
    return told + [
        {"webhook": row.pk, "at": _iso(row.at), "door": str(row.integration or "no door"), "status": row.status_code,
         "reason": row.reason}
        for row in refused
    ]  # fmt: skip


def _queues(policy: Policy | None) -> list[dict[str, Any]]:
    return [
        {"card": board.card.key, "queue": one.name, "depth": one.depth, "active": one.active,
         "age_seconds": None if one.age is None else one.age.total_seconds(), "dead": one.dead,
         "level": one.level, "pace": one.pace, "read_at": _iso(board.read_at)}
        for board in queues.boards(queues.cards(policy))
        for one in board.queues
    ]  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
