import logging
from datetime import timedelta

import pytest

from oncall.models import EscalationContact
from oncall.people import available
from oncall.roster import next_handoff, responders
from tests.factories import HOUR, NINE, ContactFactory, LayerFactory, OverrideFactory, ScheduleFactory

WEEK = timedelta(weeks=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def schedule(ada, grace):
    """Weekly from Monday 09:00 UTC: ada, then grace."""
    schedule = ScheduleFactory(key="primary")
    LayerFactory(schedule=schedule, members=[ada, grace])
    return schedule


def leave(contact, backup=None):
    contact.active, contact.backup = False, backup
    contact.save()


def test_turns_follow_the_stored_order(schedule, ada, grace):
    assert responders(schedule, NINE - SECOND) == []
    assert responders(schedule, NINE) == [ada]
    assert responders(schedule, NINE + WEEK - SECOND) == [ada]
    assert responders(schedule, NINE + WEEK) == [grace]
    assert responders(schedule, NINE + 2 * WEEK) == [ada]


def test_handoffs_keep_to_the_clock_of_the_schedules_zone(schedule, ada, grace):
    schedule.timezone = "Europe/Amsterdam"
    schedule.save()
    before = NINE + 18 * WEEK  # 29 March 2027, 11:00 there, as the clocks went forward the day before
    assert responders(schedule, before - HOUR - SECOND) == [grace]
    assert responders(schedule, before - HOUR) == [ada]


def test_an_override_replaces_everybody_and_the_one_made_later_wins(schedule, ada, linus, margaret):
    OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE, ends_at=NINE + 3 * HOUR)
    OverrideFactory(schedule=schedule, contact=margaret, starts_at=NINE - HOUR, ends_at=NINE + HOUR)
    assert responders(schedule, NINE) == [margaret]
    assert responders(schedule, NINE + HOUR) == [linus]
    assert responders(schedule, NINE + 3 * HOUR) == [ada]


def test_the_highest_precedence_wins_while_it_yields_anybody(schedule, ada, linus):
    office = [{"days": ["mon"], "from": "10:00", "to": "12:00"}]
    LayerFactory(schedule=schedule, name="office", precedence=5, restrictions=office, members=[linus])
    assert responders(schedule, NINE + HOUR - SECOND) == [ada]
    assert responders(schedule, NINE + HOUR) == [linus]
    assert responders(schedule, NINE + 3 * HOUR) == [ada]


def test_a_layer_counts_between_its_start_and_end(schedule, ada, linus):
    LayerFactory(schedule=schedule, precedence=5, members=[linus], starts_at=NINE + HOUR, ends_at=NINE + 2 * HOUR)
    found = [responders(schedule, NINE + hours * HOUR) for hours in range(3)]
    assert found == [[ada], [linus], [ada]]


@pytest.mark.req("CARD-14")
def test_somebody_inactive_falls_to_the_backup(schedule, ada, linus, margaret):
    leave(ada, backup=linus)
    assert responders(schedule, NINE) == [linus]
    leave(linus, backup=margaret)
    assert responders(schedule, NINE) == [margaret]


def test_without_a_backup_the_turn_falls_through_to_the_next_layer(schedule, ada, grace, linus):
    leave(ada)
    assert responders(schedule, NINE) == []
    LayerFactory(schedule=schedule, name="below", precedence=-1, members=[linus])
    assert responders(schedule, NINE) == [linus]
    assert responders(schedule, NINE + WEEK) == [grace]  # the others keep their weeks


def test_an_override_of_somebody_inactive_goes_to_the_backup_or_counts_for_nothing(schedule, ada, linus, margaret):
    OverrideFactory(schedule=schedule, contact=linus)
    leave(linus, backup=margaret)
    assert responders(schedule, NINE) == [margaret]
    leave(margaret)
    assert responders(schedule, NINE) == [ada]


def test_backups_in_a_circle_are_nobody(ada, grace, linus):
    leave(ada, backup=grace)
    leave(grace, backup=ada)
    assert available(EscalationContact.objects.get(name="ada")) is None
    leave(linus, backup=linus)
    assert available(linus) is None


def test_somebody_deleted_leaves_the_rotation_of_the_others(schedule, ada, grace):
    ada.delete()
    assert responders(schedule, NINE) == [grace]
    grace.delete()
    assert responders(schedule, NINE) == []
    assert next_handoff(schedule, NINE) is None


def test_a_backup_who_is_on_call_too_is_named_once(schedule, ada, grace, linus):
    LayerFactory(schedule=schedule, name="second", members=[linus])
    leave(ada, backup=linus)
    assert responders(schedule, NINE) == [linus]


def test_next_handoff_is_when_other_people_answer(schedule, linus):
    assert next_handoff(schedule, NINE) == NINE + WEEK
    OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE + HOUR, ends_at=NINE + 2 * HOUR)
    assert next_handoff(schedule, NINE) == NINE + HOUR
    assert next_handoff(schedule, NINE + HOUR) == NINE + 2 * HOUR


@pytest.mark.parametrize("restrictions", ["always", [{"days": ["monday"]}], [{"from": "9"}], {"days": ["mon"]}])
def test_restrictions_that_cannot_be_read_hide_nobody(schedule, ada, restrictions, caplog):
    schedule.layers.update(restrictions=restrictions)
    with caplog.at_level(logging.ERROR):
        assert responders(schedule, NINE) == [ada]
    assert "counts always" in caplog.text


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../Europe", "Europe"])
def test_an_unknown_time_zone_is_read_as_utc_and_told(schedule, ada, caplog, zone):
    schedule.timezone = zone
    assert responders(schedule, NINE) == [ada]
    assert "primary is read in UTC" in caplog.text


def test_the_number_of_queries_does_not_grow(schedule, django_assert_num_queries):
    for number in range(4):
        LayerFactory(schedule=schedule, name=f"layer {number}", members=ContactFactory.create_batch(5))
        OverrideFactory(schedule=schedule)
    with django_assert_num_queries(5):
        responders(schedule, NINE)
