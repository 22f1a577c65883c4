"""The test page of a month: everybody in a schedule is sent one and asked to say that it arrived."""

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from notifications import outbox
from notifications.messages import Reader
from notifications.models import Purpose

from . import people, personal
from .methods import recipient_of
from .models import EscalationContact, Override, Schedule, TestPage

log = logging.getLogger(__name__)
SWITCH = "MONTHLY_TEST_PAGE"
"""A bool parameter of a policy: off, its schedules ask for no test pages."""
VALID_FOR = timedelta(days=40)
SALT = "opscenter.test-page"


class LinkInvalid(Exception):
    """The link cannot be used; the text says why."""


def send(*, at: datetime) -> int:
    """Send the test page of the month of `at` (UTC) to each person in a schedule once; return how many were sent.

    Who cannot be reached is left out, which readiness tells anyway; quiet hours are kept.
    """
    return sum(_send(contact, at=at) for contact in members(at))


def members(at: datetime) -> list[EscalationContact]:
    """The persons in the layers and overrides of schedules whose policy has not switched test pages off."""
    asking = [row for row in Schedule.objects.select_related("policy") if _asks(row)]
    overrides = Override.objects.filter(schedule__in=asking, ends_at__gt=at)
    named = EscalationContact.objects.filter(layers__schedule__in=asking) | EscalationContact.objects.filter(
        overrides__in=overrides
    )
    return people.persons(named.distinct().select_related("backup"), at=at)[0]


def _asks(schedule: Schedule) -> bool:
    """Whether the policy of `schedule` wants test pages: a switch that cannot be read switches nothing off."""
    switch = schedule.policy.parameters.filter(key=SWITCH).first() if schedule.policy else None
    try:
        return switch is None or switch.effective is not False
    except ValueError as error:
        log.error("%s of %s cannot be read, so test pages are sent: %s", SWITCH, schedule.policy, error)
        return True


def _send(contact: EscalationContact, *, at: datetime) -> bool:
    method = personal.first_method(contact, personal.Urgency.HIGH)
    if method is None:
        return False
    with transaction.atomic():
        row, made = TestPage.objects.get_or_create(
            contact=contact, period=f"{at.astimezone(UTC):%Y-%m}", defaults={"sent_at": at, "method": method}
        )
        if not made:
            return False
        reader = Reader(contact.language, contact.timezone)
        row.delivery = outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, to=str(contact), purpose=Purpose.TEST,
            recipient=recipient_of(contact), at=at, once=f"test-page:{row.pk}",
            not_before=personal.quiet_until(contact, at=at),
            subject=reader.say("test_page"), text=reader.say("test_page_text", who=contact), language=reader.language,
            actions=[{"label": reader.say("test_page_button"), "url": link_of(row, at=at)}],
        )  # fmt: skip
        row.save(update_fields=["delivery"])
    return True


def link_of(row: TestPage, *, at: datetime) -> str:
    """The address at which its reader says that the test page arrived."""
    token = signing.dumps([row.pk, int((at + VALID_FOR).timestamp())], salt=SALT)
    return settings.BASE_URL + reverse("test-page-link", args=[token])


def read_link(token: str, *, at: datetime) -> TestPage:
    """The test page of a link; LinkInvalid when there is none any more."""
    try:
        number, until = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid("This link is damaged or was not made by this Opscenter. Open the message again.") from error
    row = TestPage.objects.select_related("contact").filter(pk=number).first()
    if row is None or at.timestamp() > until:
        raise LinkInvalid("This test page is over; confirm the next one.")
    return row


def confirm(row: TestPage, *, at: datetime) -> None:
    """Note that the test page arrived; the first time counts."""
    TestPage.objects.filter(pk=row.pk, confirmed_at=None).update(confirmed_at=at)
