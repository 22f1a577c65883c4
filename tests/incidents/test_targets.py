"""Response targets: due when, met, breached once, warned of, re-planned."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from incidents import lifecycle, targets
from incidents.business_time import next_business_end
from notifications.models import Delivery
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    AlertClassFactory,
    CalendarFactory,
    SeverityFactory,
    TargetPlanFactory,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def level():
    return SeverityFactory(key="P1", rank=1, page=False)


def opened(level, **kwargs):
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout", **kwargs)
    return lifecycle.open_incident(opening, at=NINE)


@pytest.mark.parametrize(
    ("after", "state", "breaches"),
    [(15 * MINUTE - SECOND, "pending", 0), (15 * MINUTE, "pending", 0), (15 * MINUTE + SECOND, "breached", 1)],
)
def test_a_target_is_breached_just_after_its_instant(level, after, state, breaches):
    TargetPlanFactory(policy=level.policy, severity=level, within=15 * MINUTE)
    incident = opened(level)
    for _ in range(2):  # a second look changes nothing
        targets.check_due(at=NINE + after)
    assert incident.targets.get().state == state
    assert incident.timeline.filter(kind="target_breached").count() == breaches


@pytest.mark.parametrize(("after", "late"), [(15 * MINUTE, None), (15 * MINUTE + SECOND, SECOND)])
def test_an_acknowledgement_meets_the_target_up_to_its_instant(level, ada, after, late):
    TargetPlanFactory(policy=level.policy, severity=level, within=15 * MINUTE)
    incident = opened(level)
    lifecycle.acknowledge(incident, by=ada, at=NINE + after)
    target = incident.targets.get()
    assert target.late_by == late
    assert target.state == ("breached" if late else "met")


def test_a_warning_goes_out_once_before_the_breach(level, ada):
    TargetPlanFactory(policy=level.policy, severity=level, kind="mitigate", within=HOUR, warn_before=10 * MINUTE)
    incident = opened(level)
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    for minute in (49, 50, 51):
        targets.check_due(at=NINE + minute * MINUTE)
    assert incident.timeline.filter(kind="target_warning").count() == 1
    assert [d.to for d in Delivery.objects.filter(purpose="reminder")] == ["ada"]
    targets.check_due(at=NINE + HOUR + SECOND)
    assert incident.targets.get().state == "breached"


def test_of_level_and_class_the_tighter_counts_and_is_named(level):
    immediate = AlertClassFactory(policy=level.policy, key="critical", label="Immediate")
    TargetPlanFactory(policy=level.policy, severity=level, within=30 * MINUTE)
    TargetPlanFactory(policy=level.policy, severity=None, alert_class=immediate, within=5 * MINUTE)
    TargetPlanFactory(policy=level.policy, severity=None, within=MINUTE)  # for everybody: gives way to the named ones
    target = opened(level, alert_class=immediate).targets.get()
    assert (target.due_at, target.from_plan) == (NINE + 5 * MINUTE, "Immediate")


def test_a_target_counts_from_its_anchor(level, ada):
    TargetPlanFactory(policy=level.policy, severity=level, kind="mitigate", within=HOUR, anchor="acknowledged")
    incident = opened(level)
    assert incident.targets.get().due_at is None
    lifecycle.acknowledge(incident, by=ada, at=NINE + 10 * MINUTE)
    assert incident.targets.get().due_at == NINE + 10 * MINUTE + HOUR


def test_a_night_of_downtime_breaches_each_target_once_and_says_how_late(level):
    TargetPlanFactory(policy=level.policy, severity=level, within=15 * MINUTE)
    incident = opened(level)
    targets.check_due(at=NINE + 9 * HOUR)
    targets.check_due(at=NINE + 10 * HOUR)
    entry = incident.timeline.get(kind="target_breached")
    assert "noticed 8 h 45 min later" in entry.text


JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (
            datetime(2026, 11, 20, 18, 0, tzinfo=JAKARTA),
            datetime(2026, 11, 23, 17, 0, tzinfo=JAKARTA),
        ),  # Friday evening
        (datetime(2026, 11, 20, 10, 0, tzinfo=JAKARTA), datetime(2026, 11, 23, 17, 0, tzinfo=JAKARTA)),  # inside Friday
        (datetime(2026, 11, 23, 8, 59, tzinfo=JAKARTA), datetime(2026, 11, 23, 17, 0, tzinfo=JAKARTA)),  # before Monday
        (datetime(2026, 12, 24, 12, 0, tzinfo=JAKARTA), datetime(2026, 12, 28, 17, 0, tzinfo=JAKARTA)),  # a holiday
    ],
)
def test_the_next_business_day_ends_by_the_calendar(at, end):
    calendar = CalendarFactory(timezone="Asia/Jakarta", holidays=["2026-12-25"])
    assert next_business_end(calendar, "UTC", at.astimezone(UTC)) == end


def test_a_calendar_term_gives_the_due_time(level):
    CalendarFactory(policy=level.policy, timezone="Asia/Jakarta", default=True)
    TargetPlanFactory(policy=level.policy, severity=level, within=None, term="next_business_day")
    # 09:00 UTC on Monday is 16:00 in Jakarta, so the next business day is Tuesday
    assert opened(level).targets.get().due_at == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
