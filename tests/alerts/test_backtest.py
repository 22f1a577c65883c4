"""A changed condition over what was read: which alerts and pages would go, which would come, and nothing is changed."""

import json
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command

from alerts import backtest, backtest_verdict, samples
from alerts.conditions import RuleSpec
from alerts.models import AlertRule, Sample
from incidents import lifecycle
from sources.probes.base import ProbeError, Reading
from tests.factories import (
    NINE,
    AlertRuleFactory,
    IncidentFactory,
    ParameterFactory,
    RuleChangeFactory,
    SampleFactory,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.django_db


def run(value, minute: float, times: int = 1, **labels):
    read = [Reading({"value": value}, labels)] if not isinstance(value, ProbeError) else value
    begin = NINE + minute * MINUTE
    return samples.Run(begin, begin + (times - 1) * MINUTE, times, read, "inactive")


def spans(done):
    return [(e.began - NINE, e.ended - NINE if e.ended else None) for e in done.episodes]


def played(runs, **condition):
    return backtest.replay(RuleSpec.parse({"every": MINUTE, **condition}), runs, params={"LIMIT": 5})


def test_alerts_begin_and_end_where_the_condition_says():
    runs = [run(0, 0, 10), run(6, 10, 5), run(0, 15, 10), run(9, 25)]
    assert spans(played(runs, when="value > 5")) == [(10 * MINUTE, 15 * MINUTE), (25 * MINUTE, None)]
    assert spans(played(runs, when="value >= 6", **{"for": "3m"})) == [(13 * MINUTE, 15 * MINUTE)]
    assert spans(played(runs, when="value > params.LIMIT", times=5)) == [(14 * MINUTE, 15 * MINUTE)]
    assert spans(played(runs, when="value > 5", resolve_after="4m")) == [
        (10 * MINUTE, 19 * MINUTE),
        (25 * MINUTE, None),
    ]


def test_a_long_run_gives_what_each_of_its_checks_would():
    """What is skipped because nothing can change in it changes nothing."""
    runs = [run(0, 0, 600), run(7, 600, 600), run(0, 1200, 600)]
    each = [run(one.read[0].value, (at - NINE) / MINUTE) for one in runs for at in one.instants()]
    for condition in ({"for": "20m"}, {"times": 30}, {"resolve_after": "2h"}, {"keep_firing_for": "700m"}, {}):
        assert spans(played(runs, when="value > 5", **condition)) == spans(played(each, when="value > 5", **condition))


def test_a_source_that_fails_neither_begins_nor_ends_an_alert():
    away = ProbeError("It is away.", reason="timeout")
    done = played([run(6, 0), run(away, 1, 5), run(6, 6), run(0, 7)], when="value > 5")
    assert spans(done) == [(0 * MINUTE, 7 * MINUTE)]
    assert (done.checks, done.failed) == (8, 5)


def test_each_key_has_alerts_of_its_own():
    runs = [run(6, 0, tenant="north"), run(6, 1, tenant="south"), run(0, 2, tenant="south")]
    done = played(runs, when="value > 5", group_by=["tenant"])
    assert [(e.labels["tenant"], e.began - NINE) for e in done.episodes] == [("north", 0 * MINUTE), ("south", MINUTE)]


def test_a_rise_of_level_is_one_alert():
    levels = [{"level": "P1", "when": "value > 8"}, {"level": "P2", "when": "value > 5"}]
    done = played([run(6, 0), run(9, 1), run(6, 2), run(0, 3)], levels=levels)
    assert [(e.level, e.ended - e.began) for e in done.episodes] == [("P1", 3 * MINUTE)]


@pytest.fixture
def rule():
    return AlertRuleFactory(
        key="queue", severity__policy__key="mail", severity__key="P1", condition={"when": "value >= 10"}
    )


def peak(rule, ago, *values):
    """The queue had these lengths, a minute each, `ago` before NINE; then it was calm again."""
    at = NINE - ago
    for place, value in enumerate([*values, 0]):
        data = samples.dump([Reading({"value": value})])
        SampleFactory(rule=rule, at=at + place * MINUTE, data=data)


def incident_of(rule, ago, **fields):
    at = NINE - ago
    ended = {"status": "resolved", "resolved_at": at + 10 * MINUTE} | fields
    return IncidentFactory(
        policy=rule.policy, severity=rule.severity, scope=rule.scope, key=rule.key, detected_at=at, **ended
    )


@pytest.fixture
def month(rule):
    """Three short peaks nobody cared for, and a long one that somebody took."""
    for days in (5, 10, 15):
        peak(rule, days * DAY, 11)
        incident_of(rule, days * DAY)
    peak(rule, 20 * DAY, 30, 31, 32)
    return incident_of(rule, 20 * DAY, acknowledged_at=NINE - 20 * DAY + MINUTE)


def verdict(rule, changes, **options):
    asked = backtest.compare(rule, changes, since=NINE - 30 * DAY, until=NINE, **options)
    return backtest_verdict.of(asked)


def test_fewer_pages_none_of_them_acted_on(rule, month):
    found = verdict(rule, {"when": "value >= 12"})
    assert found.sentence == "3 fewer pages in 30 days, none of them acted on."
    assert (found.alerts, found.pages, found.gained) == ((4, 1), (4, 1), [])
    assert all(one.incident and not one.acted for one in found.lost)


def test_a_page_somebody_acted_on_is_said(rule, month):
    found = verdict(rule, {"when": "value >= 50"})
    assert found.sentence == "4 fewer pages in 30 days; of those that would go, 1 was acted on."
    assert [one.incident.pk for one in found.lost if one.acted] == [month.pk]


def test_a_false_positive_was_not_acted_on_and_a_note_is_acting(rule, ada):
    peak(rule, 5 * DAY, 11)
    wrong = incident_of(rule, 5 * DAY, status="false_positive", acknowledged_at=NINE - 5 * DAY)
    peak(rule, 6 * DAY, 11)
    noted = incident_of(rule, 6 * DAY)
    lifecycle.note(noted, "I looked at it.", by=ada, at=NINE - 6 * DAY)
    found = verdict(rule, {"for": "5m"})
    assert {one.incident.pk: one.acted for one in found.lost} == {wrong.pk: False, noted.pk: True}


def test_more_pages_and_as_many(rule, month):
    assert verdict(rule, {"when": "value >= 1"}).sentence == "Nothing would change in 30 days: 4 pages."
    peak(rule, 3 * DAY, 9)
    found = verdict(rule, {"when": "value >= 9"})
    assert found.sentence == "1 more page in 30 days."
    assert [one.episode.value for one in found.gained] == [9]
    same = verdict(rule, {"when": "value == 9 || value > 11 || value < 0"})
    assert same.pages == (4, 2)


def test_alerts_that_follow_closely_are_one_page(rule):
    rule.policy.resolve_after = 5 * MINUTE
    rule.policy.save()
    peak(rule, DAY, 11, 0, 0, 11)
    found = verdict(rule, {"when": "value >= 50"})
    assert (found.alerts, found.pages) == ((2, 0), (1, 0))


def test_a_level_that_pages_nobody_makes_no_pages(rule, month):
    rule.severity.page = False
    rule.severity.save()
    found = verdict(AlertRule.objects.get(), {"when": "value >= 50"})
    assert (found.alerts, found.pages) == ((4, 0), (0, 0))


def test_a_parameter_can_be_tried(rule, month):
    ParameterFactory(policy=rule.policy, key="LONG", default="10")
    rule.condition = {"when": "value >= params.LONG"}
    found = verdict(rule, {}, params={"LONG": "12"})
    assert found.pages == (4, 1)
    with pytest.raises(backtest.BadProposal, match="LONG: 'many' is no int"):
        verdict(rule, {}, params={"LONG": "many"})


def test_other_rules_are_as_they_stood_then(rule):
    other = AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="other")
    RuleChangeFactory(rule=other, at=NINE - 6 * DAY)
    RuleChangeFactory(rule=other, at=NINE - 4 * DAY, before="firing", after="inactive")
    for days in (7, 5, 3):
        peak(rule, days * DAY, 11)
    found = verdict(rule, {"when": "value >= 10 && rules.other.firing"})
    assert [(NINE - one.episode.began).days for one in found.lost] == [7, 3]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"when": "value >"}, "ends too early"),
        ({"for": "soon"}, "'soon' is not a length of time"),
        ({"severity": "P0"}, "severity: this cannot be tried. Allowed: when, for"),
        ({"P9.when": "value > 1"}, "there is no such level"),
    ],
)
def test_what_cannot_be_judged_is_said(rule, changes, words):
    with pytest.raises(backtest.BadProposal, match=words):
        verdict(rule, changes)


