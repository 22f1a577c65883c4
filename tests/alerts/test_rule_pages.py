"""The pages of rules: what is asked, what was read against its limits, whom it would page, and what-if."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts import samples
from alerts.models import AlertRule
from sources.probes.base import Reading
from tests.accounts import signed_in
from tests.factories import (
    AlertFactory,
    AlertRuleFactory,
    ConnectionFactory,
    DestinationFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    HeartbeatFactory,
    IncidentFactory,
    LivenessFactory,
    ParameterFactory,
    RouteFactory,
    RuleChangeFactory,
    RuleSourceFactory,
    SampleFactory,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client, linus):
    return signed_in(client, linus, "Viewer")


@pytest.fixture
def rule():
    rule = AlertRuleFactory(
        key="queue", severity__policy__key="mail", severity__key="P1", name="Queue too long", state="firing",
        condition={"when": "value > params.LIMIT", "for": "5m"}, verdict="value 21 > 20 for 5m", runbook="Wake ada.",
    )  # fmt: skip
    rule.sources.all().delete()
    ParameterFactory(policy=rule.policy, key="LIMIT", default="20")
    return rule


def page(client, rule, **query) -> str:
    answer = client.get(f"/rules/{rule.policy.key}/{rule.key}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def read(rule, *values, state="inactive", ago=HOUR):
    begin = timezone.now() - ago
    for place, value in enumerate(values):
        at = begin + place * MINUTE
        SampleFactory(rule=rule, at=at, state=state, data=samples.dump([Reading({"value": value})]))


def test_only_those_who_see_alerts_see_rules(client, rule, ada, grace):
    assert client.get("/rules/").status_code == 302
    signed_in(client, ada)
    assert client.get("/rules/").status_code == 403
    assert client.get("/rules/mail/queue/").status_code == 403
    signed_in(client, grace, "Viewer")
    assert client.get("/rules/mail/other/").status_code == 404


def test_rules_without_an_answer_stand_first(viewer, rule):
    same = {"policy": rule.policy, "severity": rule.severity}
    AlertRuleFactory(key="calm", state="inactive", **same)
    AlertRuleFactory(key="away", state="error", **same)
    AlertRuleFactory(key="later", enabled=False, phase=2, planned_by="2027-01-31", **same)
    AlertRuleFactory(key="elsewhere", state="pending")

    def keys(**query):
        return [rule.key for rule in viewer.get("/rules/", query).context["page"]]

    assert keys() == ["away", "queue", "elsewhere", "calm", "later"]
    assert keys(policy="mail", state="firing") == ["queue"]
    assert keys(state="planned") == keys(phase="2") == ["later"]
    assert keys(q="LONG") == ["queue"]
    assert "Planned for 31 Jan 2027" in viewer.get("/rules/").content.decode()


def test_what_bears_a_mark_is_told_by_its_key(viewer, rule):
    rule.condition = {"when": "value > 20", "mark": "too long", "group_by": ["queue"]}
    rule.memory = {"keys": {"a": {"labels": {"queue": "mail"}}}}
    rule.save()
    assert ">too long: no<" in page(viewer, rule)
    rule.memory["keys"]["b"] = {"labels": {"queue": "news"}, "marks": {"too long": "2026-11-23T09:00:00+00:00"}}
    rule.save()
    text = page(viewer, rule)
    assert ">queue=news too long: yes, since" in text and "too long: no" not in text


def test_the_page_of_a_heartbeat_bears_only_its_own_mark(viewer, rule):
    rule.condition = {"when": "late", "mark": "late", "group_by": ["heartbeat"]}
    since = "2026-11-23T09:00:00+00:00"
    rule.memory = {"keys": {"a": {"labels": {"heartbeat": "sync"}, "marks": {"late": since}}}}
    rule.save()
    source = RuleSourceFactory(rule=rule, kind="heartbeat", spec={}, connection=None)
    shown = {name: viewer.get(f"/heartbeats/{HeartbeatFactory(name=name).pk}/") for name in ("sync", "other")}
    assert "<dt>Late</dt><dd>yes, since" in shown["sync"].content.decode()
    assert "<dt>Late</dt><dd>no" in shown["other"].content.decode()
    rule.condition = {"when": "late", "mark": "late"}  # of all heartbeats together
    rule.save()
    assert "<dt>Late</dt>" not in viewer.get(shown["sync"].request["PATH_INFO"]).content.decode()
    source.spec = {"name": "sync"}
    source.save()
    assert "<dt>Late</dt>" in viewer.get(shown["sync"].request["PATH_INFO"]).content.decode()


def test_the_list_asks_as_often_for_many_rules(viewer, rule, django_assert_max_num_queries):
    for _ in range(20):
        AlertRuleFactory(policy=rule.policy, severity=rule.severity)
    with django_assert_max_num_queries(9):
        viewer.get("/rules/")


def test_the_query_is_shown_as_it_is_sent_without_secrets(viewer, rule):
    ParameterFactory(policy=rule.policy, key="DAYS", default="7")
    ParameterFactory(policy=rule.policy, key="TOKEN", type="secret", default="hush-hush")
    url = "http://reader:hush-hush@logs.example/?token=hush-hush"
    RuleSourceFactory(
        rule=rule, kind="elasticsearch", variant="log", connection=ConnectionFactory(kind="elasticsearch", url=url),
        spec={"index": "app-*", "query": "level:ERROR AND age:<${DAYS} AND k:${TOKEN}", "kql": "level : ERROR"},
    )  # fmt: skip
    text = page(viewer, rule)
    assert "level:ERROR AND age:&lt;7 AND k:" in text
    assert "KQL, as in Kibana" in text and "level : ERROR" in text
    assert "logs.example" in text and "hush" not in text


def test_a_parameter_that_is_not_set_is_said_and_breaks_nothing(viewer, rule):
    ParameterFactory(policy=rule.policy, key="EMPTY", default="")
    RuleSourceFactory(rule=rule, spec={"query": "SELECT ${EMPTY}"})
    assert "The parameter EMPTY is not set" in page(viewer, rule)


def test_condition_parameters_verdict_and_runbook_are_told(viewer, rule, monkeypatch):
    monkeypatch.setenv("LIMIT", "5")
    text = page(viewer, rule)
    for words in ["value &gt; params.LIMIT, for 5m without a break", "5 (environment)", "from the document",
                  "value 21 &gt; 20 for 5m", "Wake ada."]:  # fmt: skip
        assert words in text
    rule.policy.parameters.update(origin="ours")
    assert "not from the document: set by us, not confirmed yet" in page(viewer, rule)


def test_samples_are_drawn_with_each_limit_and_what_fired_is_shaded(viewer, rule):
    rule.condition = {
        "levels": [{"level": "P1", "when": "value > 90"}, {"level": "P2", "when": "value > params.LIMIT"}]
    }
    rule.save()
    read(rule, 3, 7, ago=2 * HOUR)
    read(rule, 25, 30, state="firing")
    read(rule, 4, ago=MINUTE)
    chart = viewer.get("/rules/mail/queue/").context["chart"]
    assert [(line.level, line.limit) for line in chart.lines] == [("P1", 90), ("P2", 20)]
    assert chart.lines[0].y < chart.lines[1].y  # the higher limit stands higher
    assert [shade.state for shade in chart.shades] == ["firing"]
    assert chart.words == "value: 4 at last, 3 to 30; limit P1 > 90, P2 > 20."
    text = page(viewer, rule)
    assert 'class="limit" data-limit="90.0"' in text and "5 checks" in text


@pytest.mark.parametrize("values", [(0, 0), (-5, -5), (1e9, 2e9), (0.001,), (True, False), (7,)])
def test_any_figures_can_be_drawn(viewer, rule, values):
    read(rule, *values)
    chart = viewer.get("/rules/mail/queue/").context["chart"]
    assert chart.ticks and all(chart.top <= tick.at <= chart.base for tick in chart.ticks)
    assert all(chart.top <= dot.y <= chart.base for dot in chart.dots)


def test_what_is_no_figure_is_not_drawn(viewer, rule):
    SampleFactory(rule=rule, data=samples.dump([Reading({"status": "down"})]))
    assert "What is read are no figures." in page(viewer, rule)


def test_the_age_of_a_time_is_drawn(viewer, rule):
    rule.condition = {"when": "now - last_run > duration('2h')"}
    rule.save()
    now = timezone.now()
    SampleFactory(rule=rule, at=now, data=samples.dump([Reading({"last_run": now - 3 * HOUR})]))
    chart = viewer.get("/rules/mail/queue/").context["chart"]
    assert (chart.field, chart.words) == ("age of last_run", "age of last_run: 3h at last, 3h to 3h; limit P1 > 2h.")


def test_whom_it_would_page_now(viewer, rule, ada, grace):
    plan = EscalationPolicyFactory(name="Mail first", policy=rule.policy)
    EscalationStepFactory(policy=plan, position=0, after=0 * MINUTE, contacts=[ada])
    EscalationStepFactory(policy=plan, position=1, after=10 * MINUTE, contacts=[grace])
    RouteFactory(policy=rule.policy, destinations=[DestinationFactory(key="chat:mail")])
    rule.owners.add(grace)
    text = page(viewer, rule)
    for words in ["Mail first", "ada", "after 10m", "chat:mail", "Owners: grace"]:
        assert words in text
    rule.severity.page = False
    rule.severity.save()
    assert "Nobody: it makes a record." in page(viewer, rule)


def test_history_alerts_and_incidents_are_listed(viewer, rule):
    RuleChangeFactory(rule=rule, reason="value 21 > 20", at=timezone.now())
    mine = IncidentFactory(
        policy=rule.policy, severity=rule.severity, scope=rule.scope, key="queue", title="Mine it is"
    )
    IncidentFactory(policy=rule.policy, severity=rule.severity, scope=rule.scope, key="queue-2", title="Of another")
    alert = AlertFactory(rule=rule, key="queue", name="Queue too long")
    LivenessFactory(alert=alert, starts_at=timezone.now(), incident=mine)
    text = page(viewer, rule)
    assert "inactive → firing" in text and "value 21 &gt; 20" in text
    assert "Mine it is" in text and "Of another" not in text
    assert "fires since" in text
    assert "/rules/mail/queue/" in viewer.get("/alerts/").content.decode()


def test_what_if(viewer, rule):
    rule.condition = {"when": "value > 10"}
    rule.save()
    for days in (3, 5, 7):
        read(rule, 11, 0, ago=days * DAY)
    before = AlertRule.objects.values().get()
    text = page(viewer, rule, when="value > 12", days="30")
    assert "3 fewer pages in 30 days, none of them acted on." in text
    assert "Would go: 3" in text and "Would come" not in text
    assert "now: value &gt; 10" in text
    assert AlertRule.objects.values().get() == before
    assert "ends too early" in page(viewer, rule, when="value >", days="30")
    assert "Days: this should be a number above 0" in page(viewer, rule, days="many")
    assert "Nothing was changed: 3 pages as it is." in page(viewer, rule, when="value > 10", days="30")


def test_what_if_with_another_parameter(viewer, rule):
    rule.condition = {"when": "value > params.LIMIT"}
    rule.save()
    read(rule, 21, 0, ago=2 * DAY)
    query = {"when": "value > params.LIMIT", "param.LIMIT": "30", "days": "30"}
    assert "1 fewer page in 30 days" in page(viewer, rule, **query)
