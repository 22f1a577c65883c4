"""The calendar page of a schedule: weeks of bars, a list of shifts, gaps in words, the clock of who reads."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group

from tests.accounts import signed_in
from tests.factories import HOUR, NINE, LayerFactory, OverrideFactory, ScheduleFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PAGE = "/on-call/primary/"


@pytest.fixture
def schedule(ada, grace):
    """Weekly from Monday 23 November 2026, 09:00 UTC: ada, then grace."""
    schedule = ScheduleFactory(key="primary", name="Primary", timezone="Europe/Amsterdam")
    LayerFactory(schedule=schedule, members=[ada, grace])
    return schedule


@pytest.fixture
def reader(client, linus):
    with time_machine.travel(NINE + 30 * HOUR, tick=False):
        yield signed_in(client, linus, "Viewer")


def words(response) -> str:
    return " ".join(response.content.decode().split())


def entries(response) -> list[str]:
    return [f"{one.from_} - {one.until} {one.stretch.who}" for one in response.context["page"].entries]


def test_a_week_shows_who_has_it_on_the_schedules_clock_with_the_gap_named(reader, schedule):
    response = reader.get(PAGE, {"view": "week", "day": "2026-11-25"})
    assert entries(response) == [
        "Mon 23 Nov 2026 00:00 - Mon 23 Nov 2026 10:00 Nobody",
        "Mon 23 Nov 2026 10:00 - Mon 30 Nov 2026 00:00 ada",
    ]
    text = words(response)
    assert "gap: nobody is on call" not in text and "<summary>1 before now</summary>" in text  # it is over
    assert "<strong>ada</strong> now" in text and "until Mon 30 Nov 2026 10:00" in text
    assert "All times on the clock of Europe/Amsterdam." in text
    (week,) = response.context["page"].weeks
    final, layer = week.rows
    assert [(bar.span, bar.style) for bar in final.bars] == [(10, "gap"), (158, "person-0")]
    assert [bar.span for bar in layer.bars] == [10, 158] and layer.bars[0].stretch is None
    assert week.now == 40  # Tuesday 16:00 there
    assert 'aria-current="time"' in text


def test_gaps_to_come_are_told_first_unless_they_are_meant(reader, schedule, ada):
    ends_at = NINE + 2 * DAY + HOUR
    schedule.overrides.create(effect="remove", replaces=ada, starts_at=NINE + 2 * DAY, ends_at=ends_at)
    text = words(reader.get(PAGE))
    assert "1 gap: nobody is on call" in text and "<li>Wed 25 Nov 2026 10:00 to Wed 25 Nov 2026 11:00 (1h)</li>" in text
    schedule.gaps_meant = True
    schedule.save()
    assert "gap: nobody is on call" not in words(reader.get(PAGE))


def test_a_responder_is_led_to_his_own_changes_and_no_others(client, schedule, ada, grace, linus):
    own = OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE + 2 * DAY, ends_at=NINE + 3 * DAY)
    other = OverrideFactory(schedule=schedule, contact=grace, starts_at=NINE + 4 * DAY, ends_at=NINE + 5 * DAY)
    swap = schedule.swaps.create(person=ada, partner=grace, starts_at=NINE + 6 * DAY, ends_at=NINE + 9 * DAY)
    changes = [f"overrides/{own.pk}/", f"overrides/{other.pk}/", f"swaps/{swap.pk}/"]
    seen = {}
    with time_machine.travel(NINE + 30 * HOUR, tick=False):
        signed_in(client, linus, "Responder")
        for group in ("Responder", "Incident Commander"):
            linus.user.groups.add(Group.objects.get(name=group))
            text = words(client.get(PAGE))
            seen[group] = [f'href="{PAGE}{path}">Change' in text for path in changes]
    assert seen == {"Responder": [True, False, False], "Incident Commander": [True, True, True]}


def test_a_month_holds_its_weeks_whole_and_steps_to_its_neighbours(reader, schedule):
    response = reader.get(PAGE, {"day": "2026-11-25"})
    page = response.context["page"]
    assert (page.first.isoformat(), page.last.isoformat(), len(page.weeks)) == ("2026-10-26", "2026-12-06", 6)
    assert all(sum(bar.span for bar in row.bars) == 168 for week in page.weeks for row in week.rows)
    assert [week.now for week in page.weeks] == [None, None, None, None, 40, None]
    assert "?view=month&amp;day=2026-12-01" in words(response) and "?view=month&amp;day=2026-10-01" in words(response)
    december = reader.get(PAGE, {"day": "2026-12-31"}).context
    assert (december["title"], december["following"]) == ("December 2026", "?view=month&day=2027-01-01")


def test_a_day_of_25_hours_is_as_wide_as_any_and_its_shift_an_hour_longer(reader, schedule, ada):
    OverrideFactory(schedule=schedule, contact=ada, starts_at=NINE - 29 * DAY - 11 * HOUR, ends_at=NINE - 28 * DAY)
    (week,) = reader.get(PAGE, {"view": "week", "day": "2026-10-25"}).context["page"].weeks
    # from Saturday 24 October 24:00 (22:00 UTC) to the hand-over of Monday the 26th
    assert [bar.span for bar in week.rows[0].bars] == [144, 24]
    entry = reader.get(PAGE, {"view": "week", "day": "2026-10-25"}).context["page"].entries[-1]
    assert (entry.from_, entry.lasts) == ("Sun 25 Oct 2026 00:00", "1d1h")


def test_overrides_and_swaps_are_marked_with_their_reason(reader, schedule, ada, grace, margaret):
    OverrideFactory(
        schedule=schedule, contact=margaret, starts_at=NINE + DAY, ends_at=NINE + 2 * DAY, reason="ada is ill"
    )
    schedule.swaps.create(person=ada, partner=grace, starts_at=NINE + 3 * DAY, ends_at=NINE + 4 * DAY)
    response = reader.get(PAGE, {"view": "week", "day": "2026-11-25"})
    marks = {one.stretch.who: (one.stretch.mark, one.stretch.reason) for one in response.context["page"].entries[1:]}
    assert marks["margaret"] == ("override", "ada is ill")
    assert "ada is ill" in words(response) and '<span class="level">override</span>' in words(response)
    edits = [(one.stretch.who, one.stretch.mark) for one in response.context["page"].edits]
    assert edits == [("margaret", "override"), ("ada and grace", "swap")]


def test_the_reader_may_take_his_own_clock(reader, schedule, linus):
    linus.timezone = "Asia/Jakarta"
    linus.save()
    there = reader.get(PAGE, {"view": "week", "day": "2026-11-25", "zone": "mine"})
    assert entries(there)[1].startswith("Mon 23 Nov 2026 16:00")
    assert "Asia/Jakarta (mine)" in words(there)
    linus.timezone = "Nowhere/At_all"
    linus.save()
    assert entries(reader.get(PAGE, {"view": "week", "day": "2026-11-25", "zone": "mine"}))[1].endswith("ada")


def test_a_date_that_is_none_shows_today_and_an_unknown_schedule_is_not_found(reader, schedule):
    assert reader.get(PAGE, {"view": "year", "day": "9999-99-99"}).context["title"] == "November 2026"
    assert reader.get(PAGE, {"day": "0001-01-01"}).context["title"] == "November 2026"
    assert reader.get("/on-call/secondary/").status_code == 404


def test_a_reader_sees_no_way_to_change_it(reader, schedule):
    assert "Add an override" not in words(reader.get(PAGE))
    assert reader.get(f"{PAGE}overrides/new/").status_code == 403