def test_a_name_that_was_mistyped_is_no_improvement(rule, month):
    with pytest.raises(backtest.BadProposal, match="valeu: no check of that time read this; there are value"):
        verdict(rule, {"when": "valeu >= 10"})
    assert verdict(rule, {"when": "value >= 10 && now.getHours() >= 0"}).alerts == (4, 4)


def test_a_level_is_changed_by_its_name(rule):
    rule.condition = {"levels": [{"level": "P1", "when": "value > 50"}, {"level": "P2", "when": "value > 5"}]}
    assert backtest.proposed(rule, {"P2.when": "value > 6", "resolve_after": "1m"}) == {
        "levels": [{"level": "P1", "when": "value > 50"}, {"level": "P2", "when": "value > 6"}],
        "resolve_after": "1m",
    }
    assert rule.condition["levels"][1]["when"] == "value > 5"


def test_what_is_missing_is_noted(rule):
    assert verdict(rule, {"when": "value > 1"}).notes == ["No check of that time is stored, so nothing can be said."]
    peak(rule, 2 * DAY, 11)
    assert "stored since 21 Nov 2026" in verdict(rule, {"when": "value > 1"}).notes[0]


def told(*args, **options):
    lines: list[str] = []

    class Out:
        def write(self, text):
            lines.append(text)

    with time_machine.travel(NINE, tick=False):
        call_command("backtest", *args, stdout=Out(), **options)
    return "".join(lines)


