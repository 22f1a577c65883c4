import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from tests.factories import HOUR, NINE, LayerFactory, OverrideFactory, ScheduleFactory

WRITTEN = """
key: nights
timezone: Europe/Amsterdam
layers:
  - name: weekly
    rotation: weekly
    start: 2026-01-05
    handoff: 09:00
    members: [ada, grace]
    restrictions:
      - {days: [mon, tue, wed, thu, fri, sat, sun], from: 17:00, to: 09:00}
overrides:
  - {person: linus, start: 2026-03-29T02:30, end: 2026-03-29T05:00}
"""


def ask(*arguments: str) -> str:
    out = StringIO()
    call_command("on_call", *arguments, stdout=out)
    return out.getvalue().strip()


def answer(*arguments: str) -> dict:
    return json.loads(ask(*arguments, "--json"))


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        ask(*arguments)
    assert caught.value.returncode == 2
    return str(caught.value)


@pytest.fixture
def primary(ada, grace):
    schedule = ScheduleFactory(key="primary", timezone="Europe/Amsterdam")
    LayerFactory(schedule=schedule, name="weekly", members=[ada, grace])
    return schedule


@pytest.fixture
def nights(tmp_path):
    file = tmp_path / "nights.yaml"
    file.write_text(WRITTEN)
    return str(file)


def test_the_answer_as_json(primary):
    assert answer("primary", "--at", "2026-11-23T09:00:00Z") == {
        "schedule": "primary",
        "at": "2026-11-23T10:00:00+01:00",
        "on_call": ["ada"],
        "until": "2026-11-30T10:00:00+01:00",
        "source": "layer",
        "layers": ["weekly"],
        "reason": "layer weekly",
        "shadows": [],
        "next": {"on_call": ["grace"], "source": "layer", "reason": "layer weekly"},
    }


def test_an_override_is_named_as_the_source(primary, linus):
    OverrideFactory(schedule=primary, contact=linus, starts_at=NINE, ends_at=NINE + HOUR)
    found = answer("primary", "--at", "2026-11-23T09:59:59+00:00")
    assert (found["on_call"], found["source"], found["layers"]) == (["linus"], "override", [])
    assert found["until"] == "2026-11-23T11:00:00+01:00"


def test_nobody_is_an_answer_too(primary):
    found = answer("primary", "--at", "2026-11-23T08:00Z")
    assert (found["on_call"], found["source"], found["until"]) == ([], None, "2026-11-23T10:00:00+01:00")


def test_the_answer_as_a_sentence(primary, grace, linus):
    asked = ("primary", "--at", "2026-11-23T10:00")
    assert ask(*asked) == (
        "primary at 2026-11-23T10:00:00+01:00: ada (layer weekly), until 2026-11-30T10:00:00+01:00, then grace"
    )
    grace.delete()
    assert ask(*asked).endswith("ada (layer weekly), and nothing changes for 400 days")
    primary.layers.all().delete()
    assert ask(*asked) == "primary at 2026-11-23T10:00:00+01:00: nobody, and nothing changes for 400 days"
    OverrideFactory(schedule=primary, contact=linus)
    assert "linus (override: linus for everybody), until 2026-11-23T11:00:00+01:00, then nobody" in ask(*asked)


def test_without_an_instant_it_is_now(primary):
    with time_machine.travel(NINE + timedelta(weeks=1), tick=False):
        assert answer("primary")["on_call"] == ["grace"]


@pytest.mark.parametrize(
    ("at", "people", "source"),
    [
        ("2026-03-28T16:59:59", [], None),
        ("2026-03-28T17:00", ["grace"], "layer"),
        ("2026-03-29T02:29", ["grace"], "layer"),  # not on any clock that night: read as 03:29
        ("2026-03-29T02:30", ["linus"], "override"),
        ("2026-03-29T04:59:59+02:00", ["linus"], "override"),
        ("2026-03-29T05:00", ["grace"], "layer"),
        ("2026-03-30T08:59", ["grace"], "layer"),
        ("2026-03-30T09:00", [], None),
        ("2026-03-30T17:00", ["ada"], "layer"),
    ],
)
def test_a_schedule_that_is_only_written_down(nights, at, people, source):
    found = answer("nights", "--at", at, "--definition", nights)
    assert (found["on_call"], found["source"]) == (people, source)


