"""What providers tell afterwards: through the doors they call, in any order, and what it does to address and page."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from incidents import paging
from incidents.models import Page
from notifications import circuits, outbox, receipts
from notifications.addresses import address_key
from notifications.models import AddressHealth, AppNotice, Delivery
from tests.factories import (
    NINE,
    ContactMethodFactory,
    DeliveryFactory,
    EventFactory,
    IncidentFactory,
    IntegrationFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
SECRET = "whsec_" + base64.b64encode(b"resend's own secret").decode()


@pytest.fixture
def admin():
    return get_user_model().objects.create_superuser("root", "root@example.org", "correct horse")


@pytest.fixture
def resend(client):
    """`resend(type, …)`: Resend tells of a mail to ada, signed as Svix does."""
    door = IntegrationFactory(kind="resend", key="resend-door", secret=SECRET)

    def resend(type: str, *, subject: str = "Checkout is down", to: str = "ada@example.org", at=None, **data):
        at = at or timezone.now()
        body = {"type": type, "created_at": at.isoformat(), "data": {
            "email_id": "re_1", "from": "ops@example.org", "to": [to], "subject": subject, **data}}  # fmt: skip
        raw, id, seconds = (
            json.dumps(body).encode(),
            f"msg_{type}_{at.timestamp()}",
            str(int(datetime.now(UTC).timestamp())),
        )
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        digest = hmac.new(key, f"{id}.{seconds}.".encode() + raw, hashlib.sha256).digest()
        headers = {
            "svix-id": id,
            "svix-timestamp": seconds,
            "svix-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        answer = client.post(f"/api/ingest/{door.key}", raw, content_type="application/json", headers=headers)
        assert answer.status_code == 202, answer.content

    return resend


def mail(**values) -> Delivery:
    values = {"kind": "email", "address": "ada@example.org", "subject": "Checkout is down", "text": "It is down.",
              "purpose": "page", "at": timezone.now(), **values}  # fmt: skip
    return outbox.queue(**values)


def sent(row: Delivery, *, reference: str = "") -> Delivery:
    Delivery.objects.filter(pk=row.pk).update(
        status="sent", next_attempt_at=None, ended_at=timezone.now(), attempts=1, reference=reference
    )
    row.refresh_from_db()
    return row


def test_a_hard_bounce_flags_the_address_and_everybody_concerned_sees_it(resend, ada, admin, client, mailbox):
    ada.user = UserFactory(username="ada")
    ada.save()
    row = sent(mail())
    waiting = mail(subject="another")
    resend("email.bounced", bounce={"type": "Permanent", "subType": "General", "message": "no such mailbox"})
    row.refresh_from_db()
    assert (row.status, row.receipt, row.address_refused) == ("failed", "bounced", True)
    method = ada.methods.get()
    assert (method.usable, method.failure) == (False, "ada@example.org bounced: no such mailbox")
    assert set(AppNotice.objects.values_list("user__username", flat=True)) == {"ada", "root"}
    waiting.refresh_from_db()
    assert waiting.status == "suppressed"
    assert outbox.deliver_due(at=timezone.now() + SECOND) == 0
    client.force_login(ada.user)
    assert "Your contact method does not work" in client.get("/on-call/").content.decode()


def test_a_complaint_suppresses_the_next_mail_without_a_try(resend, admin, mailbox):
    sent(mail())
    resend("email.complained")
    row = mail(purpose="test")
    outbox.deliver_due(at=timezone.now() + SECOND)
    row.refresh_from_db()
    assert (row.status, row.attempts, mailbox.asked) == ("suppressed", 0, [])
    assert "complained" in row.error
    assert circuits.lift([address_key("email", "ADA@example.org")]) == 1
    again = mail()
    outbox.deliver_due(at=timezone.now() + SECOND)
    again.refresh_from_db()
    assert again.status == "sent"


def test_a_complaint_about_somebody_elses_mail_counts_for_addresses_of_ours_alone(resend, ada):
    resend("email.complained", subject="Your invoice")
    resend("email.complained", subject="Your invoice", to="customer@example.net")
    assert list(AddressHealth.objects.values_list("hint", "barred")) == [("ada@example.org", "complained")]


def test_a_soft_bounce_bars_nothing(resend, ada):
    row = sent(mail())
    resend("email.bounced", bounce={"type": "Transient", "subType": "MailboxFull", "message": "full"})
    row.refresh_from_db()
    assert (row.status, row.receipt) == ("failed", "failed")
    assert ada.methods.get().usable
    assert not AddressHealth.objects.exclude(barred="").exists()


def test_a_page_that_did_not_arrive_goes_on_to_the_next_method(resend, ada):
    method = ada.methods.get()
    ContactMethodFactory(contact=ada, position=1, kind="slack", address="https://hooks.test/ada")
    row = sent(mail())
    page = Page.objects.create(
        incident=IncidentFactory(), contact=ada, at=NINE, method=method, delivery=row, state=Page.State.REACHED
    )
    resend("email.bounced", bounce={"type": "Permanent", "message": "no such mailbox"})
    assert paging.follow_up_due(at=timezone.now()) == 1
    page.refresh_from_db()
    assert (page.state, page.delivery.kind) == ("trying", "slack")


@pytest.mark.parametrize(
    "words, status, receipt",
    [
        (["delivered", "sent"], "sent", "delivered"),
        (["read", "delivered", "sent"], "sent", "read"),
        (["delivered", "failed"], "sent", "delivered"),
        (["failed"], "failed", "failed"),
        (["failed", "delivered"], "sent", "delivered"),
        (["sent", "delivered", "delivered"], "sent", "delivered"),
    ],
)
def test_receipts_come_in_any_order(words, status, receipt):
    row = sent(DeliveryFactory(kind="sms"), reference="SM1")
    for place, word in enumerate(words):
        receipts.tell("twilio", "SM1", word, at=NINE + place * SECOND, told_at=NINE + place * SECOND)
    row.refresh_from_db()
    assert (row.status, row.receipt) == (status, receipt)
    assert {one.word for one in row.receipts.all()} == set(words)


def test_what_comes_before_our_own_record_is_taken_up_with_it():
    row = DeliveryFactory(kind="whatsapp", created_at=NINE)
    EventFactory(kind="message", stream="whatsapp", subject="wamid.1", outcome="delivered", at=NINE, received_at=NINE)
    row.reference = "wamid.1"
    receipts.catch_up(row, at=NINE + SECOND)
    row.refresh_from_db()
    assert row.receipt == "delivered"


def test_amazons_bounce_names_each_reader():
    row = sent(mail(), reference="0100-ses")
    message = {"notificationType": "Bounce", "mail": {"messageId": "0100-ses", "destination": ["ada@example.org"]},
               "bounce": {"bounceType": "Permanent", "timestamp": "2026-11-23T09:00:00.000Z", "bouncedRecipients": [
                   {"emailAddress": "ada@example.org", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]}}  # fmt: skip
    event = EventFactory(kind="message", stream="sns", outcome="", subject="sns-1", data={"message": message})
    assert receipts.heard([event], at=NINE) == 1
    row.refresh_from_db()
    assert (row.status, row.receipt) == ("failed", "bounced")
    assert row.receipts.get().detail == "smtp; 550 5.1.1 user unknown"


def test_an_event_that_cannot_be_read_spoils_no_other():
    row = sent(DeliveryFactory(kind="sms"), reference="SM1")
    bad = EventFactory(
        kind="message", stream="sns", data={"message": {"mail": {"destination": 7}, "eventType": "Send"}}
    )
    good = EventFactory(kind="message", stream="twilio", subject="SM1", outcome="delivered")
    assert receipts.heard([bad, good], at=NINE) == 1
    row.refresh_from_db()
    assert row.receipt == "delivered"
