"""Random schedules against a slow reference that walks minute by minute and counts what the clocks on the wall show."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from oncall.layers import LayerDefinition, Window
from oncall.shifts import OverrideDefinition, ScheduleDefinition, next_change, on_call_at, shifts_between

pytestmark = pytest.mark.once

MINUTE = timedelta(minutes=1)
DAYS = 45
SPANS = [  # zone and first day of the stretch that is walked: a clock put forward or back, or a leap day, in its midst
    ("Europe/Amsterdam", date(2026, 3, 10)),
    ("Europe/Amsterdam", date(2026, 10, 7)),
    ("America/New_York", date(2026, 2, 18)),
    ("America/New_York", date(2026, 10, 14)),
    ("Australia/Lord_Howe", date(2026, 9, 16)),
    ("Australia/Lord_Howe", date(2026, 3, 18)),
    ("Asia/Jakarta", date(2028, 1, 25)),
    ("Europe/Amsterdam", date(2028, 2, 25)),  # leap day and summer time in one stretch
]
PEOPLE = ["ada", "grace", "linus", "margaret"]


@lru_cache
def clock(span):
    """The first minute walked, and for each reading of the local clock the minute (counted from there) it means."""
    zone, first = ZoneInfo(span[0]), span[1]
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    meant, before = {}, None
    for minute in range((DAYS + 2) * 1440):
        wall = (start + minute * MINUTE).astimezone(zone).replace(tzinfo=None)
        late = 0
        while before and before + (late + 1) * MINUTE < wall:  # readings left out come as if the clock had run on
            late += 1
            meant.setdefault(before + late * MINUTE, minute - 1 + late)
        meant.setdefault(wall, minute)
        before = wall
    return start, meant


def handoffs(layer, span):
    """The minutes at which each turn but the first begins, counted off day by day."""
    _, meant = clock(span)
    anchor, length = layer["anchor"], layer["length"]
    if layer["rotation"] == "hours":
        return set(range(meant[anchor] + 60 * length, (DAYS + 2) * 1440, 60 * length))
    found, passed, day = set(), 0, anchor.date()
    while True:
        day += timedelta(days=1)
        reading = datetime.combine(day, anchor.time())
        if reading not in meant:
            return found
        match layer["rotation"]:
            case "months":
                passed += day.day == min(anchor.day, monthrange(day.year, day.month)[1])
                due = day.day == min(anchor.day, monthrange(day.year, day.month)[1]) and passed % length == 0
            case "weeks":
                passed += 1
                due = passed % (7 * length) == 0
            case _:
                passed += 1
                due = passed % length == 0
        if due:
            found.add(meant[reading])


def open_minutes(layer, span):
    """The minutes at which the layer's windows are open."""
    _, meant = clock(span)
    minutes = set()
    for back in range(-2, DAYS + 2):
        day = datetime.combine(span[1] + timedelta(days=back), datetime.min.time())
        for days, opens, closes in layer["windows"]:
            if day.weekday() in days:
                begin = meant.get(day + opens * MINUTE, 0)
                minutes.update(range(begin, meant.get(day + closes * MINUTE, 0)))
    return minutes


def walk(layers, overrides, span):
    """Who is on call in each minute, found by walking through all of them."""
    _, meant = clock(span)
    changes = [handoffs(layer, span) for layer in layers]
    opened = [open_minutes(layer, span) if layer["windows"] else None for layer in layers]
    turns, timeline = [None] * len(layers), []
    for minute in range((DAYS + 2) * 1440):
        held = {}
        for number, layer in enumerate(layers):
            if minute == meant[layer["anchor"]]:
                turns[number] = 0
            elif minute in changes[number]:
                turns[number] += 1
            begins, ends = layer["force"]
            if turns[number] is None or not layer["members"] or not begins <= minute < ends:
                continue
            person = layer["members"][turns[number] % len(layer["members"])]
            if person and (opened[number] is None or minute in opened[number]):
                held.setdefault(layer["precedence"], []).append(person)
        people = list(dict.fromkeys(held[max(held)])) if held else []
        for person, begins, ends in overrides:
            if begins <= minute < ends:
                people = [person]
        timeline.append(people)
    return timeline