def test_the_command_tells_in_words_and_in_json(rule, month):
    before = list(AlertRule.objects.values()), list(Sample.objects.values())
    words = told("queue", "--when", "value >= 12")
    assert "3 fewer pages in 30 days, none of them acted on." in words
    assert words.count("gone: ") == 3
    said = json.loads(told("mail/queue", "--when", "value >= 12", "--days", "7", "--json"))
    assert said["sentence"] == "1 fewer page in 7 days, none of them acted on."
    assert (said["now"], said["proposed"]) == ({"alerts": 1, "pages": 1}, {"alerts": 0, "pages": 0})
    assert said["gone"][0]["acted_on"] is False
    assert (list(AlertRule.objects.values()), list(Sample.objects.values())) == before


def test_the_command_names_what_it_cannot_do(rule):
    AlertRuleFactory(key="queue", severity__policy__key="chat")
    for args, words in [
        (("queues",), "There is no rule queues. There are: queue"),
        (("queue",), "say which: chat/queue, mail/queue"),
        (("mail/queue", "--when", "value >"), "ends too early"),
        (("mail/queue", "--times", "often"), "--times often: this should be a whole number"),
        (("mail/queue", "--set", "LIMIT"), "write NAME=VALUE"),
        (("mail/queue", "--days", "0"), "above 0"),
    ]:
        with pytest.raises(CommandError, match=words):
            told(*args)


def test_a_month_of_checks_each_minute_is_judged_in_seconds(rule):
    """A noisy source reads anew each time; CPU time, as two cores are shared."""
    begin = NINE - 30 * DAY
    Sample.objects.bulk_create(
        Sample(rule=rule, at=begin + n * MINUTE, until=begin + n * MINUTE, state="inactive",
               data=samples.dump([Reading({"value": n % 13})]))
        for n in range(10_000)
    )  # fmt: skip
    start = time.process_time()
    found = verdict(rule, {"when": "value > 11", "for": "2m"})
    assert found.alerts == (769, 0)
    assert time.process_time() - start < 8
