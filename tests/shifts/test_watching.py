"""When shift reviews are opened, closed and reminded of: hand-overs, turns, gaps, edits, a clock that was away."""

from datetime import timedelta

import pytest

from notifications.models import Delivery
from oncall.models import Override
from shifts import capturing, watching
from shifts.models import ShiftReview
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    LayerFactory,
    LayerMemberFactory,
    ShiftMetricFactory,
    ShiftPlanFactory,
    ShiftSourceFactory,
)

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def rota(*people, rotation="days", first=NINE - DAY, **layer):
    """A plan whose schedule has one layer with these people."""
    plan = ShiftPlanFactory()
    made = LayerFactory(schedule=plan.schedule, rotation=rotation, length=1, first_handoff_at=first, **layer)
    for position, contact in enumerate(people):
        LayerMemberFactory(layer=made, contact=contact, position=position)
    return plan


def look(at):
    """As the clock would: until nothing is due."""
    while watching.look_due(at=at) or watching.remind_due(at=at):
        pass


def told():
    """Who had which shift, and how its review stands, the oldest first."""
    rows = ShiftReview.objects.order_by("starts_at", "pk")
    return [(", ".join(map(str, row.people.all())), row.starts_at, row.over_at, row.state) for row in rows]


def test_the_shift_that_lasts_has_a_review_from_the_first_look_on(ada, grace):
    rota(ada, grace)
    look(NINE - HOUR)
    assert told() == [("ada", NINE - DAY, None, "open")]
    look(NINE - SECOND)
    look(NINE)
    assert told() == [("ada", NINE - DAY, NINE, "missed"), ("grace", NINE, None, "open")]


def test_each_turn_of_a_rotation_of_one_is_a_shift(ada):
    rota(ada)
    look(NINE - HOUR)
    look(NINE)
    assert told() == [("ada", NINE - DAY, NINE, "missed"), ("ada", NINE, None, "open")]
    assert ShiftReview.objects.get(over_at=None).ends_at == NINE + DAY


def test_a_gap_has_no_review(ada):
    rota(ada, rotation="weeks", first=NINE - HOUR, restrictions=[{"days": ["mon"], "from": "09:00", "to": "17:00"}])
    look(NINE - SECOND)
    assert told() == []
    look(NINE)
    look(NINE + 8 * HOUR)
    look(NINE + 9 * HOUR)
    assert told() == [("ada", NINE, NINE + 8 * HOUR, "missed")]


def test_shifts_that_passed_while_no_clock_ran_are_missed_without_figures(ada, grace):
    plan = rota(ada, grace)
    ShiftMetricFactory(plan=plan)
    look(NINE - HOUR)
    look(NINE + 2 * DAY + HOUR)
    assert told() == [
        ("ada", NINE - DAY, NINE, "missed"),
        ("grace", NINE, NINE + DAY, "missed"),
        ("ada", NINE + DAY, NINE + 2 * DAY, "missed"),
        ("grace", NINE + 2 * DAY, None, "open"),
    ]
    capturing.capture_due(at=NINE + 2 * DAY + HOUR)
    read = ShiftReview.objects.order_by("starts_at").values_list("captured_at", flat=True)
    assert [at is not None for at in read] == [False, False, False, True]


def test_an_override_is_a_shift_of_its_own_and_the_rest_another(ada, grace):
    plan = rota(ada)
    look(NINE)
    Override.objects.create(schedule=plan.schedule, contact=grace, starts_at=NINE + HOUR, ends_at=NINE + 2 * HOUR)
    for hours in range(4):
        look(NINE + hours * HOUR)
    assert [(who, begun, over) for who, begun, over, _ in told()] == [
        ("ada", NINE, NINE + HOUR),
        ("grace", NINE + HOUR, NINE + 2 * HOUR),
        ("ada", NINE + 2 * HOUR, None),
    ]


def test_an_edit_of_the_present_is_seen_within_a_minute_and_moves_the_end(ada, grace):
    plan = rota(ada)
    look(NINE)
    Override.objects.create(schedule=plan.schedule, contact=ada, starts_at=NINE + 20 * HOUR, ends_at=NINE + 30 * HOUR)
    Override.objects.create(schedule=plan.schedule, contact=grace, starts_at=NINE + 5 * HOUR, ends_at=NINE + 6 * HOUR)
    look(NINE + MINUTE)
    assert ShiftReview.objects.get(over_at=None).ends_at == NINE + 5 * HOUR
    Override.objects.create(schedule=plan.schedule, contact=grace, starts_at=NINE - HOUR, ends_at=NINE + 4 * HOUR)
    look(NINE + 2 * MINUTE)
    who, begun, over, state = told()[-1]
    assert (who, begun, over, state) == ("grace", NINE + 2 * MINUTE, None, "open")
    assert told()[-2][2:] == (NINE + 2 * MINUTE, "missed")


def test_a_plan_that_is_switched_off_ends_its_review(ada):
    plan = rota(ada)
    look(NINE)
    plan.refresh_from_db()
    plan.enabled = False
    plan.save()
    assert plan.look_at is None
    plan.enabled = True
    plan.save()
    assert plan.look_at is not None


@pytest.mark.parametrize(("ends_in", "reminded"), [(30 * MINUTE + SECOND, 0), (30 * MINUTE, 1), (MINUTE, 1)])
def test_the_people_are_reminded_before_the_end_once(ada, ends_in, reminded):
    plan = rota(ada)
    plan.remind_before = 30 * MINUTE
    plan.save()
    look(NINE)
    look(NINE + DAY - ends_in)
    look(NINE + DAY - ends_in)
    assert Delivery.objects.filter(subject__startswith="Not signed yet").count() == reminded


def test_what_could_not_be_read_is_tried_again_and_the_rest_is_left(ada):
    plan = rota(ada)
    metric = ShiftMetricFactory(plan=plan, key="down", kind="count", by="tenant")
    nowhere = {"url": "sqlite:///nowhere/at-all.sqlite3", "query": "SELECT 1"}
    source = ShiftSourceFactory(metric=metric, kind="sql", spec=nowhere)
    other = ShiftMetricFactory(plan=plan, key="told", kind="count", by="tenant", position=1)
    ShiftSourceFactory(metric=other, kind="channels", spec={"state": "DOWN"})
    look(NINE)
    assert capturing.capture_due(at=NINE) == 1
    review = ShiftReview.objects.get()
    states = dict(review.values.values_list("key", "state"))
    assert states == {"down": "failed", "told": "nodata"}
    assert review.values.get(key="down").fault and review.capture_at == NINE + 5 * MINUTE
    source.kind, source.spec = "channels", {"state": "DOWN"}
    source.save()
    assert capturing.capture_due(at=NINE + 5 * MINUTE - SECOND) == 0
    assert capturing.capture_due(at=NINE + 5 * MINUTE) == 1
    review.refresh_from_db()
    assert review.capture_at is None and review.values.get(key="down").state == "nodata"
