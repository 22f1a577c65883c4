"""Calendars that programs subscribe to: made on a page, read behind a secret address, revoked."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from oncall import ical
from oncall.models import CalendarLink
from tests.accounts import signed_in
from tests.factories import HOUR, NINE, LayerFactory, OverrideFactory, ScheduleFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PAGE = "/on-call-calendars/"


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel(NINE, tick=False):
        yield


@pytest.fixture
def schedule(ada, grace):
    """Weekly from Monday 23 November 2026, 09:00 UTC: ada, then grace."""
    schedule = ScheduleFactory(key="primary", name="Primary, of all")
    LayerFactory(schedule=schedule, members=[ada, grace])
    return schedule


@pytest.fixture
def viewer(client, ada):
    return signed_in(client, ada, "Viewer")


def made(client, **given) -> str:
    """The path of a new link."""
    text = client.post(PAGE, {"schedule": "", "note": "", **given}).content.decode()
    return "/" + re.search(r"<code>https?://[^/]+/(calendars/[^<]+\.ics)</code>", text)[1]


def shifts(response) -> list[str]:
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    text = response.content.decode()
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    found = ical.occurrences(text, zone=ZoneInfo("UTC"), start=NINE, end=NINE + 14 * DAY)
    return [f"{one.start:%d %H:%M} - {one.end:%d %H:%M} {one.summary}" for one in found]


def test_a_program_reads_the_shifts_of_a_schedule_without_a_login(viewer, client, schedule, linus):
    OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE + DAY, ends_at=NINE + DAY + HOUR)
    schedule.temporaries.create(name="move", starts_at=NINE + 2 * DAY, ends_at=NINE + 3 * DAY)
    path = made(viewer, schedule="primary", note="telephone")
    assert "telephone" in viewer.get(PAGE).content.decode() and path not in viewer.get(PAGE).content.decode()
    client.logout()
    response = client.get(path)
    assert shifts(response) == [
        "23 09:00 - 24 09:00 ada (Primary, of all)",
        "24 09:00 - 24 10:00 linus (Primary, of all)",
        "24 10:00 - 25 09:00 ada (Primary, of all)",
        "25 09:00 - 26 09:00 Nobody is on call (Primary, of all)",
        "26 09:00 - 30 09:00 ada (Primary, of all)",
        "30 09:00 - 07 09:00 grace (Primary, of all)",
    ]
    assert client.get(path, headers={"If-None-Match": response["ETag"]}).status_code == 304
    assert client.post(path).status_code == 405
    assert CalendarLink.objects.get().used_at == NINE


def test_ones_own_shifts_are_those_of_all_schedules_and_keep_their_names(viewer, client, schedule, ada):
    LayerFactory(schedule=ScheduleFactory(key="second", name="Second"), members=[ada])
    path = made(viewer)
    before = client.get(path)
    assert [one.split(" ", 5)[5] for one in shifts(before)][:2] == ["On call: Primary, of all", "On call: Second"]
    uids = re.findall(rb"UID:(\S+)", before.content)
    with time_machine.travel(NINE + DAY, tick=False):
        assert re.findall(rb"UID:(\S+)", client.get(path).content)[: len(uids)] == uids


def test_a_link_that_is_revoked_or_of_somebody_who_left_opens_nothing(viewer, client, schedule, ada):
    first, second = made(viewer, schedule="primary"), made(viewer)
    link = CalendarLink.objects.order_by("pk").first()
    viewer.post(PAGE, {"deed": "revoke", "link": link.pk})
    assert [client.get(path).status_code for path in (first, second)] == [404, 200]
    assert client.get("/calendars/guessed.ics").status_code == 404
    ada.user.is_active = False
    ada.user.save()
    assert client.get(second).status_code == 404


def test_the_links_of_others_are_not_ones_own(viewer, client, schedule, grace):
    path = made(viewer, schedule="primary")
    other = signed_in(client, grace, "Responder")
    assert "None." in other.get(PAGE).content.decode()
    other.post(PAGE, {"deed": "revoke", "link": CalendarLink.objects.get().pk})
    assert other.get(path).status_code == 200
    assert other.post(PAGE, {"schedule": "unknown"}).status_code == 404
