"""A webhook from the log is taken once more, with the door as it is now: after its mapping was mended."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from policies.fields import SecretUnreadable
from sources import intake
from sources.inbound.base import NotTaken, Parsed
from sources.kept import request_of
from sources.models import WebhookLog

from . import receiving

Verdict = WebhookLog.Verdict


class CannotReplay(ValueError):
    """This request cannot be taken again; the text says why."""


def why_not(row: WebhookLog) -> str:
    """Why a request cannot be taken again; empty when it can. Reads the door and the body."""
    if row.replay_of_id:
        return "This is a replay itself; take the first one again."
    if row.verdict == Verdict.DUPLICATE:
        return "This is a repeat; take the first one again."
    if row.integration is None:
        return "Its door is gone, or there never was one for its key."
    if receiving.inbound_of(row.integration) is None:
        return f"The door {row.integration} is of a kind that keeps no bodies ({row.integration.kind})."
    try:
        kept = row.raw
    except SecretUnreadable as error:
        return str(error)
    if not kept and row.verdict == Verdict.REFUSED:
        return "Its body was not kept: its sender did not prove who they are, or it could not be read at all."
    return "" if kept else "Its body was too long to be kept."


def take_again(row: WebhookLog, *, by: str, at: datetime) -> WebhookLog:
    """Take the request of `row` as if it came now and was believed; return the new row of the log.

    by   who asked for it, for the log

    CannotReplay when there is nothing to take. Refused is a verdict like any other: the new row says why.
    """
    if reason := why_not(row):
        raise CannotReplay(reason)
    door = row.integration
    assert door is not None
    inbound = receiving.inbound_of(door)
    assert inbound is not None
    sent = request_of(row)
    facts = {"integration": door, "at": at, "sender": f"replay by {by}"[:64], "payload": row.payload, "replay_of": row}
    facts |= {"headers": row.headers, "query": row.query}
    try:
        payload, _, parsed = receiving.read(inbound, door, sent, at=at)
    except NotTaken as refusal:
        verdict = Verdict.REFUSED
        return WebhookLog.objects.create(verdict=verdict, status_code=refusal.status, reason=str(refusal), **facts)
    with transaction.atomic():
        new = WebhookLog.objects.create(verdict=Verdict.ACCEPTED, status_code=202, reason=parsed.note, **facts)
        became = intake.became(new, receiving.take_in(door, _as_of(parsed, row.at), at=at))
    said = [parsed.note, _known(parsed, became)]
    try:
        inbound.finish(payload, sent, door)
    except NotTaken as refusal:
        said.append(str(refusal))
    if any(said[1:]):
        new.reason = " ".join(part for part in said if part)
        new.save(update_fields=["reason"])
    return new


def _as_of(parsed: Parsed, at: datetime) -> Parsed:
    """What does not say when it happened, happened when it was told first; alerts are as of now."""
    return replace(
        parsed,
        events=[replace(one, at=one.at or at) for one in parsed.events],
        changes=[replace(one, at=one.at or at) for one in parsed.changes],
        channels=[replace(one, at=one.at or at) for one in parsed.channels],
    )


def _known(parsed: Parsed, became: Mapping[str, list[int]]) -> str:
    """How many events and changes were known already and so were not stored again."""
    told = {"events": len(parsed.events), "changes": len(parsed.changes)}
    known = {what: count - len(became.get(what, [])) for what, count in told.items()}
    return ", ".join(f"{count} {what} known already" for what, count in known.items() if count)
