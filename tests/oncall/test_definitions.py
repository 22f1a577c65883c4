from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from oncall.definitions import DefinitionError, parse_restrictions
from oncall.layers import Window
from oncall.shifts import OverrideDefinition, on_call_at
from oncall.turns import handoff_at
from oncall.written import parse_schedule

pytestmark = pytest.mark.once

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WHOLE = {
    "key": "primary",
    "name": "Primary",
    "timezone": "Europe/Amsterdam",
    "layers": [
        {
            "name": "nights",
            "precedence": 1,
            "rotation": "weekly",
            "start": "2026-01-05",
            "handoff": "09:00",
            "members": ["ada", "grace"],
            "restrictions": [{"days": ["fri", "sat"], "from": "22:00", "to": "06:00"}],
            "from": "2026-02-01T09:00",
            "until": "2026-12-24T17:00",
        },
        {"rotation": {"every": 2, "unit": "weeks"}, "start": "2026-01-05T09:00+01:00", "members": ["linus"]},
    ],
    "overrides": [{"person": "margaret", "start": "2026-03-29T02:30", "end": "2026-03-29T20:00Z", "reason": "a swap"}],
    "swaps": [],
}


def one_layer(**facts):
    return {"key": "primary", "timezone": "Europe/Amsterdam", "layers": [{"start": "2026-01-05T09:00"} | facts]}


def faults(data) -> str:
    with pytest.raises(DefinitionError) as caught:
        parse_schedule(data)
    return str(caught.value)


def test_every_key_is_read():
    schedule = parse_schedule(WHOLE)
    nights, always = schedule.layers
    assert (schedule.key, schedule.zone) == ("primary", AMSTERDAM)
    assert (nights.name, nights.precedence, nights.members) == ("nights", 1, ("ada", "grace"))
    assert (nights.rotation, nights.length) == ("weeks", 1)
    assert nights.first_handoff == datetime(2026, 1, 5, 9)
    assert nights.windows == (Window(frozenset({4, 5}), timedelta(hours=22), timedelta(hours=30)),)
    assert nights.starts_at == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert nights.ends_at == datetime(2026, 12, 24, 16, tzinfo=UTC)
    assert (always.name, always.precedence, always.rotation, always.length) == ("2", 0, "weeks", 2)
    assert always.first_handoff == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert schedule.overrides == (
        OverrideDefinition(
            "margaret",
            datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
            datetime(2026, 3, 29, 20, tzinfo=UTC),
            reason="a swap",
        ),
    )


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        ("hourly", ("hours", 1)),
        ("daily", ("days", 1)),
        ("weekly", ("weeks", 1)),
        ("monthly", ("months", 1)),
        ("weeks", ("weeks", 1)),
        ({"every": 12, "unit": "hours"}, ("hours", 12)),
        ({"unit": "days"}, ("days", 1)),
    ],
)
def test_rotations(rotation, expected):
    layer = parse_schedule(one_layer(rotation=rotation)).layers[0]
    assert (layer.rotation, layer.length) == expected


def test_the_words_of_packs_are_read_too():
    pack = {"rotation": "days", "length": 3, "start": None, "first_handoff": "2026-01-05T08:00:00Z"}
    layer = parse_schedule(one_layer(**pack)).layers[0]
    assert (layer.rotation, layer.length) == ("days", 3)
    assert layer.first_handoff == datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"start": "2026-01-05"}, datetime(2026, 1, 5)),
        ({"start": date(2026, 1, 5)}, datetime(2026, 1, 5)),
        ({"start": datetime(2026, 1, 5, 9)}, datetime(2026, 1, 5, 9)),
        ({"start": "2026-01-05 09:30"}, datetime(2026, 1, 5, 9, 30)),
        ({"start": "2026-01-05", "handoff": "17:30"}, datetime(2026, 1, 5, 17, 30)),
        ({"start": "2026-01-05T00:00", "handoff": "17:30"}, datetime(2026, 1, 5, 17, 30)),
        ({"start": "2026-01-05T17:30", "handoff": "17:30"}, datetime(2026, 1, 5, 17, 30)),
        ({"start": "2026-01-05T16:30Z", "handoff": "17:30"}, datetime(2026, 1, 5, 17, 30)),
    ],
)
def test_the_first_handoff(said, expected):
    assert parse_schedule(one_layer(**said)).layers[0].first_handoff == expected


def test_a_handoff_in_the_gap_is_at_its_own_time_the_day_after():
    layer = parse_schedule(one_layer(start="2026-03-29T02:30", rotation="daily")).layers[0]
    assert [handoff_at(turn, **layer.turns) for turn in (0, 1)] == [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]