def test_a_written_schedule_may_be_json_or_stand_in_a_pack(tmp_path):
    layer = {"start": "2026-01-05T09:00", "members": ["ada"]}
    alone, pack = tmp_path / "one.json", tmp_path / "pack.yaml"
    alone.write_text(json.dumps({"key": "one", "layers": [layer]}))
    pack.write_text(json.dumps({"schedules": [{"key": "one", "layers": [layer]}, {"key": "two"}]}))
    at = ("--at", "2026-06-01T00:00Z", "--definition")
    assert answer(*at, str(alone))["on_call"] == ["ada"]
    assert answer("one", *at, str(pack))["on_call"] == ["ada"]
    assert answer("two", *at, str(pack))["on_call"] == []
    assert refusal(*at, str(pack)) == f"Name a schedule; these are in {pack}: one, two."


@pytest.mark.django_db
def test_an_unknown_schedule_is_refused_with_the_known_ones(nights):
    assert refusal("primary") == "There is no schedule 'primary'; these are stored: none."
    ScheduleFactory(key="second")
    ScheduleFactory(key="first")
    assert refusal("primary") == "There is no schedule 'primary'; these are stored: first, second."
    assert refusal() == "Name a schedule; these are stored: first, second."
    assert refusal("first", "--definition", nights).startswith("There is no schedule 'first'; these are in ")


@pytest.mark.parametrize("at", ["soon", "2026-13-01", "0001-01-01T00:00", "9999-12-31T23:59Z", ""])
def test_an_instant_that_is_none_is_refused(nights, at):
    assert refusal("nights", "--at", at, "--definition", nights).startswith("--at: ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("key: [", "cannot be read: while parsing"),
        ("just words", "cannot be read.\nThis should be an entry with keys"),
        ("schedules: []", "Name a schedule; these are in"),
        ("schedules: [1]", "cannot be read.\nThis should be an entry with keys"),
        (
            WRITTEN.replace("weekly\n    start", "fortnightly\n    start"),
            "\nlayers[0].rotation: There is no 'fortnightly' here",
        ),
        (WRITTEN.replace("start: 2026-01-05", "start: 2026-01-05\n    start: 2026-02-05"), "'start' stands twice"),
        ("[" * 1100, "cannot be read: it is nested too deeply."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, text, fault):
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    assert fault in refusal("--definition", str(file))


def test_a_missing_file_is_refused(tmp_path):
    assert "cannot be read" in refusal("--definition", str(tmp_path / "none.yaml"))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xff")
    assert "cannot be read" in refusal("--definition", str(tmp_path / "bytes.yaml"))


@pytest.mark.parametrize(
    ("said", "people"),
    [
        ("SUMMARY:On call: ada", ["ada"]),
        ("SUMMARY:shift\nATTENDEE:mailto:ADA@example.org", ["ada"]),
        ("SUMMARY:Primary - zoë and ada", ["zoë", "ada"]),  # who is not known is called what the event says
        ("SUMMARY:shift\nATTENDEE:mailto:zed@example.org", ["zed@example.org"]),
        ("STATUS:CANCELLED\nSUMMARY:ada", ["grace"]),  # the next lower precedence
    ],
)
def test_a_calendar_beside_the_file_says_who(tmp_path, said, people):
    event = f"BEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20261025\nRRULE:FREQ=WEEKLY\n{said}\nEND:VEVENT"
    calendar = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{event}\nEND:VCALENDAR\n"
    (tmp_path / "rota.ics").write_text(calendar, encoding="utf-8")
    layers = [{"feed": "rota.ics"}, {"members": ["grace"], "start": "2026-01-05", "precedence": -1}]
    written = {"key": "fed", "timezone": "Europe/Amsterdam", "layers": layers, "people": {"ada": ["ada@example.org"]}}
    file = tmp_path / "fed.json"
    file.write_text(json.dumps(written))
    asked = {at: answer("--definition", str(file), "--at", at) for at in ("2026-11-01T00:00", "2026-10-25T23:59")}
    assert {at: found["on_call"] for at, found in asked.items()} == dict.fromkeys(asked, people)
    if people != ["grace"]:  # a day of 25 hours
        assert asked["2026-10-25T23:59"]["until"] == "2026-10-26T00:00:00+01:00"
    assert "layers[0].feed: The calendar none.ics cannot be read" in refusal(
        "--definition", str(written_to(tmp_path, {**written, "layers": [{"feed": "none.ics"}]}))
    )


def written_to(folder, data):
    file = folder / "other.json"
    file.write_text(json.dumps(data))
    return file
