"""Receivers that take so many messages and no more: a burst is slowed down, and nothing of it is lost."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from notifications import outbox
from notifications.couriers import PER_ADDRESS
from notifications.models import Delivery
from notifications.transports import http
from tests.factories import NINE

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def run(at: datetime, *, most: int = 400) -> tuple[datetime, int]:
    """Send whatever falls due until nothing waits; the instant of the last look, and how many looks there were."""
    for looks in range(1, most):
        outbox.deliver_due(at=at)
        due = Delivery.objects.waiting().order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
        if due is None:
            return at, looks
        at = max(due, at)
    raise AssertionError(f"{Delivery.objects.waiting().count()} messages still wait")


def test_a_burst_to_a_place_that_takes_two_a_minute_arrives_whole(queue, receiver):
    taken: Counter[datetime] = Counter()
    now = {"at": NINE}

    def limited(got):
        minute = now["at"].replace(second=0, microsecond=0)
        if taken[minute] >= 2:
            return 429, {"Retry-After": str(60 - now["at"].second)}, b""
        taken[minute] += 1
        return 200

    address = receiver.url("/limited", *[limited] * 500)
    for number in range(24):
        queue(address, once=f"burst:{number}")
    while Delivery.objects.waiting().exists():
        outbox.deliver_due(at=now["at"])
        due = Delivery.objects.waiting().order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
        now["at"] = max(due or now["at"], now["at"])
        assert now["at"] - NINE < timedelta(hours=6)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"sent"}
    assert sum(taken.values()) == 24, "each once"
    # in a minute two are taken, and no more follow the first refusal than are on the wire by then
    assert len(receiver.got) <= 24 / 2 * (2 + PER_ADDRESS)


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
def test_what_waits_for_the_same_address_is_left_alone_and_says_why(queue, receiver, other_receiver, date):
    asked = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True) if date else "90"
    address = receiver.url("/hook", (429, {"Retry-After": asked}, b""))
    queue(address)
    behind = queue(address, at=NINE + SECOND, once="behind")
    page = queue(address, at=NINE + SECOND, once="page", urgent=True, purpose="page")
    elsewhere = queue(other_receiver.url("/hook"), at=NINE + SECOND, once="elsewhere")
    outbox.deliver_due(at=NINE)
    for row in (behind, page, elsewhere):
        row.refresh_from_db()
    assert 80 * SECOND < behind.next_attempt_at - NINE < 100 * SECOND
    assert (behind.attempts, behind.status) == (0, "queued")
    assert behind.error.startswith("Its receiver asks to be left alone until 09:01:") and behind.held_until
    assert page.next_attempt_at == elsewhere.next_attempt_at == NINE + SECOND
    outbox.deliver_due(at=NINE + 100 * SECOND)
    behind.refresh_from_db()
    assert (behind.status, behind.error, behind.held_until) == ("sent", "", None)


def test_who_asks_to_wait_for_ever_is_given_up_after_six_hours(queue, receiver):
    row = queue(receiver.url("/hook", *[(429, {"Retry-After": "1800"}, b"")] * 50))
    at, _ = run(NINE)
    row.refresh_from_db()
    assert row.status == "failed" and row.error.endswith("tries.")
    assert timedelta(hours=6) <= at - NINE < timedelta(hours=7)


def test_a_receiver_that_took_it_and_hung_is_told_with_the_same_id(queue, receiver, monkeypatch):
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.2)
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.4)
    row = queue(receiver.url("/hook", "hang", "close", (500, {}, b""), 200))
    run(NINE)
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("sent", 4)
    assert len({got.json["id"] for got in receiver.got}) == 1
