"""Warnings ahead and to whom they go, the note from shift to shift, and who sees them."""

from datetime import timedelta

import pytest
import time_machine

from notifications.models import Delivery
from oncall import ahead, handoff
from oncall.models import CalendarFeed, HandoffNote, Schedule
from opscenter import clock
from tests.accounts import signed_in
from tests.factories import (
    HOUR,
    NINE,
    ContactFactory,
    IncidentFactory,
    LayerFactory,
    MaintenanceWindowFactory,
    OverrideFactory,
    PageFactory,
    ScheduleFactory,
    SilenceFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel(NINE, tick=False):
        yield


@pytest.fixture
def schedule(ada, grace):
    """Weekly from Monday 23 November 2026, 09:00 UTC: ada, then grace."""
    schedule = ScheduleFactory(key="primary", name="Primary")
    LayerFactory(schedule=schedule, members=[ada, grace])
    return schedule


@pytest.fixture
def responder(client, linus):
    return signed_in(client, linus, "Responder")


def texts(response) -> list[str]:
    return [one.text for one, _ in response.context["page"]]


def leave(contact, backup=None):
    contact.active, contact.backup = False, backup
    contact.save()


def words(response) -> str:
    return " ".join(response.content.decode().split())


def test_the_page_tells_of_all_that_will_be_wrong(responder, schedule, ada, grace, linus):
    assert "Nothing is wrong for 30 days ahead" in words(responder.get("/on-call-warnings/"))
    second = ScheduleFactory(key="second", name="Second", longest_shift_hours=24, nights_in_a_row=5)
    LayerFactory(schedule=second, members=[linus, ContactFactory(name="margaret")], ends_at=NINE + 14 * DAY)
    LayerFactory(
        schedule=second, name="feed", precedence=-1, first_handoff_at=None,
        feed=CalendarFeed.objects.create(name="rota", failing_since=NINE - HOUR, failure="It answered 500."),
    )  # fmt: skip
    OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE + DAY, ends_at=NINE + 2 * DAY)
    grace.valid_until = NINE + 10 * DAY
    grace.save()
    page = responder.get("/on-call-warnings/?days=30")
    found = texts(page)
    assert [one.kind for one, _ in page.context["page"]].count("gap") == 3
    assert "Nobody is on call on Second: Mon 7 Dec 2026 09:00 to Wed 23 Dec 2026 09:00 (16d, UTC)." in found
    assert (
        "linus is on call on Primary and on Second: Tue 24 Nov 2026 09:00 to Wed 25 Nov 2026 09:00 (1d, UTC)." in found
    )
    assert any(one.startswith("grace leaves on 2026-12-03 09:00 and is still in weekly of Primary") for one in found)
    assert any(one.startswith("The calendar rota of Second fails since 2026-11-23 08:00 UTC") for one in found)
    assert any("margaret is on call on Second and no address works" in one for one in found)
    assert any(one.startswith("linus has Second for more than 1d at a stretch") for one in found)
    nights = "linus has 7 nights one after the other on Second, from 2026-11-23 to 2026-11-29."
    assert nights in found
    only = texts(responder.get("/on-call-warnings/?days=7&schedule=primary"))
    assert [one.split()[0] for one in only] == ["linus"]


def test_an_owner_is_told_once_of_a_hole_within_his_days(schedule, ada, grace, linus):
    Schedule.objects.update(warn_days=7, look_at=NINE)
    schedule.owners.add(linus)
    leave(grace)  # her turn begins in 7 days
    assert ahead.look_due(at=NINE - 1 * DAY) == 0
    assert ahead.look_due(at=NINE) == 1
    (first,) = Delivery.objects.all()
    assert (first.to, first.subject) == ("linus", "Primary: 1 warning for the next 7 days")
    assert "grace is not active and is still in weekly of Primary: those turns reach nobody." in first.text
    assert ahead.look_due(at=NINE + 6 * HOUR) == 1
    (_, second) = Delivery.objects.order_by("pk")
    assert "Nobody is on call on Primary: Mon 30 Nov 2026 09:00" in second.text and "grace" not in second.text
    for hours in range(12, 60, 6):
        assert ahead.look_due(at=NINE + hours * HOUR) == 1
    assert Delivery.objects.count() == 2
    leave(grace, backup=ada)
    ahead.look_due(at=NINE + 60 * HOUR)
    leave(grace)
    ahead.look_due(at=NINE + 66 * HOUR)
    assert Delivery.objects.count() == 3  # mended, and broken again


