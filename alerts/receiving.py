"""A request at a door -> what it says, stored together with its row in the webhook log, or refused with a reason."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import IntegrityError, transaction

import channels_health.history
from notifications import receipts, routing
from policies.wake import wake
from sources import events, intake
from sources.inbound import INBOUND
from sources.inbound.base import ChannelTold, Inbound, Malformed, NotTaken, Parsed, Reply, Sent
from sources.models import Integration, WebhookLog
from sources.signals import Signal

from . import acknowledging, channel_rules, listening
from .models import Liveness
from .origins import default_policy
from .store import store

log = logging.getLogger(__name__)
RAW_LENGTH = 256 * 1024
"""A longer body is not kept to be taken again."""
HEADER_LENGTH = 200
ATTEMPTS = 3
"""How often a request is stored anew when another one told of the same event, change or channel at the same time."""


class Replayed(NotTaken):
    """A request with this very signature was taken before."""

    status = 409


class Collided(NotTaken):
    """Others kept telling of the same things at the same time; nothing was stored."""

    status = 503


def receive(inbound: Inbound, door: Integration, sent: Sent, *, sender: str, at: datetime) -> Reply:
    """Take one request of a door that is open; NotTaken says why it is refused, and nothing of it is stored.

    What it says is committed when this returns, together with its row in the log.
    """
    signature = inbound.always_verify(sent, door, at=at)
    if door.secrets:
        signature = inbound.verify(sent, door, at=at) or signature
    payload, message, parsed = read(inbound, door, sent, at=at)
    facts: dict[str, Any] = {"body": sent.body, "sender": sender, "delivery_id": message, "signature": signature[:64]}
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                # the row comes first: that it is unique decides between two deliveries of the same message at once
                row = intake.accepted(
                    door.pk, at=at, status=202, reason=parsed.note, **facts, **to_replay(inbound, sent)
                )
                became = intake.became(row, take_in(door, parsed, at=at))
                Integration.objects.filter(pk=door.pk).update(last_seen_at=at)
        except IntegrityError:
            # told before; or another request told of the same event in this moment, and then the next attempt sees it
            if first := _taken(door, message, signature):
                return _again(inbound, door, first, message, payload, parsed, sent, sender=sender, at=at)
        else:
            inbound.finish(payload, sent, door)
            return inbound.accepted(parsed, became)
    raise Collided("The request collided with others, nothing was stored; send it again.")


def read(inbound: Inbound, door: Integration, sent: Sent, *, at: datetime) -> tuple[Any, str, Parsed]:
    """The payload, the sender's id of the message and what it says; NotTaken names what cannot be understood."""
    try:
        payload = inbound.decode(sent)
        message = events.id_of(inbound.message_id(sent, payload), 120)
        return payload, message, inbound.parse(payload, sent, door, at=at)
    except RecursionError as error:
        raise Malformed("The body is nested too deeply.") from error


def take_in(door: Integration, parsed: Parsed, *, at: datetime) -> dict[str, list[Any]]:
    """Store what a request says, in the caller's transaction; return the ids of the rows it became, by kind."""
    became: dict[str, list[Any]] = {}
    if parsed.signals:
        became["alerts"] = list(store(door, _in_our_levels(parsed.signals, door), at=at).ids)
        _told_again(door, became["alerts"], at=at)
    if parsed.events:
        kept = events.keep(door, parsed.events, at=at)
        became["events"] = [event.pk for event in kept]
        listening.heard({event.stream for event in kept}, at=at)
        receipts.heard(kept, at=at)
    if parsed.changes:
        changes = [replace(one, service=one.service or _service_of(door)) for one in parsed.changes]
        became["changes"] = [change.pk for change in events.note_changes(door, changes, at=at)]
    if parsed.channels:
        became["channels"] = [_record(told, at=at) for told in in_order(parsed.channels)]
        channel_rules.told(at=at)
    if parsed.acknowledged:
        became["incidents"] = acknowledging.acknowledge(door, parsed.acknowledged, at=at)
    return became


