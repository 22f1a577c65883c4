"""Schedules in a pack: what is stored answers as the same words do unstored, and faults name their place."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from oncall import roster
from oncall.models import Schedule
from oncall.shifts import on_call_at
from oncall.written import parse_schedule
from packs import document
from packs.loader import PackRefused

PACK = """\
pack: {key: lamps, version: 1}
severities: [{key: dark, page: true}]
destinations: [{key: chat, kind: slack, address: "https://hooks.example.org/x"}]
routes: [{default: true, to: chat}]
contacts: [{name: ada}, {name: grace}, {name: linus}, {name: margaret}]
schedules:
  - key: light
    timezone: Europe/Amsterdam
    layers:
      - {name: base, rotation: weekly, start: 2026-01-05, handoff: "09:00", members: [ada, grace]}
      - name: nights
        precedence: 1
        rotation: {every: 2, unit: days}
        first_handoff: 2026-01-31T22:00
        members: [margaret, [linus, ada]]
        restrictions: [{days: [fri, sat], from: "22:00", to: "06:00"}, {days: [wed], to: "12:00"}]
        from: 2026-02-10
        until: "2026-04-20T12:00:00+02:00"
      - {name: months, rotation: months, length: 1, start: 2026-01-31T09:00, members: [linus, grace], precedence: -1}
      - {name: trainees, shadow: true, start: 2026-01-05, members: [margaret]}
"""


@pytest.mark.django_db
def test_a_stored_schedule_answers_as_the_same_words_unstored(load, capsys):
    load(PACK)
    call_command("dump_pack", "lamps")
    dumped = capsys.readouterr().out
    assert load(dumped).changes == [] and load(PACK).changes == []
    written = parse_schedule(document.read(PACK).data["schedules"][0])
    start = datetime(2026, 1, 30, tzinfo=UTC)
    stored = roster.define(Schedule.objects.get(key="light"), since=start)
    for quarter in range(0, 110 * 96, 37):
        at = start + quarter * timedelta(minutes=15)
        assert [str(one) for one in on_call_at(stored, at)] == on_call_at(written, at), at


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "instead", "fault"),
    [
        ("[fri, sat]", "[friday]", "schedules.light.layers.nights.restrictions[0].days[0]: There is no 'friday' here"),
        ('"06:00"', '"26:00"', "schedules.light.layers.nights.restrictions[0].to: '26:00' is no time of day"),
        ("rotation: weekly", "rotation: yearly", "schedules.light.layers.base.rotation: There is no 'yearly' here"),
        (
            "start: 2026-01-05, handoff",
            "start: 2026-01-05T08:00, handoff",
            "schedules.light.layers.base.handoff: The start",
        ),
        ("start: 2026-01-31T09:00, ", "", "schedules.light.layers.months: The key 'start' is needed"),
        ("    timezone: Europe/Amsterdam\n", "", "schedules.light.layers.base.start: This is local time"),
        ("from: 2026-02-10", "from: 2026-05-10", "schedules.light.layers.nights.until: This end is not after"),
        (
            "[linus, ada]",
            "[linus, charles]",
            "schedules.light.layers.nights.members[1][1]: There is no contact 'charles'",
        ),
        ("unit: days}", "unit: days}\n        length: 2", "schedules.light.layers.nights.length: The rotation says"),
    ],
)
def test_a_fault_of_a_schedule_names_its_place(load, said, instead, fault):
    assert said in PACK
    with pytest.raises(PackRefused) as refused:
        load(PACK.replace(said, instead))
    assert any(fault in problem for problem in refused.value.problems), refused.value.problems
    assert not Schedule.objects.exists()
