"""What providers tell of our messages afterwards: delivered, read, failed, bounced, complained of.

It comes in any order, twice, and sometimes before our own record that the message was sent. Matched to a delivery are
the provider's id of the message, else, for mail, its reader and subject. Sources: Resend, "Event Types"; Amazon SES,
"Amazon SNS notification contents" and "Event publishing"; WhatsApp Cloud API, "messages webhook: statuses".
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from policies.wake import wake
from sources import events
from sources.inbound.base import Happening
from sources.inbound.times import instant
from sources.models import Event

from . import app_notices, circuits
from .addresses import address_key
from .models import AddressHealth, Delivery, Destination, Receipt

log = logging.getLogger(__name__)
Word = Receipt.Word
WORDS = {
    "sent": Word.SENT, "accepted": Word.SENT, "delayed": Word.DELAYED, "delivered": Word.DELIVERED, "read": Word.READ,
    "opened": Word.READ, "clicked": Word.READ, "failed": Word.FAILED, "undelivered": Word.FAILED,
    "bounced": Word.BOUNCED, "complained": Word.COMPLAINED,
}  # fmt: skip
SES = {
    "send": Word.SENT, "delivery": Word.DELIVERED, "open": Word.READ, "click": Word.READ, "bounce": Word.BOUNCED,
    "complaint": Word.COMPLAINED, "reject": Word.FAILED, "rendering failure": Word.FAILED,
    "deliverydelay": Word.DELAYED,
}  # fmt: skip
FURTHER = {Word.SENT: 1, Word.DELAYED: 1, Word.FAILED: 2, Word.DELIVERED: 3, Word.READ: 4, Word.BOUNCED: 5,
           Word.COMPLAINED: 6}  # fmt: skip
ARRIVED = {Word.DELIVERED, Word.READ, Word.COMPLAINED}
OURS_FOR = timedelta(days=7)  # how old a message may be that a provider still tells of by reader and subject

LOST: list[Callable[..., None]] = []
"""Called with a delivery that counted as sent and did not arrive after all; rooms above register theirs."""
REFUSED: list[Callable[..., list]] = []
"""Called with kind, address_key, why and at when an address is found invalid; returns the users it belongs to."""
ENDS: dict[str, Callable[..., None]] = {}
"""By purpose: called after each try with the delivery, the word for how it ended, what was said, and at."""
KNOWN: list[Callable[[str, str], bool]] = []
"""Asked with kind and address_key whether a room above knows the address."""


@dataclass(frozen=True)
class Told:
    """One thing that a provider told.

    soft    a bounce that may pass, such as a full mailbox
    to      readers it is about, for mail
    """

    word: Word
    reference: str
    at: datetime
    detail: str = ""
    soft: bool = False
    to: tuple[str, ...] = ()
    subject: str = ""


def tell(stream: str, reference: str, word: str, *, at: datetime, told_at: datetime, detail: str = "") -> int:
    """For providers that call us back at a door of the transports: keep it as an event and hear it.

    word   one of WORDS; others are kept as events and mean nothing here
    Returns how many deliveries it was about.
    """
    happening = Happening(
        kind="message", stream=stream, subject=reference, outcome=word, text=detail, at=at,
        level="error" if WORDS.get(word) == Word.FAILED else "info", id=f"{reference}:{word}" if reference else "",
    )  # fmt: skip
    return heard(events.keep(None, [happening], at=told_at), at=told_at)


def heard(told: Iterable[Event], *, at: datetime) -> int:
    """Match events to our deliveries; return how many were about any. One that cannot be read spoils no other."""
    count = 0
    for event in told:
        if event.kind != "message" or not (event.outcome in WORDS or event.data.get("message")):
            continue
        try:
            with transaction.atomic():
                count += sum(_take(one, at=at) for one in _read(event))
        except Exception:
            log.exception("What event %s tells of a message could not be taken", event.pk)
    return count


def catch_up(delivery: Delivery, *, at: datetime) -> None:
    """Take what was told of a message before we had written down what its provider calls it."""
    if delivery.reference:
        known = Event.objects.filter(kind="message", subject=delivery.reference, outcome__in=list(WORDS))
        for event in known.filter(stream__isnull=False, received_at__gte=delivery.created_at).order_by("at", "pk"):
            for told in _read(event):
                note(delivery, told, at=at)


def _read(event: Event) -> Iterator[Told]:
    message = event.data.get("message")
    if isinstance(message, dict) and isinstance(message.get("mail"), dict):
        yield from _of_ses(message, event.at)
        return
    word = WORDS.get(event.outcome)
    if word is None:
        return
    to = event.data.get("to")
    readers = tuple(str(one) for one in to) if isinstance(to, list) else ()
    bounce = str(event.labels.get("bounce_type", "")).lower()
    yield Told(
        word, event.subject, event.at, event.text, soft=bounce in ("transient", "soft", "undetermined", "temporary"),
        to=readers, subject=str(event.data.get("subject") or ""),
    )  # fmt: skip


def _of_ses(message: dict[str, Any], at: datetime) -> Iterator[Told]:
    word = SES.get(str(message.get("notificationType") or message.get("eventType") or "").lower())
    if word is None:
        return
    mail = message["mail"]
    part = message.get({Word.BOUNCED: "bounce", Word.COMPLAINED: "complaint", Word.DELIVERED: "delivery"}.get(word, ""))
    part = part if isinstance(part, dict) else {}
    listed = part.get("bouncedRecipients") or part.get("complainedRecipients") or []
    found = [(str(one.get("emailAddress") or ""), str(one.get("diagnosticCode") or ""))
             for one in listed if isinstance(one, dict)]  # fmt: skip
    readers = found or [(str(one), "") for one in part.get("recipients") or mail.get("destination") or []]
    headers = mail.get("commonHeaders") if isinstance(mail.get("commonHeaders"), dict) else {}
    when = instant(part.get("timestamp")) or at
    for reader, why in readers:
        yield Told(
            word, str(mail.get("messageId") or ""), when, why or str(part.get("complaintFeedbackType") or ""),
            soft=str(part.get("bounceType") or "").lower() in ("transient", "undetermined"), to=(reader,),
            subject=str(headers.get("subject") or ""),
        )  # fmt: skip


def _take(told: Told, *, at: datetime) -> int:
    found = _deliveries(told)
    for delivery in found:
        note(delivery, told, at=at)
    if not found and told.word in (Word.BOUNCED, Word.COMPLAINED) and not told.soft:
        for reader in told.to:
            _bar_known(reader, told, at=at)
    return len(found)


def _deliveries(told: Told) -> list[Delivery]:
    by_reference = list(Delivery.objects.filter(reference=told.reference).order_by("pk")) if told.reference else []
    if by_reference:
        return by_reference
    if not told.subject:
        return []
    found = []
    for reader in told.to:
        sent = Delivery.objects.filter(
            address_key=address_key("email", _plain(reader)), subject=" ".join(told.subject.split())[:250],
            created_at__gt=told.at - OURS_FOR, created_at__lte=told.at + timedelta(minutes=5),
        )  # fmt: skip
        if last := sent.exclude(attempts=0, claimed_by="").order_by("-pk").first():
            found.append(last)
    return found


def _plain(reader: str) -> str:
    return reader.rpartition("<")[2].rstrip("> ").strip()


@transaction.atomic
def note(delivery: Delivery, told: Told, *, at: datetime) -> bool:
    """Keep what was told of `delivery` and act on it, once; False when it had been told before.

    A failure that is told after the message arrived is kept and changes nothing; a bounce does, since mail that a
    server took can still come back.
    """
    delivery = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
    word = Word.FAILED if told.word == Word.BOUNCED and told.soft else told.word
    _, new = Receipt.objects.get_or_create(
        delivery=delivery, word=word, at=told.at, defaults={"told_at": at, "detail": events.clean(told.detail)[:2000]}
    )
    if not new:
        return False
    before = delivery.receipt
    if FURTHER[word] >= FURTHER.get(Word(before) if before else Word.SENT, 0):
        Delivery.objects.filter(pk=delivery.pk).update(receipt=word, receipt_at=told.at)
    words = f"{delivery.hint} {word}: {told.detail}".strip(": ")
    if word == Word.COMPLAINED:
        circuits.bar(delivery, AddressHealth.Barred.COMPLAINED, f"{words}. Its reader complained.", at=at)
        refused(delivery, f"Its reader complained of our mail: {told.detail}".rstrip(": "), at=at)
    elif word == Word.BOUNCED:
        circuits.bar(delivery, AddressHealth.Barred.BOUNCED, words, at=at)
        _did_not_arrive(delivery, words, address=True, at=at)
        refused(delivery, words, at=at)
    elif word == Word.FAILED and before not in ARRIVED:
        _did_not_arrive(delivery, words, address=False, at=at)
    elif word in ARRIVED and before == Word.FAILED and delivery.status == Delivery.Status.FAILED:
        Delivery.objects.filter(pk=delivery.pk).update(status=Delivery.Status.SENT, error="")  # it got there after all
    return True


def _did_not_arrive(delivery: Delivery, words: str, *, address: bool, at: datetime) -> None:
    lost = Delivery.objects.filter(pk=delivery.pk, status=Delivery.Status.SENT)
    if lost.update(status=Delivery.Status.FAILED, error=words, address_refused=address):
        delivery.refresh_from_db()
        from .outcomes import hand_to_fallback

        hand_to_fallback(delivery, at=at)
        for listener in LOST:
            listener(delivery, at=at)
        wake()


def refused(delivery: Delivery, why: str, *, at: datetime) -> None:
    """Flag whose address it is, and show it to them and to the administrators."""
    _announce(delivery.kind, delivery.address_key, delivery.hint, why, at=at)


def _bar_known(reader: str, told: Told, *, at: datetime) -> None:
    """An address of ours that somebody else's mail did not reach: nothing is sent there until it is looked at."""
    reader = _plain(reader)
    key = address_key("email", reader)
    ours = Delivery.objects.filter(address_key=key).exists() or any(knows("email", key) for knows in KNOWN)
    if not ours and not _a_destination(key):
        return
    why = AddressHealth.Barred.COMPLAINED if told.word == Word.COMPLAINED else AddressHealth.Barred.BOUNCED
    words = f"{reader} {told.word}: {told.detail}".strip(": ")
    circuits.bar(Delivery(kind="email", address_key=key, hint=reader[:120]), why, words, at=at)
    _announce("email", key, reader, words, at=at)


def _a_destination(key: str) -> bool:
    from .routing import addresses_of

    places = Destination.objects.filter(kind="email").select_related("policy")
    return any(address_key("email", one) == key for place in places for one in addresses_of(place))


def _announce(kind: str, key: str, hint: str, why: str, *, at: datetime) -> None:
    users: list = []
    for listener in REFUSED:
        users += listener(kind, key, why, at=at)
    text = f"{hint} ({kind}) does not take our messages: {why}"
    if users:
        own = f"Your contact method does not work. {text} Enter another address and confirm it."
        app_notices.tell(users, own, cause=f"refused:{key}:{at:%Y%m%d}", at=at)
    told = {user.pk for user in users}
    others = [user for user in app_notices.admins() if user.pk not in told]
    app_notices.tell(others, text, cause=f"refused:{key}:{at:%Y%m%d}", at=at)
