"""An address is verified by a code that was sent to it, or by the link that came with the code."""

import secrets
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from notifications import outbox
from notifications.messages import Reader
from notifications.models import Delivery, Purpose

from .models import ContactMethod, EscalationContact, Verification

VALID_FOR = timedelta(minutes=15)
LINK_VALID_FOR = timedelta(days=1)
TRIES = 5
AGAIN_AFTER = timedelta(minutes=1)
AT_MOST, WITHIN = 6, timedelta(hours=1)
"""Codes one person may have sent, to whatever addresses: this is no way to write to strangers."""
SALT = "opscenter.verify"
HIDDEN = "······"


class NotVerified(Exception):
    """The address is not verified by this; the text says why and what to do."""


def send_code(method: ContactMethod, *, at: datetime) -> Delivery:
    """Send a code of six digits and a link to `method`; what was sent before counts no more.

    NotVerified when one was sent just now, or too many were.
    """
    with transaction.atomic():
        EscalationContact.objects.select_for_update(of=("self",)).get(pk=method.contact_id)
        sent = Verification.objects.filter(method__contact=method.contact_id, sent_at__gt=at - WITHIN)
        last = sent.filter(method=method).first()
        if last and at - last.sent_at < AGAIN_AFTER:
            raise NotVerified("A code was sent to it less than a minute ago; wait for it before you ask for another.")
        if sent.count() >= AT_MOST:
            raise NotVerified(f"{AT_MOST} codes were sent to your addresses within the hour; try again later.")
        code = f"{secrets.randbelow(10**6):06d}"
        row = method.verifications.create(
            digest=_digest(method, code), address_digest=_address_digest(method), sent_at=at, expires_at=at + VALID_FOR
        )
        reader = Reader(method.contact.language, method.contact.timezone)
        facts = {"code": code, "who": method.contact, "minutes": VALID_FOR // timedelta(minutes=1)}
        return outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, to=str(method.contact),
            purpose=Purpose.TEST, urgent=True, thread=thread_of(method), at=at, once=f"verification:{row.pk}",
            recipient=f"contact:{method.contact_id}",
            subject=reader.say("code"),  # lists show subjects, and would verify whatever address was entered
            text=reader.say("code_text", **facts), short=reader.say("code_short", **facts), language=reader.language,
            actions=[{"label": reader.say("code_button"), "url": link_of(row, at=at)}],
        )  # fmt: skip


def enter_code(method: ContactMethod, code: str, *, at: datetime) -> None:
    """Verify `method` if `code` is the one sent last; NotVerified says why it is not."""
    row = method.verifications.first()
    if row is None or row.used_at is not None or row.address_digest != _address_digest(method):
        raise NotVerified("No code is waited for; send one first.")
    if at >= row.expires_at:
        raise NotVerified("This code has expired; send another one.")
    if not Verification.objects.filter(pk=row.pk, tries__lt=TRIES).update(tries=F("tries") + 1):
        raise NotVerified("Too many wrong codes; send another one.")
    digits = "".join(character for character in code if character.isdecimal())
    if not constant_time_compare(row.digest, _digest(method, digits)):
        left = max(TRIES - row.tries - 1, 0)
        raise NotVerified(f"That is not the code that was sent last; {left} {'try' if left == 1 else 'tries'} left.")
    _verified(row, at=at, how="by a code")


def link_of(row: Verification, *, at: datetime) -> str:
    """The address at which whoever reads the message verifies it."""
    until = int((at + LINK_VALID_FOR).timestamp())
    return settings.BASE_URL + reverse("verify-link", args=[signing.dumps([row.pk, until], salt=SALT)])


def read_link(token: str, *, at: datetime) -> Verification:
    """What the link of a message verifies; NotVerified when it cannot any more."""
    try:
        number, until = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise NotVerified("This link is damaged or was not made by this Opscenter. Open the message again.") from error
    row = Verification.objects.select_related("method__contact").filter(pk=number).first()
    if row is None or row.address_digest != _address_digest(row.method):
        raise NotVerified("The address of this link is not entered any more.")
    if at.timestamp() > until:
        expired = datetime.fromtimestamp(until, UTC)
        raise NotVerified(f"This link expired on {expired:%Y-%m-%d at %H:%M} UTC. Have another one sent.")
    return row


def follow_link(row: Verification, *, at: datetime) -> None:
    """Verify the method whose message was opened; once done it stays done."""
    if row.method.verified_at is None or row.method.failed_at is not None:
        _verified(row, at=at, how="by the link in its message")


def vouch(method: ContactMethod, *, by: str, reason: str, at: datetime) -> None:
    """Count `method` as verified because `by` says so."""
    method.verified_at, method.verified_how = at, f"marked by {by}: {reason}"[:250]
    method.failed_at, method.failure = None, ""
    method.save()


def thread_of(method: ContactMethod) -> str:
    """What codes and tests of a method belong to."""
    return f"method:{method.pk}"


@transaction.atomic
def _verified(row: Verification, *, at: datetime, how: str) -> None:
    method = row.method
    method.verified_at, method.verified_how, method.worked_at = at, how, at
    method.failed_at, method.failure = None, ""
    method.save()
    Verification.objects.filter(pk=row.pk).update(used_at=at)
    for sent in Delivery.objects.filter(once=f"verification:{row.pk}"):
        Delivery.objects.filter(pk=sent.pk).update(  # whoever reads deliveries later needs no codes
            text=_without_code(sent.text), short=_without_code(sent.short), actions=[]
        )


def _without_code(text: str) -> str:
    return " ".join(HIDDEN if len(word) == 6 and word.isdecimal() else word for word in text.split(" "))


def _digest(method: ContactMethod, code: str) -> str:
    return salted_hmac(SALT, f"{method.pk}:{code}", algorithm="sha256").hexdigest()


def _address_digest(method: ContactMethod) -> str:
    return salted_hmac(SALT, f"{method.kind}:{method.address}", algorithm="sha256").hexdigest()
