"""Who was interrupted in which hours of their own life, against a look at each page; and the limits beside it."""

import csv
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.accounts import signed_in
from tests.factories import (
    NINE,
    CalendarFactory,
    ContactFactory,
    FatigueLimitFactory,
    FatigueNoteFactory,
    IncidentFactory,
    PageFactory,
    ScheduleFactory,
)

pytestmark = pytest.mark.django_db
ZONES = ["Europe/Amsterdam", "America/New_York", "Asia/Kathmandu"]  # the last is 5:45 ahead
FREE = date(2026, 10, 26)
PAGES = st.lists(
    st.tuples(
        st.sampled_from(ZONES),
        st.integers(0, 20 * 24 * 60).map(lambda n: datetime(2026, 10, 16, tzinfo=UTC) + n * timedelta(minutes=1)),
        st.sampled_from(["reached", "reached", "reached", "trying", "unreachable", "drill"]),
    ),
    max_size=20,
)


def rows(client, **query) -> dict[str, dict[str, str]]:
    response = client.get("/figures/people/", {**query, "format": "csv"})
    assert response.status_code == 200
    return {row["person"]: row for row in csv.DictReader(response.content.decode().splitlines())}


@pytest.fixture
def viewer(client, grace):
    return signed_in(client, grace, "Viewer")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=PAGES, zone=st.sampled_from(ZONES))
def test_the_hours_are_those_of_a_look_at_each_page(viewer, history, zone):
    first, last = date(2026, 10, 25), date(2026, 11, 3)  # the clocks go back on the first day, and on 1 November
    with transaction.atomic():
        calendar = CalendarFactory(holidays=[FREE.isoformat()], default=True)
        ScheduleFactory(policy=calendar.policy)
        people = {one: ContactFactory(name=one, timezone=one) for one in ZONES}
        real, drill = IncidentFactory(), IncidentFactory(drill=True)
        for home, at, kind in history:
            state = "reached" if kind == "drill" else kind
            PageFactory(contact=people[home], at=at, state=state, incident=drill if kind == "drill" else real)
        found = rows(viewer, **{"from": first, "to": last, "zone": zone})
        transaction.set_rollback(True)
    for home in ZONES:
        for side, begin, end in (("", first, last), ("_before", date(2026, 10, 15), date(2026, 10, 24))):
            wanted = {"interruptions": 0, "business": 0, "off": 0, "sleep": 0}
            for whose, at, kind in history:
                if whose != home or kind != "reached" or not begin <= at.astimezone(ZoneInfo(zone)).date() <= end:
                    continue
                local = at.astimezone(ZoneInfo(home))
                office = local.weekday() < 5 and 9 <= local.hour < 17 and local.date() != FREE
                hours = "sleep" if local.hour >= 23 or local.hour < 7 else "business" if office else "off"
                wanted["interruptions"] += 1
                wanted[hours] += 1
            row = found.get(home)
            assert {name: int(row[name + side]) if row else 0 for name in wanted} == wanted


def test_the_page_tells_each_person_the_days_before_and_the_team(viewer, ada, grace):
    ada.timezone = "Asia/Jakarta"
    ada.save()
    team = ContactFactory(name="shop", kind="team")
    team.members.add(grace)
    for hour in (9, 13, 18):  # 16:00, 20:00 and 01:00 there
        PageFactory(contact=ada, at=NINE.replace(hour=hour), state="reached")
    PageFactory(contact=ada, at=NINE - timedelta(days=1), state="reached")
    PageFactory(contact=grace, at=NINE, state="reached")
    asked = {"from": "2026-11-23", "to": "2026-11-24"}
    page = viewer.get("/figures/people/", asked)
    first = page.context["lines"][0]
    assert (first.line.person, first.change) == (ada, 200)
    assert (first.line.now.business, first.line.now.off, first.line.now.sleep) == (1, 1, 1)
    assert "+200 %" in page.content.decode() and "Asia/Jakarta" in page.content.decode()
    assert set(rows(viewer, team="shop", **asked)) == {"grace"}


def test_how_close_each_person_is_to_a_limit_and_what_limits_did(viewer, ada, grace, at, monkeypatch):
    monkeypatch.setattr("analytics.response_pages.timezone.now", lambda: at)
    FatigueLimitFactory(key="nights", pages=2, hours="sleep", policy__name="Shop")
    FatigueLimitFactory(key="a-day", pages=3, act="reroute", policy=None)
    for minutes in (5, 10, 15):
        PageFactory(contact=ada, at=at - timedelta(minutes=minutes), state="reached")
    FatigueNoteFactory(
        page__contact=ada,
        page__state="unreachable",
        instead=grace,
        at=at,
        words="ada had 3 pages: grace is asked instead.",
    )
    page = viewer.get("/figures/people/").content.decode()
    assert "3 of 3 pages in 1d" in page and "0 of 2 pages in 1d, sleep hours" in page
    assert "ada had 3 pages: grace is asked instead." in page


def test_as_few_queries_for_many(viewer, django_assert_max_num_queries):
    FatigueLimitFactory(policy=None)
    for _ in range(10):
        PageFactory(state="reached")
    asked = {"from": "2026-11-23", "to": "2026-11-23"}
    viewer.get("/figures/people/", asked)
    with django_assert_max_num_queries(20):
        viewer.get("/figures/people/", asked)


def test_nobody_interrupted_is_said(viewer):
    assert "Nobody was paged in these days" in viewer.get("/figures/people/").content.decode()
    assert viewer.get("/figures/people/", {"from": "2026-11-24", "to": "2026-11-23"}).status_code == 422
