"""The figures of who bears what, against an independent count minute by minute."""

import csv
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from oncall import fairness, roster, shifts
from tests.accounts import signed_in
from tests.factories import (
    NINE,
    CalendarFactory,
    LayerFactory,
    OverrideFactory,
    PageFactory,
    ScheduleFactory,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=15)  # every edge of the schedules below is a quarter of an hour


def counted(schedules, person, start, end, holidays) -> tuple:
    """What a clerk with a watch would write: each quarter of an hour is looked at for itself."""
    zone, at = ZoneInfo(person.timezone), start
    definitions = [roster.define(one, since=start) for one in schedules]
    figures = {"on_call": 0, "business": 0, "sleep": 0, "off": 0}
    nights, weekends, days = set(), set(), set()
    while at < end:
        if any(person in shifts.on_call_at(one, at) for one in definitions):
            local = at.astimezone(zone)
            date, hour = local.date(), local.hour
            free = date.isoformat() in holidays
            kind = "business" if local.weekday() < 5 and 9 <= hour < 17 and not free else "off"
            if hour >= 23 or hour < 7:
                kind = "sleep"
                nights.add(date if hour >= 23 else date - timedelta(days=1))
            figures["on_call"] += 1
            figures[kind] += 1
            if local.weekday() >= 5:
                weekends.add(date.isocalendar()[:2])
            if free:
                days.add(date)
        at += MINUTE
    return *(round(figures[key] / 4, 1) for key in figures), len(nights), len(weekends), len(days)


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/New_York", "Asia/Jakarta", "Australia/Lord_Howe"])
def test_the_figures_are_those_of_a_count_minute_by_minute(ada, grace, linus, zone):
    for person in (ada, grace):
        person.timezone = zone
        person.save()
    first, second = ScheduleFactory(timezone="Europe/Amsterdam"), ScheduleFactory()
    CalendarFactory(policy=(calendar := CalendarFactory(holidays=["2026-10-26"], default=True)).policy, key="other")
    first.policy = calendar.policy
    first.save()
    handoff = datetime(2026, 10, 20, 21, 15, tzinfo=ZoneInfo("UTC"))
    LayerFactory(schedule=first, members=[ada, grace], rotation="hours", length=31, first_handoff_at=handoff)
    LayerFactory(schedule=second, members=[grace, ada, linus], rotation="days", first_handoff_at=handoff)
    start, end = handoff, handoff + timedelta(days=13)  # the clocks go back there on 25 October and 1 November
    OverrideFactory(schedule=first, contact=ada, starts_at=start + timedelta(hours=40), ends_at=end)
    found = {one.person: one for one in fairness.figures([first, second], start, end)}
    for person in (ada, grace):
        one = found[person]
        said = (one.on_call, one.business, one.sleep, one.off, one.nights, one.weekends, one.holidays)
        assert said == counted([first, second], person, start, end, {"2026-10-26"})
    assert found[ada].on_call > 270 and found[ada].holidays == 1


def test_the_page_and_the_file_say_the_same_with_pages_by_night(client, ada, grace, linus):
    schedule = ScheduleFactory(key="primary", name="Primary")
    LayerFactory(schedule=schedule, members=[ada, grace])
    ada.timezone = "Asia/Jakarta"
    ada.name = "=ada()"
    ada.save()
    for hour in (18, 7, 13):  # 10:00, 23:00 and 05:00 there
        PageFactory(contact=ada, at=NINE + timedelta(hours=hour), state="reached")
    PageFactory(contact=ada, at=NINE, state="unreachable")
    PageFactory(contact=ada, at=NINE, state="reached", incident__drill=True)
    PageFactory(contact=ada, at=NINE + timedelta(days=9), state="reached")
    client = signed_in(client, linus, "Viewer")
    period = {"schedule": "primary", "from": "2026-11-23", "to": "2026-11-29"}
    ((person, cells),) = client.get("/on-call-figures/", period).context["rows"]
    said = dict(cells)
    assert person == ada
    assert (said["Hours on call"], said["Pages"], said["Pages in sleep hours"]) == (159.0, 3, 2)
    assert (said["Nights"], said["Weekends"], said["Holidays"]) == (7, 1, 0)
    assert said["Business hours"] + said["Sleep hours"] + said["Off hours"] == pytest.approx(159)
    file = client.get("/on-call-figures/", period | {"format": "csv"})
    assert file["Content-Disposition"] == 'attachment; filename="on-call-2026-11-23-2026-11-29.csv"'
    (row,) = csv.DictReader(file.content.decode().splitlines())
    assert row["person"] == "'=ada()"  # no formula
    assert [row[key] for key in fairness.DEFINITIONS] == [str(value) for value in said.values()]
    text = " ".join(client.get("/on-call-figures/", period).content.decode().split())
    for name, words in fairness.DEFINITIONS.values():
        assert name in text and words.replace("'", "&#x27;") in text


@pytest.mark.parametrize(
    ("period", "field"),
    [
        ({"from": "then"}, "from_"),
        ({"from": "2026-11-23", "to": "2026-11-22"}, "to"),
        ({"from": "2020-01-01", "to": "2026-11-22"}, "to"),
        ({"schedule": "unknown"}, "schedule"),
    ],
)
def test_a_period_that_is_none_is_refused_by_its_field(client, linus, period, field):
    response = signed_in(client, linus, "Viewer").get("/on-call-figures/", period)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
