"""Random schedules against a slow reference that walks minute by minute and counts what the clocks on the wall show."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from oncall.layers import LayerDefinition, Stretch, Window
from oncall.shifts import (
    OverrideDefinition,
    ScheduleDefinition,
    SwapDefinition,
    TemporaryDefinition,
    next_change,
    on_call_at,
    shifts_between,
)
from oncall.written import WrittenCalendar

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


def events(feed, span):
    """From which minute to which the events of a feed put whom on call, found by counting the days."""
    _, meant = clock(span)
    found = []
    for turn in range(feed["count"]):
        person, opens, lasts = feed["person"], feed["first"] + timedelta(days=turn * feed["every"]), feed["lasts"]
        if turn in feed["skipped"]:
            continue
        if turn == feed["moved"]:
            person, opens, lasts = "linus", opens + 90 * MINUTE, 200 * MINUTE
        begin, end = meant.get(opens), meant.get(opens + lasts, 10**6)
        found += [(person, begin, end)] if begin is not None else []
    return found


def calendar(feed, span):
    """The same as a calendar."""

    def at(name, moment):
        return f"{name};TZID={span[0]}:{moment:%Y%m%dT%H%M%S}"

    first, every = feed["first"], timedelta(days=feed["every"])
    rule = f"RRULE:FREQ=DAILY;INTERVAL={feed['every']};COUNT={feed['count']}"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:random", "BEGIN:VEVENT", "UID:a", f"SUMMARY:{feed['person']}"]
    lines += [at("DTSTART", first), at("DTEND", first + feed["lasts"]), rule]
    lines += [at("EXDATE", first + turn * every) for turn in sorted(feed["skipped"])] + ["END:VEVENT"]
    if feed["moved"] < feed["count"] and feed["moved"] not in feed["skipped"]:
        was = first + feed["moved"] * every
        lines += ["BEGIN:VEVENT", "UID:a", "SUMMARY:On call: linus", at("RECURRENCE-ID", was)]
        lines += [at("DTSTART", was + 90 * MINUTE), at("DTEND", was + 290 * MINUTE), "END:VEVENT"]
    return WrittenCalendar("\r\n".join([*lines, "END:VCALENDAR", ""]), ZoneInfo(span[0]), {one: one for one in PEOPLE})


def changed(people, minute, edits):
    """Who is on call in the minute instead of `people` by what was changed by hand."""
    for begins, ends, parts in edits["temporaries"]:
        if begins <= minute < ends:
            people = list(dict.fromkeys(person for person, begin, end in parts if begin <= minute < end))
    for one, other, begins, ends in edits["swaps"]:
        if begins <= minute < ends:
            people = [{one: other, other: one}.get(person, person) for person in people]
    for effect, person, gone, begins, ends in edits["overrides"]:
        if begins <= minute < ends:
            match effect:
                case "everybody":
                    people = [person]
                case "one" if gone in people:
                    people = list(dict.fromkeys(person if one == gone else one for one in people))
                case "add":
                    people = list(dict.fromkeys([*people, person]))
                case "remove":
                    people = [one for one in people if one != gone]
    return people


def walk(layers, edits, span):
    """Who is on call in each minute, found by walking through all of them."""
    _, meant = clock(span)
    changes = [handoffs(layer, span) for layer in layers]
    opened = [open_minutes(layer, span) if layer["windows"] else None for layer in layers]
    fed = [events(layer["feed"], span) if layer["feed"] else None for layer in layers]
    over = events(edits["feed"], span) if edits["feed"] else []
    turns, timeline = [None] * len(layers), []
    for minute in range((DAYS + 2) * 1440):
        held = {}
        for number, layer in enumerate(layers):
            if minute == meant[layer["anchor"]]:
                turns[number] = 0
            elif minute in changes[number]:
                turns[number] += 1
            begins, ends = layer["force"]
            if not begins <= minute < ends or (opened[number] is not None and minute not in opened[number]):
                continue
            if fed[number] is not None:
                people = [person for person, begin, end in fed[number] if begin <= minute < end]
            elif turns[number] is None or not layer["members"]:
                continue
            else:
                people = [layer["members"][turns[number] % len(layer["members"])]]
            if people and people != [None]:
                held.setdefault(layer["precedence"], []).extend(people)
        people = changed(list(dict.fromkeys(held[max(held)])) if held else [], minute, edits)
        timeline.append(sorted({person for person, begin, end in over if begin <= minute < end} or people))
    return timeline


def define(layers, edits, span):
    start, _ = clock(span)

    def at(minute):
        return start + minute * MINUTE

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
                starts_at=at(layer["force"][0]),
                ends_at=at(layer["force"][1]),
                calendar=calendar(layer["feed"], span) if layer["feed"] else None,
            )
            for number, layer in enumerate(layers)
        ),
        overrides=tuple(
            OverrideDefinition(
                None if effect == "remove" else who, at(begins), at(ends), effect,
                gone if effect in ("one", "remove") else None,
            )
            for effect, who, gone, begins, ends in edits["overrides"]
        ),
        swaps=tuple(SwapDefinition(one, other, at(begins), at(ends)) for one, other, begins, ends in edits["swaps"]),
        temporaries=tuple(
            TemporaryDefinition(
                "for a while", at(begins), at(ends), tuple(Stretch(at(b), at(e), (who,)) for who, b, e in parts)
            )
            for begins, ends, parts in edits["temporaries"]
        ),
        calendar=calendar(edits["feed"], span) if edits["feed"] else None,
    )  # fmt: skip


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
def feeds(draw, span):
    """Every day or every few, for some hours, some left out and one put off and given to linus; or none at all."""
    if draw(st.integers(0, 3)):
        return None
    day = datetime.combine(span[1] + timedelta(days=draw(st.integers(1, 14))), datetime.min.time())
    return {
        "person": draw(st.sampled_from(PEOPLE)),
        "first": day + draw(times) * MINUTE,
        "lasts": draw(st.sampled_from([60, 90, 480, 1440, 3000])) * MINUTE,
        "every": draw(st.integers(1, 3)),
        "count": draw(st.integers(1, 30)),
        "skipped": draw(st.sets(st.integers(0, 29), max_size=3)),
        "moved": draw(st.integers(0, 29)),
    }


@st.composite
def by_hand(draw, span):
    """What people change: each list in the order in which it was made."""
    who, effects = st.sampled_from(PEOPLE), st.sampled_from(["everybody", "one", "one", "add", "remove"])
    two = st.permutations(PEOPLE).map(lambda order: order[:2])
    shifts = st.lists(st.tuples(who, minutes, minutes), max_size=4)
    overrides = draw(st.lists(st.tuples(effects, two, minutes, minutes), max_size=4))
    swaps = draw(st.lists(st.tuples(two, minutes, minutes), max_size=2))
    return {
        "overrides": [(effect, *pair, begins, ends) for effect, pair, begins, ends in overrides],
        "swaps": [(*pair, begins, ends) for pair, begins, ends in swaps],
        "temporaries": draw(st.lists(st.tuples(minutes, minutes, shifts), max_size=1)),
        "feed": draw(feeds(span)),
    }


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
                "feed": draw(feeds(span)),
                "force": draw(st.sampled_from([(0, 10**5), (0, 10**5), (2000, 50_000), (30_000, 40_000)])),
            }
        )
    return layers, draw(by_hand(span)), span


@settings(
    max_examples=15,  # a second of walking each; every run draws others
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
    changes = [later.start for sooner, later in pairwise(shifts) if set(sooner.people) != set(later.people)]
    assert changes == [start + minute * MINUTE for minute in walked]
    edges = [minute for change in walked for minute in (change - 1, change)]
    for minute in [*moments, *edges[:80]]:
        at = start + minute * MINUTE
        assert sorted(on_call_at(definition, at)) == timeline[minute], at
        assert sorted(on_call_at(definition, at + MINUTE - timedelta(microseconds=1))) == timeline[minute], at
    for minute in moments[:5]:
        later = [m for m in range(minute, end) if timeline[m] != timeline[minute]]
        change = next_change(definition, start + minute * MINUTE)
        if later:
            assert change == start + later[0] * MINUTE
        else:
            assert change is None or change >= start + end * MINUTE