def test_gaps_that_are_meant_are_no_news_and_zero_days_tell_nobody(responder, schedule, linus):
    office = ScheduleFactory(name="Office", gaps_meant=True, look_at=NINE)
    days = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}]
    LayerFactory(schedule=office, members=[linus], restrictions=days)
    empty = ScheduleFactory(name="Empty", warn_days=0, look_at=NINE)
    linus.catch_all = True
    linus.save()
    assert ahead.look_due(at=NINE) == 2
    assert not Delivery.objects.exists()
    assert [one.schedule for one, _ in responder.get("/on-call-warnings/").context["page"]] == [empty]


def test_at_the_hand_over_who_comes_gets_the_note(responder, schedule, ada, grace, linus):
    schedule.handoff = True
    schedule.save()
    clock.run([handoff.look_due], at=NINE)
    assert not HandoffNote.objects.exists()
    page = responder.post(
        "/on-call/primary/hand-off/", {"text": "Watch the queue.\nThe disk is nearly full."}, follow=True
    )
    assert "Watch the queue." in words(page)
    incident = IncidentFactory(title="Checkout is slow", detected_at=NINE + HOUR, severity__key="P1")
    IncidentFactory(title="A drill", drill=True)
    for hours in (2, 16, 17):  # the last two at 01:00 and 02:00
        PageFactory(incident=incident, contact=ada, at=NINE + hours * HOUR, state="reached")
    PageFactory(incident=incident, contact=ada, at=NINE, state="cancelled")
    change = NINE + 7 * DAY
    SilenceFactory(comment="Disk is known.", starts_at=NINE, ends_at=change + HOUR)
    SilenceFactory(comment="Of last week.", starts_at=NINE, ends_at=NINE + DAY)
    MaintenanceWindowFactory(name="Move", from_day=change.date(), from_time=change.time())
    while (due := Schedule.objects.get().handoff_at) < change:
        clock.run([handoff.look_due], at=max(due, change - HOUR))
    clock.run([handoff.look_due], at=change)
    note = HandoffNote.objects.get()
    assert (note.at, note.since) == (change, NINE)
    assert ([*note.leaving.all()], [*note.coming.all()]) == ([ada], [grace])
    (message,) = Delivery.objects.all()
    assert (message.to, message.subject) == ("grace", "You are on call now: Primary")
    assert f"/on-call/primary/hand-off/{note.pk}/" in message.url
    for said in (
        "grace takes over Primary from ada: Mon 30 Nov 2026 09:00 (UTC).",
        "linus writes:\nWatch the queue.\nThe disk is nearly full.",
        f"Open incidents:\n- P1 #{incident.pk} Checkout is slow: detected, since 2026-11-23 10:00 UTC",
        "Silences that are on:\n- Disk is known. (by ada, until 2026-11-30 10:00 UTC): alertname=CheckoutDown",
        "Maintenance windows:\n- Move: runs until 2026-11-30 10:00 UTC. The database moves.",
        "Resolved in this shift:\nNone.",
        "Pages in this shift:\n- ada: 3 pages, 2 of them at night",
    ):
        assert said in message.text
    assert "drill" not in message.text and "last week" not in message.text
    incident.title = "Called otherwise now"
    incident.save()
    with time_machine.travel(change + HOUR, tick=False):
        kept = words(responder.get(f"/on-call/primary/hand-off/{note.pk}/"))
        assert "Checkout is slow" in kept and "ada: 3 pages, 2 of them at night" in kept
        assert f"/on-call/primary/hand-off/{note.pk}/" in words(responder.get("/on-call/primary/hand-off/"))
        responder.post(f"/on-call/primary/hand-off/{note.pk}/", {"text": "Solved."})
    with time_machine.travel(change + DAY, tick=False):
        assert responder.post(f"/on-call/primary/hand-off/{note.pk}/", {"text": "Changed later"}).status_code == 403
    note.refresh_from_db()
    assert (note.text, note.written_by) == ("Solved.", linus)


def test_without_the_wish_no_note_is_written_and_a_viewer_writes_nothing(client, schedule, linus):
    clock.run([handoff.look_due], at=NINE)
    clock.run([handoff.look_due], at=NINE + 7 * DAY)
    assert not HandoffNote.objects.exists() and not Delivery.objects.exists()
    signed_in(client, linus, "Viewer")
    assert client.get("/on-call/primary/hand-off/").status_code == 200
    assert client.post("/on-call/primary/hand-off/", {"text": "x"}).status_code == 403


def test_an_override_hands_over_too(schedule, ada, linus):
    schedule.handoff = True
    schedule.save()
    clock.run([handoff.look_due], at=NINE)
    OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE + HOUR, ends_at=NINE + 3 * HOUR)
    for minutes in (10, 20, 30, 40, 50, 60, 61, 180):
        clock.run([handoff.look_due], at=NINE + timedelta(minutes=minutes))
    assert [(note.at - NINE) / HOUR for note in HandoffNote.objects.order_by("at")] == [1, 3]
    assert [one.to for one in Delivery.objects.order_by("pk")] == ["linus", "ada"]
