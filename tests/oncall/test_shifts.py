"""Tables for the arithmetic of shifts; test_shifts_reference.py compares it with a slow, independent reading."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from oncall.layers import LayerDefinition, Window, layer_at
from oncall.shifts import OverrideDefinition, ScheduleDefinition, Shift, next_change, on_call_at, shifts_between
from oncall.turns import NEVER, handoff_at, holder_at, instant

pytestmark = pytest.mark.once

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
JAKARTA = ZoneInfo("Asia/Jakarta")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
WEEKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    """A reading of the clock on the wall, zone left to the definition."""
    return datetime.fromisoformat(text)


def window(opens: float, closes: float, days=EVERY_DAY) -> Window:
    return Window(days, timedelta(hours=opens), timedelta(hours=closes))


def layer(*members, **facts) -> LayerDefinition:
    plain = {"name": "primary", "first_handoff": local("2026-01-05T09:00"), "zone": AMSTERDAM, "rotation": "weeks"}
    return LayerDefinition(members=members, **(plain | facts))


def schedule(*layers, overrides=(), zone=AMSTERDAM) -> ScheduleDefinition:
    return ScheduleDefinition("ops", zone, tuple(layers), tuple(overrides))


@pytest.mark.parametrize(
    ("zone", "wall", "expected"),
    [
        # clocks go forward: 02:30 does not exist and is read with the offset before the gap
        (AMSTERDAM, "2026-03-29T01:59", "2026-03-29T00:59"),
        (AMSTERDAM, "2026-03-29T02:00", "2026-03-29T01:00"),
        (AMSTERDAM, "2026-03-29T02:30", "2026-03-29T01:30"),
        (AMSTERDAM, "2026-03-29T03:00", "2026-03-29T01:00"),
        (NEW_YORK, "2026-03-08T02:30", "2026-03-08T07:30"),
        (NEW_YORK, "2026-03-08T03:00", "2026-03-08T07:00"),
        (LORD_HOWE, "2026-10-04T01:59", "2026-10-03T15:29"),
        (LORD_HOWE, "2026-10-04T02:15", "2026-10-03T15:45"),
        (LORD_HOWE, "2026-10-04T02:30", "2026-10-03T15:30"),
        # clocks go back: 02:30 occurs twice, and the first counts
        (AMSTERDAM, "2026-10-25T01:59", "2026-10-24T23:59"),
        (AMSTERDAM, "2026-10-25T02:30", "2026-10-25T00:30"),
        (AMSTERDAM, "2026-10-25T03:00", "2026-10-25T02:00"),
        (NEW_YORK, "2026-11-01T01:30", "2026-11-01T05:30"),
        (NEW_YORK, "2026-11-01T02:00", "2026-11-01T07:00"),
        (LORD_HOWE, "2026-04-05T01:45", "2026-04-04T14:45"),
        (LORD_HOWE, "2026-04-05T02:00", "2026-04-04T15:30"),
        # no summer time at all
        (JAKARTA, "2026-03-29T02:30", "2026-03-28T19:30"),
        (JAKARTA, "2026-10-25T02:30", "2026-10-24T19:30"),
    ],
)
def test_a_wall_clock_time_is_one_instant(zone, wall, expected):
    assert instant(local(wall), zone) == utc(expected)


@pytest.mark.parametrize(
    ("zone", "first", "turn", "expected"),
    [
        # the day on which clocks go forward has 23 hours (Lord Howe: 23.5), that on which they go back 25 (24.5)
        (AMSTERDAM, "2026-03-28T09:00", 1, "2026-03-29T07:00"),
        (AMSTERDAM, "2026-03-28T09:00", 2, "2026-03-30T07:00"),
        (AMSTERDAM, "2026-10-24T09:00", 1, "2026-10-25T08:00"),
        (NEW_YORK, "2026-03-07T09:00", 1, "2026-03-08T13:00"),
        (NEW_YORK, "2026-10-31T09:00", 1, "2026-11-01T14:00"),
        (LORD_HOWE, "2026-10-03T09:00", 1, "2026-10-03T22:00"),
        (LORD_HOWE, "2026-04-04T09:00", 1, "2026-04-04T22:30"),
        (JAKARTA, "2026-03-28T09:00", 1, "2026-03-29T02:00"),
        # a hand-off that falls into the gap, and the one after it is at its usual time again
        (AMSTERDAM, "2026-03-28T02:30", 1, "2026-03-29T01:30"),
        (AMSTERDAM, "2026-03-28T02:30", 2, "2026-03-30T00:30"),
        # one that occurs twice
        (AMSTERDAM, "2026-10-24T02:30", 1, "2026-10-25T00:30"),
        (AMSTERDAM, "2026-10-24T02:30", 2, "2026-10-26T01:30"),
    ],
)
def test_days_follow_the_local_clock(zone, first, turn, expected):
    assert handoff_at(turn, first_handoff=local(first), rotation="days", length=1, zone=zone) == utc(expected)


@pytest.mark.parametrize(
    ("zone", "first", "length", "turn", "expected"),
    [
        (AMSTERDAM, "2026-03-28T21:00", 12, 1, "2026-03-29T08:00"),  # 10:00 there, not 09:00
        (AMSTERDAM, "2026-10-24T21:00", 12, 1, "2026-10-25T07:00"),
        (NEW_YORK, "2026-03-07T20:00", 24, 1, "2026-03-09T01:00"),
        (LORD_HOWE, "2026-10-03T20:00", 24, 1, "2026-10-04T09:30"),
        (JAKARTA, "2026-03-28T21:00", 12, 1, "2026-03-29T02:00"),
    ],
)
def test_hours_are_elapsed_time(zone, first, length, turn, expected):
    found = handoff_at(turn, first_handoff=local(first), rotation="hours", length=length, zone=zone)
    assert found == instant(local(first), zone) + turn * length * HOUR == utc(expected)


@pytest.mark.parametrize(
    ("first", "length", "turn", "expected"),
    [
        ("2026-01-31T09:00", 1, 1, "2026-02-28T09:00"),
        ("2026-01-31T09:00", 1, 2, "2026-03-31T09:00"),  # counted from the first hand-off, not from 28 February
        ("2026-01-31T09:00", 1, 3, "2026-04-30T09:00"),
        ("2028-01-31T09:00", 1, 1, "2028-02-29T09:00"),
        ("2028-02-29T09:00", 12, 1, "2029-02-28T09:00"),
        ("2028-02-29T09:00", 12, 4, "2032-02-29T09:00"),
        ("2026-11-30T09:00", 3, 1, "2027-02-28T09:00"),
        ("2026-12-15T09:00", 1, 1, "2027-01-15T09:00"),
        ("2026-10-25T02:30", 1, 1, "2026-11-25T02:30"),
    ],
)
def test_months_clamp_to_their_last_day(first, length, turn, expected):
    found = handoff_at(turn, first_handoff=local(first), rotation="months", length=length, zone=JAKARTA)
    assert found == instant(local(expected), JAKARTA)


def test_a_leap_day_is_a_day_like_any_other():
    daily = layer("ada", "grace", "linus", rotation="days", first_handoff=local("2028-02-28T09:00"), zone=JAKARTA)
    noon = [instant(local(f"2028-{day}T12:00"), JAKARTA) for day in ("02-28", "02-29", "03-01", "03-02")]
    assert [layer_at(daily, at) for at in noon] == [["ada"], ["grace"], ["linus"], ["ada"]]


def test_an_aware_first_handoff_is_that_very_instant_and_later_ones_its_time_of_day():
    second_half_past_two = datetime(2026, 10, 25, 2, 30, tzinfo=AMSTERDAM, fold=1)
    rule = {"first_handoff": second_half_past_two, "rotation": "days", "length": 1, "zone": AMSTERDAM}
    assert handoff_at(0, **rule) == utc("2026-10-25T01:30")
    assert handoff_at(1, **rule) == utc("2026-10-26T01:30")


def test_turns_beyond_the_calendar_never_come():
    for rotation in ("hours", "days", "weeks", "months"):
        rule = {"first_handoff": local("2026-01-01T00:00"), "rotation": rotation, "zone": JAKARTA}
        assert handoff_at(10**9, length=32_767, **rule) == NEVER
    ages = layer("ada", "grace", rotation="months", length=32_767)
    assert layer_at(ages, utc("2900-01-01T00:00")) == ["ada"]
    assert next_change(schedule(ages), utc("2026-06-01T00:00")) is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-05T08:59:59", None),
        ("2026-01-05T09:00", "ada"),
        ("2026-01-12T08:59:59", "ada"),
        ("2026-01-12T09:00", "grace"),
        ("2026-01-19T09:00", "linus"),
        ("2026-01-26T09:00", "ada"),
        ("2026-03-30T08:59:59", "linus"),  # the clocks went forward the day before
        ("2026-03-30T09:00", "ada"),
        ("2036-01-07T08:59:59", "linus"),
        ("2036-01-07T09:00", "ada"),  # 522 weeks, three times 174
    ],
)
def test_holder_of_a_weekly_rotation(at, expected):
    found = holder_at(
        instant(local(at), AMSTERDAM),
        members=["ada", "grace", "linus"],
        first_handoff=local("2026-01-05T09:00"),
        rotation="weeks",
        length=1,
        zone=AMSTERDAM,
    )
    assert found == expected


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("rotation", ["hours", "days", "weeks", "months"])
@pytest.mark.parametrize("zone", [AMSTERDAM, NEW_YORK, LORD_HOWE, JAKARTA], ids=str)
def test_holder_just_below_at_and_above_every_handoff(rotation, length, zone):
    members = ["ada", "grace", "linus"]
    rule = {"first_handoff": local("2026-01-31T02:15"), "rotation": rotation, "length": length, "zone": zone}
    for turn in range(1, 400 // length):
        at = handoff_at(turn, **rule)
        before, after = members[(turn - 1) % 3], members[turn % 3]
        found = [holder_at(moment, members=members, **rule) for moment in (at - SECOND, at, at + SECOND)]
        assert found == [before, after, after], at


def test_a_rotation_without_members_or_of_an_unknown_kind_is_refused():
    rule = {"first_handoff": local("2026-01-05T09:00"), "length": 1, "zone": JAKARTA}
    with pytest.raises(ValueError, match="at least one member"):
        holder_at(utc("2026-02-01T00:00"), members=[], rotation="days", **rule)
    with pytest.raises(ValueError, match="fortnights is unknown"):
        handoff_at(0, rotation="fortnights", **rule)
    with pytest.raises(ValueError, match="turn of 0 days"):
        handoff_at(0, rotation="days", **(rule | {"length": 0}))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-02-01T08:59:59", []),
        ("2026-02-01T09:00", ["linus"]),  # the turns are counted from the first hand-off, hidden or not
        ("2026-02-10T16:59:59", ["grace"]),
        ("2026-02-10T17:00", []),
    ],
)
def test_a_layer_counts_from_its_start_to_before_its_end(at, expected):
    brief = layer(
        "ada",
        "grace",
        "linus",
        first_handoff=local("2026-01-12T09:00"),
        starts_at=instant(local("2026-02-01T09:00"), AMSTERDAM),
        ends_at=instant(local("2026-02-10T17:00"), AMSTERDAM),
    )
    assert layer_at(brief, instant(local(at), AMSTERDAM)) == expected


@pytest.mark.parametrize(
    ("at", "open_then"),
    [
        ("2026-06-05T08:59:59", False),  # a Friday
        ("2026-06-05T09:00", True),
        ("2026-06-05T16:59:59", True),
        ("2026-06-05T17:00", False),
        ("2026-06-06T12:00", False),
        ("2026-06-08T09:00", True),
    ],
)
def test_office_hours(at, open_then):
    office = layer("ada", windows=(window(9, 17, WEEKDAYS),))
    assert bool(layer_at(office, instant(local(at), AMSTERDAM))) is open_then


@pytest.mark.parametrize(
    ("at", "open_then"),
    [
        ("2026-06-05T21:59:59", False),  # a Friday, the night of which ends on Saturday
        ("2026-06-05T22:00", True),
        ("2026-06-06T05:59:59", True),
        ("2026-06-06T06:00", False),
        ("2026-06-06T22:00", False),
        ("2026-06-08T05:59", False),  # Monday's small hours belong to Sunday's night
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_opens_on(at, open_then):
    night = layer("ada", windows=(window(22, 30, WEEKDAYS),))
    assert bool(layer_at(night, instant(local(at), AMSTERDAM))) is open_then


@pytest.mark.parametrize(
    ("opens", "closes", "day", "shifts"),
    [
        # clocks go back: 01:00 to 03:00 lasts three hours, 01:00 to 02:30 ends at the first 02:30
        (1, 3, "2026-10-25", [("2026-10-24T23:00", "2026-10-25T02:00")]),
        (1, 2.5, "2026-10-25", [("2026-10-24T23:00", "2026-10-25T00:30")]),
        (2.5, 4, "2026-10-25", [("2026-10-25T00:30", "2026-10-25T03:00")]),
        # clocks go forward: 02:00 to 03:00 does not exist, 02:15 to 02:45 is half an hour later by the clock
        (2, 3, "2026-03-29", []),
        (2.25, 2.75, "2026-03-29", [("2026-03-29T01:15", "2026-03-29T01:45")]),
        (1, 4, "2026-03-29", [("2026-03-29T00:00", "2026-03-29T02:00")]),
        (2.5, 3.25, "2026-03-29", []),
    ],
)
def test_windows_when_the_clock_is_put_back_or_forward(opens, closes, day, shifts):
    sunday = layer("ada", windows=(window(opens, closes),))
    start = instant(local(f"{day}T00:00"), AMSTERDAM)
    found = [shift for shift in shifts_between(schedule(sunday), start, start + 20 * HOUR) if shift.people]
    assert [(shift.start, shift.end) for shift in found] == [(utc(start), utc(end)) for start, end in shifts]


def test_the_turn_counter_runs_on_outside_the_windows():
    weekends = layer(
        "ada", "grace", rotation="days", windows=(window(0, 24, frozenset({5, 6})),), first_handoff=local("2026-06-06")
    )
    days = [instant(local(f"2026-06-{day:02}T12:00"), AMSTERDAM) for day in (6, 7, 8, 13, 14)]
    assert [layer_at(weekends, at) for at in days] == [["ada"], ["grace"], [], ["grace"], ["ada"]]


def test_precedence_joins_and_falls_through():
    at = instant(local("2026-06-05T12:00"), AMSTERDAM)
    night = instant(local("2026-06-05T23:00"), AMSTERDAM)
    office = layer("ada", name="office", precedence=10, windows=(window(9, 17),))
    second = layer("grace", name="second", precedence=10, windows=(window(9, 12.5),))
    always = layer("linus", name="always", precedence=0)
    ops = schedule(always, office, second)
    assert on_call_at(ops, at) == ["ada", "grace"]
    assert on_call_at(ops, at + HOUR) == ["ada"]
    assert on_call_at(ops, night) == ["linus"]
    assert on_call_at(schedule(office), night) == []


def test_a_person_in_two_layers_of_one_precedence_is_named_once():
    assert on_call_at(schedule(layer("ada"), layer("ada", name="other")), utc("2026-06-05T12:00")) == ["ada"]


def test_turns_of_nobody_and_layers_without_members_fall_through():
    at = utc("2026-01-13T12:00")
    gone, empty, below = layer("ada", None, precedence=2), layer(precedence=1), layer("linus")
    assert on_call_at(schedule(gone, empty, below), at) == ["linus"]
    assert on_call_at(schedule(gone, empty, below), at - timedelta(days=7)) == ["ada"]
    assert on_call_at(schedule(empty), at) == []
    assert on_call_at(schedule(), at) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-05T09:59:59", ["ada", "grace"]),
        ("2026-06-05T10:00", ["linus"]),
        ("2026-06-05T10:59:59", ["linus"]),
        ("2026-06-05T11:00", ["margaret"]),  # made later, so it wins
        ("2026-06-05T12:00", ["linus"]),
        ("2026-06-05T13:00", ["ada", "grace"]),
    ],
)
def test_an_override_replaces_everybody_and_the_later_wins(at, expected):
    ops = schedule(
        layer("ada"),
        layer("grace", name="second"),
        overrides=[
            OverrideDefinition("linus", utc("2026-06-05T10:00"), utc("2026-06-05T13:00")),
            OverrideDefinition("margaret", utc("2026-06-05T11:00"), utc("2026-06-05T12:00")),
            OverrideDefinition(None, utc("2026-06-05T11:00"), utc("2026-06-05T14:00")),
        ],
    )
    assert on_call_at(ops, utc(at)) == expected


def test_the_later_override_wins_even_when_it_starts_sooner():
    first = OverrideDefinition("linus", utc("2026-06-05T11:00"), utc("2026-06-05T13:00"))
    later = OverrideDefinition("margaret", utc("2026-06-05T10:00"), utc("2026-06-05T12:00"))
    assert on_call_at(schedule(overrides=[first, later]), utc("2026-06-05T11:30")) == ["margaret"]
    assert on_call_at(schedule(overrides=[later, first]), utc("2026-06-05T11:30")) == ["linus"]


def test_instants_of_the_schedules_own_zone_are_told_apart_when_the_clock_is_put_back():
    second = datetime(2026, 10, 25, 2, 30, tzinfo=AMSTERDAM, fold=1)
    ops = schedule(layer("ada"), overrides=[OverrideDefinition("grace", second, second.astimezone(UTC) + HOUR)])
    assert on_call_at(ops, second.replace(fold=0)) == ["ada"]
    assert on_call_at(ops, second) == ["grace"]


def test_shifts_fill_the_time_asked_for_gaps_included():
    office = layer("ada", "grace", name="office", rotation="days", windows=(window(9, 17, WEEKDAYS),))
    cover = OverrideDefinition("linus", utc("2026-01-06T12:00"), utc("2026-01-06T20:00"))
    ops = schedule(office, overrides=[cover])
    assert shifts_between(ops, utc("2026-01-05T12:00"), utc("2026-01-07T12:00")) == [
        Shift(utc("2026-01-05T12:00"), utc("2026-01-05T16:00"), ("ada",), "layer", ("office",)),
        Shift(utc("2026-01-05T16:00"), utc("2026-01-06T08:00"), (), ""),
        Shift(utc("2026-01-06T08:00"), utc("2026-01-06T12:00"), ("grace",), "layer", ("office",)),
        Shift(utc("2026-01-06T12:00"), utc("2026-01-06T20:00"), ("linus",), "override"),
        Shift(utc("2026-01-06T20:00"), utc("2026-01-07T08:00"), (), ""),
        Shift(utc("2026-01-07T08:00"), utc("2026-01-07T12:00"), ("ada",), "layer", ("office",)),
    ]
    assert shifts_between(ops, cover.starts_at, cover.starts_at) == []


def test_turns_of_the_same_person_are_one_shift():
    ops = schedule(layer("ada", "ada", "grace", rotation="days"))
    found = shifts_between(ops, utc("2026-01-05T08:00"), utc("2026-01-08T08:00"))
    assert [(shift.end - shift.start, shift.people) for shift in found] == [
        (timedelta(days=2), ("ada",)),
        (timedelta(days=1), ("grace",)),
    ]


def test_next_change_is_when_other_people_answer():
    weekly = layer("ada", "grace")
    at = utc("2026-01-06T00:00")
    assert next_change(schedule(weekly), at) == utc("2026-01-12T08:00")
    assert next_change(schedule(weekly), utc("2026-01-12T08:00")) == utc("2026-01-19T08:00")
    same = OverrideDefinition("ada", at, at + HOUR)
    assert next_change(schedule(weekly, overrides=[same]), at) == utc("2026-01-12T08:00")
    other = OverrideDefinition("linus", at + HOUR, at + 2 * HOUR)
    assert next_change(schedule(weekly, overrides=[other]), at) == at + HOUR
    assert next_change(schedule(layer("ada")), at) is None
    assert next_change(schedule(replace(weekly, ends_at=at + HOUR)), at) == at + HOUR
    assert next_change(schedule(weekly), utc("2025-06-01T00:00")) == utc("2026-01-05T08:00")
