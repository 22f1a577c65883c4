"""A request at a door -> what it says, stored together with its row in the webhook log, or refused with a reason."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

import channels_health.history
from sources import events, intake
from sources.inbound import INBOUND
from sources.inbound.base import Inbound, NotTaken, Parsed, Reply, Sent
from sources.models import Integration, WebhookLog
from sources.signals import Signal

from . import listening
from .store import store

log = logging.getLogger(__name__)
RAW_LENGTH = 256 * 1024
"""A longer body is not kept to be taken again."""


class Replayed(NotTaken):
    """A request with this very signature was taken before."""

    status = 409


def receive(inbound: Inbound, door: Integration, sent: Sent, *, sender: str, at: datetime) -> Reply:
    """Take one request of a door that is open; NotTaken says why it is refused, and nothing of it is stored.

    What it says is committed when this returns, together with its row in the log.
    """
    signature = inbound.always_verify(sent, door, at=at)
    if door.secrets:
        signature = inbound.verify(sent, door, at=at) or signature
    payload = inbound.decode(sent)
    message = inbound.message_id(sent, payload)
    parsed = inbound.parse(payload, sent, door, at=at)
    facts: dict[str, Any] = {"body": sent.body, "sender": sender, "delivery_id": message, "signature": signature[:64]}
    try:
        with transaction.atomic():
            # the row comes first: that it is unique decides between two deliveries of the same message at once
            row = intake.accepted(door.pk, at=at, status=202, **facts, **to_replay(inbound, sent))
            became = intake.became(row, take_in(door, parsed, at=at))
            Integration.objects.filter(pk=door.pk).update(last_seen_at=at)
    except IntegrityError:
        return _again(inbound, door, message, signature, parsed, sent, sender=sender, at=at)
    return inbound.accepted(parsed, became)


def take_in(door: Integration, parsed: Parsed, *, at: datetime) -> dict[str, list[Any]]:
    """Store what a request says, in the caller's transaction; return the ids of the rows it became, by kind."""
    became: dict[str, list[Any]] = {}
    if parsed.signals:
        became["alerts"] = list(store(door, [_in_our_levels(one, door) for one in parsed.signals], at=at).ids)
    if parsed.events:
        kept = events.keep(door, parsed.events, at=at)
        became["events"] = [event.pk for event in kept]
        listening.heard({event.stream for event in kept}, at=at)
    if parsed.changes:
        became["changes"] = [change.pk for change in events.note_changes(door, parsed.changes, at=at)]
    if parsed.channels:
        became["channels"] = []
        for told in parsed.channels:
            facts = {name: value for name, value in (("name", told.name), ("kind", told.kind)) if value}
            status = channels_health.history.record(
                told.tenant, told.key, told.status, at=told.at or at, reason=told.reason, **facts
            )
            became["channels"].append(status and status.pk)
    return became


def to_replay(inbound: Inbound, sent: Sent) -> dict[str, Any]:
    """What the log keeps of a request that was let in, so that it can be taken again."""
    names = ("Content-Type", *inbound.log_headers, *inbound.message_headers)
    headers = {name: sent.headers[name][:200] for name in names if sent.headers.get(name)}
    raw = sent.body.decode(errors="replace") if len(sent.body) <= RAW_LENGTH else ""
    return {"headers": headers, "raw": raw}


def _in_our_levels(signal: Signal, door: Integration) -> Signal:
    """The signal with its level as the door's table translates it."""
    level = signal.severity_key or next(
        (signal.labels[name] for name in ("severity", "level", "priority") if signal.labels.get(name)), ""
    )
    ours = door.severities.get(level)
    return replace(signal, severity_key=str(ours)) if ours else signal


def _again(
    inbound: Inbound, door: Integration, message: str, signature: str, parsed: Parsed, sent: Sent, *, sender: str,
    at: datetime,
) -> Reply:  # fmt: skip
    """The answer to a message that was taken before: fine if its sender only repeats it, refused if it is replayed."""
    taken = WebhookLog.objects.filter(integration=door, verdict=WebhookLog.Verdict.ACCEPTED)
    if message and (first := taken.filter(delivery_id=message).first()):
        intake.repeated(door.pk, first, at=at, body=sent.body, sender=sender)
        return inbound.accepted(parsed, first.became, duplicate=True)
    if signature and taken.filter(signature=signature[:64]).exists():
        raise Replayed("A request with this very signature was taken before: this is a replay, nothing was stored.")
    raise Replayed("The request collided with another one; send it again.")


def inbound_of(door: Integration) -> Inbound | None:
    """The kind of a door, None when it has an entrance of its own."""
    return INBOUND.get(door.kind)