def define(layers, overrides, span):
    start, _ = clock(span)
    return ScheduleDefinition(
        "random",
        ZoneInfo(span[0]),
        tuple(
            LayerDefinition(
                name=f"layer {number}",
                members=tuple(layer["members"]),
                first_handoff=layer["anchor"],
                zone=ZoneInfo(span[0]),
                rotation=layer["rotation"],
                length=layer["length"],
                precedence=layer["precedence"],
                windows=tuple(
                    Window(days, opens * MINUTE, closes * MINUTE) for days, opens, closes in layer["windows"]
                ),
                starts_at=start + layer["force"][0] * MINUTE,
                ends_at=start + layer["force"][1] * MINUTE,
            )
            for number, layer in enumerate(layers)
        ),
        tuple(
            OverrideDefinition(who, start + begins * MINUTE, start + ends * MINUTE) for who, begins, ends in overrides
        ),
    )


# Small hours more often than others, since that is when clocks are changed; days rather than weeks, so that it matters.
times = st.one_of(st.sampled_from([95, 105, 119, 120, 121, 135, 150, 179, 180]), st.integers(0, 1439))
rotations = st.sampled_from(["hours", "days", "days", "days", "weeks", "months"])
crews = st.sampled_from(
    [PEOPLE, PEOPLE[:2], PEOPLE[1:], ["grace", "ada", "grace", "linus"], ["ada", None, "linus"], ["margaret"], []]
)
minutes = st.integers(1440, (DAYS + 1) * 1440)


@st.composite
def windows(draw):
    opens = draw(times)
    closes = draw(st.one_of(times, st.just(1440)))
    days = draw(st.one_of(st.just(set(range(7))), st.sets(st.integers(0, 6), min_size=1)))
    return frozenset(days), opens, closes + 1440 * (closes <= opens)


@st.composite
def schedules(draw):
    span = draw(st.sampled_from(SPANS))
    layers = []
    for _ in range(draw(st.sampled_from([1, 2, 3, 0]))):
        day = datetime.combine(span[1] + timedelta(days=draw(st.integers(1, 14))), datetime.min.time())
        layers.append(
            {
                "anchor": day + draw(times) * MINUTE,
                "rotation": draw(rotations),
                "length": draw(st.sampled_from([1, 1, 1, 2, 3, 12, 25])),
                "precedence": draw(st.integers(0, 2)),
                "members": draw(crews),
                "windows": draw(st.lists(windows(), max_size=2)),
                "force": draw(st.sampled_from([(0, 10**5), (0, 10**5), (2000, 50_000), (30_000, 40_000)])),
            }
        )
    overrides = draw(st.lists(st.tuples(st.sampled_from(PEOPLE), minutes, minutes), max_size=3))
    return layers, overrides, span


@settings(
    max_examples=20,  # a second of walking each; every run draws others
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink what fails would take minutes of walking
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(schedules(), st.lists(minutes, min_size=20, max_size=40))
def test_shifts_agree_with_the_walk(drawn, moments):
    start, _ = clock(drawn[2])
    definition, timeline = define(*drawn), walk(*drawn)
    begin, end = 1440, (DAYS + 1) * 1440

    shifts = shifts_between(definition, start + begin * MINUTE, start + end * MINUTE)
    assert [shifts[0].start, *(shift.end for shift in shifts)] == [
        *(shift.start for shift in shifts),
        start + end * MINUTE,
    ]
    walked = [minute for minute in range(begin + 1, end) if timeline[minute] != timeline[minute - 1]]
    changes = [later.start for sooner, later in pairwise(shifts) if sooner.people != later.people]
    assert changes == [start + minute * MINUTE for minute in walked]
    edges = [minute for change in walked for minute in (change - 1, change)]
    for minute in [*moments, *edges[:80]]:
        at = start + minute * MINUTE
        assert on_call_at(definition, at) == timeline[minute], at
        assert on_call_at(definition, at + MINUTE - timedelta(microseconds=1)) == timeline[minute], at
    for minute in moments[:5]:
        later = [m for m in range(minute, end) if set(timeline[m]) != set(timeline[minute])]
        change = next_change(definition, start + minute * MINUTE)
        if later:
            assert change == start + later[0] * MINUTE
        else:
            assert change is None or change >= start + end * MINUTE