def _told_again(door: Integration, alerts: list[int | None], *, at: datetime) -> None:
    """What fires on and is told again counts where a route has a throttle: its places hear of it once in a while."""
    verdicts = [Liveness.Verdict.JOINED] if routing.throttles(door.policy or default_policy()) else []
    if door.options.get("open_after"):
        verdicts.append(Liveness.Verdict.SUPPRESSED)
    if verdicts:
        joined = Liveness.objects.filter(pk__in=[one for one in alerts if one], verdict__in=verdicts)
        if joined.filter(firing=True, assign_at=None).update(assign_at=at):
            wake()


def _service_of(door: Integration) -> str:
    """The service that the door's policy is about, "" when it is about none."""
    return door.policy.service.key if door.policy and door.policy.service else ""


def in_order(told: list[ChannelTold]) -> list[ChannelTold]:
    """Channel by channel, each in the order it was told: two requests lock the same channels in the same order."""
    return sorted(told, key=lambda one: (one.tenant, one.key))


def _record(told: ChannelTold, *, at: datetime) -> int | None:
    tenant, key, name = events.id_of(told.tenant, 120), events.id_of(told.key, 120), events.id_of(told.name, 160)
    facts: dict[str, Any] = {"name": name} if name else {}
    if told.kind:
        facts["kind"] = events.clean(told.kind)[:40]
    if told.identifiers:
        facts["identifiers"] = told.identifiers
    status = channels_health.history.record(
        tenant, key, events.clean(told.status)[:40], at=min(told.at or at, at), reason=events.clean(told.reason),
        **facts,
    )  # fmt: skip
    return status.pk if status else None


def to_replay(inbound: Inbound, sent: Sent) -> dict[str, Any]:
    """What the log keeps of a request that was let in, so that it can be taken again."""
    names = ("Content-Type", *inbound.log_headers, *inbound.message_headers)
    headers = {name: sent.headers[name][:HEADER_LENGTH] for name in names if sent.headers.get(name)}
    query = {name: value for name, value in sent.query.items() if not intake.SECRET_NAME.search(name) and name != "key"}
    raw = sent.body.decode(errors="replace") if len(sent.body) <= RAW_LENGTH else ""
    return {"headers": headers, "query": urlencode(query, errors="replace")[:2000], "raw": raw}


def _in_our_levels(signals: list[Signal], door: Integration) -> list[Signal]:
    """The signals with their levels as the door's table translates them.

    A level of the sender's kind that neither the table nor the policy names becomes the one as urgent as it.
    """
    inbound, policy = inbound_of(door), None
    theirs = inbound.levels if inbound else ()
    ours = []
    for signal in signals:
        level = signal.severity_key or next(
            (signal.labels[name] for name in ("severity", "level", "priority") if signal.labels.get(name)), ""
        )
        known = door.severities.get(level)
        if not known and level in theirs:
            policy = policy or door.policy or default_policy()
            if policy and not any(one.key.lower() == level.lower() for one in policy.levels):
                alike = policy.level_like(theirs.index(level), len(theirs))
                known = alike and alike.key
        ours.append(replace(signal, severity_key=str(known)) if known else signal)
    return ours


def _taken(door: Integration, message: str, signature: str) -> WebhookLog | None:
    """The row of the request with this id, or else with this signature, that was accepted before."""
    taken = WebhookLog.objects.filter(integration=door, verdict=WebhookLog.Verdict.ACCEPTED)
    return (taken.filter(delivery_id=message).first() if message else None) or (
        taken.filter(signature=signature[:64]).first() if signature else None
    )


def _again(
    inbound: Inbound, door: Integration, first: WebhookLog, message: str, payload: Any, parsed: Parsed, sent: Sent, *,
    sender: str, at: datetime,
) -> Reply:  # fmt: skip
    """The answer to a message that was taken before: fine if its sender only repeats it, refused if it is replayed."""
    if not message or first.delivery_id != message:
        raise Replayed("A request with this very signature was taken before: this is a replay, nothing was stored.")
    intake.repeated(door.pk, first, at=at, body=sent.body, sender=sender)
    inbound.finish(payload, sent, door)
    return inbound.accepted(parsed, first.became, duplicate=True)


def inbound_of(door: Integration) -> Inbound | None:
    """The kind of a door, None when it has an entrance of its own."""
    return INBOUND.get(door.kind)