def test_nobody_is_on_call_where_nobody_is_named():
    at = datetime(2026, 6, 1, tzinfo=UTC)
    assert on_call_at(parse_schedule({"key": "primary"}), at) == []
    assert on_call_at(parse_schedule(one_layer()), at) == []
    assert on_call_at(parse_schedule(one_layer(members=[])), at) == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ([], "This should be an entry with keys, and it is a list"),
        ({"timezone": "UTC"}, "The key 'key' is needed"),
        ({"key": "a b"}, "key: 'a b' is no name"),
        ({"key": "primary", "timezone": "Europe/Atlantis"}, "timezone: There is no time zone 'Europe/Atlantis'"),
        ({"key": "primary", "layer": []}, "layer: There is no key 'layer' here; did you mean layers?"),
        (one_layer(start=None), "layers[0]: The key 'start' is needed"),
        (one_layer(start="soon"), "layers[0].start: 'soon' is no moment"),
        (one_layer(start="1969-12-31"), "layers[0].start: '1969-12-31' is out of range; allowed: years 1970 to 2199."),
        (one_layer(first_handoff="2026-01-05T09:00"), "layers[0].first_handoff: This says what `start` says"),
        (one_layer(handoff="25:00"), "layers[0].handoff: '25:00' is no time of day"),
        (one_layer(handoff="17:00"), "layers[0].handoff: The start is at 09:00; give its date alone"),
        (one_layer(handoff=1020), 'layers[0].handoff: 1020 is no time of day; allowed: "00:00" to "24:00", in quotes'),
        (one_layer(rotation="weekyl"), "layers[0].rotation: There is no 'weekyl' here"),
        (one_layer(rotation={"every": 0, "unit": "days"}), "layers[0].rotation.every: 0 is out of range"),
        (one_layer(rotation={"every": 2}), "layers[0].rotation: The key 'unit' is needed"),
        (one_layer(rotation={"every": 2, "unit": "days"}, length=2), "layers[0].length: The rotation says how many"),
        (one_layer(precedence="high"), "layers[0].precedence: This should be a whole number"),
        (one_layer(members=["ada", None]), "layers[0].members[1]: This should be a name, and it is empty."),
        (
            one_layer(restrictions=[{"days": ["monday"]}]),
            "layers[0].restrictions[0].days[0]: There is no 'monday' here",
        ),
        (one_layer(restrictions=[{"days": []}]), "layers[0].restrictions[0].days: This list needs 1 or more"),
        (one_layer(restrictions=[{"to": "17"}]), "layers[0].restrictions[0].to: '17' is no time of day"),
        (one_layer(**{"from": "2026-01-05", "until": "2026-01-05"}), "layers[0].until: This end, 2026-01-04 23:00 UTC"),
        (WHOLE | {"overrides": [{"person": "ada", "start": "2026-01-05"}]}, "overrides[0]: The key 'end' is needed"),
        (
            WHOLE | {"overrides": [{"person": "ada", "start": "2026-10-25T02:59", "end": "2026-10-25T02:30"}]},
            "overrides[0].end: This end, 2026-10-25 00:30 UTC, is not after the start, 2026-10-25 00:59 UTC.",
        ),
        (WHOLE | {"swaps": [{"person": "ada"}]}, "swaps[0]: The key 'with' is needed"),
    ],
)
def test_a_fault_is_told_with_its_path(data, fault):
    assert faults(data).startswith(fault)


def test_all_faults_are_told_at_once():
    found = faults({"key": "", "timezone": "Mars", "layers": [{"start": "2026-01-05", "mambers": ["ada"]}]})
    assert [line.split(":")[0] for line in found.splitlines()] == ["key", "timezone", "layers[0].mambers"]


@pytest.mark.parametrize(
    ("said", "days", "opens", "closes"),
    [
        ({}, 7, 0, 24),
        ({"days": ["mon"]}, 1, 0, 24),
        ({"from": "09:00", "to": "17:30"}, 7, 9, 17.5),
        ({"from": "09:00"}, 7, 9, 24),
        ({"to": "24:00"}, 7, 0, 24),
        ({"from": "22:00", "to": "06:00"}, 7, 22, 30),
        ({"from": "22:00", "to": "00:00"}, 7, 22, 24),
        ({"from": "09:00", "to": "09:00"}, 7, 9, 33),
    ],
)
def test_restrictions(said, days, opens, closes):
    (window,) = parse_restrictions([said])
    assert (len(window.days), window.opens, window.closes) == (days, timedelta(hours=opens), timedelta(hours=closes))


def test_no_restrictions_are_no_windows():
    assert parse_restrictions([]) == ()
