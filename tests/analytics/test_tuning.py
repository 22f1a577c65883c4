"""What rules did and were worth, as the tuning page shows it."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from alerts import firings
from alerts.models import Firing, Hold
from analytics import tuning
from tests.accounts import account, signed_in
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    AlertFactory,
    AlertRuleFactory,
    ApiTokenFactory,
    FiringFactory,
    HoldFactory,
    IncidentFactory,
    LivenessFactory,
    TuningPlanFactory,
)

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def rule():
    return AlertRuleFactory(key="queue", name="Queue is long", severity__policy__key="mail", severity__key="P1")


def fired(rule, days=1, *, mark="", **fields):
    began = NINE - days * DAY
    return FiringFactory(rule=rule, began_at=began, **{"ended_at": began + 5 * MINUTE, "mark": mark, **fields})


def of(rule, days=30):
    return tuning.figures([rule], since=NINE - days * DAY, until=NINE)[rule.pk]


@pytest.fixture
def page(client, ada):
    signed_in(client, ada, "Responder")

    def page(name="tuning", *args, **query):
        with time_machine.travel(NINE, tick=False):
            return client.get(reverse(name, args=args), query).content.decode()

    return page


def test_seven_of_ten_marked_not_actionable_leave_thirty_percent(rule, page, ada):
    rows = [fired(rule, 1 + n) for n in range(10)]
    assert "100 %" in page()
    firings.mark(
        Firing.objects.filter(pk__in=[row.pk for row in rows[:7]]), "not_actionable", by=ada, at=NINE, reason="Noise."
    )
    assert of(rule).actionable_share == 30
    shown = page()
    assert '<dt>Actionable</dt><dd class="spent">30 %</dd>' in shown
    assert "Queue is long" in shown and "mostly not worth it" in shown
    assert "<dt>Not actionable</dt><dd>7</dd>" in page("tuning-rule", "mail", "queue")


def test_a_mark_of_its_own_counts_more_than_that_of_its_incident(rule):
    wrong = IncidentFactory(policy=rule.policy, severity=rule.severity, status="false_positive", resolved_at=NINE)
    merged = IncidentFactory(policy=rule.policy, severity=rule.severity, status="merged", merged_into=wrong)
    right = IncidentFactory(policy=rule.policy, severity=rule.severity, acknowledged_at=NINE)
    fired(rule, incident=wrong)
    fired(rule, incident=merged)
    fired(rule, incident=wrong, mark="actionable")
    fired(rule, incident=right)
    fired(rule)
    one = of(rule)
    assert (one.fired, one.false_positives, one.not_actionable, one.marked, one.acted, one.held) == (5, 2, 0, 3, 1, 1)
    assert (one.false_share, one.actionable_share) == (40, 60)


def test_drills_and_other_times_do_not_count(rule):
    fired(rule, incident=IncidentFactory(policy=rule.policy, severity=rule.severity, drill=True))
    FiringFactory(rule=rule, began_at=NINE)  # the end of a period is not in it
    assert of(rule).fired == 0
    FiringFactory(rule=rule, began_at=NINE - 30 * DAY)  # its begin is
    assert of(rule).fired == 1


def test_how_long_it_fired_is_counted_within_the_period(rule):
    fired(rule)
    FiringFactory(rule=rule, began_at=NINE - HOUR)  # fires still
    FiringFactory(rule=rule, began_at=NINE - 2 * HOUR, ended_at=NINE + DAY)
    FiringFactory(rule=rule, began_at=NINE - 3 * HOUR, ended_at=NINE - 4 * HOUR)  # a clock that jumped
    assert of(rule).firing_time == 5 * MINUTE + 3 * HOUR


def test_what_began_before_the_period_is_counted_within_it(rule, client, grace):
    FiringFactory(rule=rule, began_at=NINE - 40 * DAY)
    FiringFactory(rule=rule, began_at=NINE - 35 * DAY, ended_at=NINE - 2 * DAY)
    FiringFactory(rule=rule, began_at=NINE - 35 * DAY, ended_at=NINE - 30 * DAY)  # over when the period begins
    FiringFactory(rule=rule, began_at=NINE - 35 * DAY, incident=IncidentFactory(drill=True))
    token = ApiTokenFactory(user=account(grace, "Viewer"))
    head = {"authorization": f"Bearer ops_{token.name}"}
    with time_machine.travel(NINE, tick=False):
        told = client.get(f"/api/v1/rules/{rule.pk}/tuning", {"days": "30"}, headers=head).json()
    assert (told["firing_time"], told["fired"]) == ((30 + 28) * 86400, 0)
    assert told["signs"] == [tuning.ALWAYS]
    Firing.objects.filter(ended_at=None).delete()
    assert of(rule).signs == []  # it fired, though it began before
    assert of(rule, 1).signs == [tuning.NEVER]


def test_what_is_odd_about_a_rule(rule):
    assert of(rule).signs == [tuning.NEVER]
    FiringFactory(rule=rule, began_at=NINE - DAY + MINUTE)
    assert of(rule).signs == []
    FiringFactory(rule=rule, began_at=NINE - DAY)
    assert of(rule).signs == [tuning.ALWAYS]
    FiringFactory(rule=rule, began_at=NINE - 200 * DAY)  # long before the period, and still
    assert of(rule, 1).signs == [tuning.ALWAYS]
    Firing.objects.all().delete()
    fired(rule)
    HoldFactory(alert=AlertFactory(rule=rule), kind=Hold.Kind.FLAP, since=NINE - DAY, by="flapping")
    assert of(rule).signs == [tuning.FLAPPING]
    off = AlertRuleFactory(enabled=False)
    assert of(off).signs == []


def test_a_few_alerts_prove_nothing(rule):
    for n in range(4):
        fired(rule, 1 + n, mark="false_positive", incident=IncidentFactory())
    assert of(rule).signs == []
    fired(rule, 9, incident=IncidentFactory())
    assert of(rule).signs == [tuning.WRONG]  # 80 %, of five
    plan = TuningPlanFactory(policy=rule.policy, propose_from=80)
    assert of(rule).signs == [tuning.WRONG]
    plan.propose_from = 81
    plan.save()
    assert of(rule).signs == []


def test_the_share_counts_as_it_is_not_as_it_is_shown(rule):
    TuningPlanFactory(policy=rule.policy, propose_from=50)
    alert, incident = AlertFactory(rule=rule), IncidentFactory()
    Firing.objects.bulk_create(
        Firing(
            alert=alert, rule=rule, began_at=NINE - HOUR + n * timedelta(seconds=1), ended_at=NINE, incident=incident,
            mark="false_positive" if n < 1249 else "",
        )
        for n in range(2500)
    )  # fmt: skip
    assert (of(rule).false_share, of(rule).signs) == (50.0, [])
    Firing.objects.filter(mark="").first().delete()  # 1249 of 2499: still less than half
    assert of(rule).signs == []
    Firing.objects.filter(mark="").first().delete()
    assert of(rule).signs == [tuning.WRONG]


def test_the_median_time_counts_each_incident_once(rule):
    for minutes in (2, 4, 60):
        incident = IncidentFactory(
            policy=rule.policy, severity=rule.severity, detected_at=NINE - DAY,
            acknowledged_at=NINE - DAY + minutes * MINUTE,
        )  # fmt: skip
        for _ in range(minutes // 2):
            fired(rule, incident=incident)
    assert tuning.ack_medians([rule], since=NINE - 2 * DAY, until=NINE) == {rule.pk: 4 * MINUTE}


def test_the_ledger_tells_what_was_held_back_and_whom_it_would_have_paged(page):
    alert = AlertFactory()
    said = {"alert": alert, "kind": Hold.Kind.SILENCE, "by": "silence: the move", "would_have": "paged ada at once"}
    HoldFactory(since=NINE - DAY, ended_at=NINE - HOUR, outcome="ended before it acted", **said)
    HoldFactory(since=NINE - HOUR, **said)
    HoldFactory(since=NINE - 40 * DAY, ended_at=NINE - 39 * DAY, outcome="ended before it acted", **said)
    HoldFactory(since=NINE - DAY, kind=Hold.Kind.PARENT, by="hidden by database", would_have="")
    shown = page("tuning-held")
    assert "1 alert, 2 times" in shown and "1 never acted" in shown and "1 held back now" in shown
    assert "Would have paged ada at once: 2 times" in shown and "hidden by database" in shown
    assert "hidden by database" not in page("tuning-held", kind="silence")
    assert "3 times" in page("tuning-held", days="90")


def test_what_was_held_back_before_and_is_still_or_was_within_the_days_is_told(rule, page):
    alert = AlertFactory(rule=rule)
    HoldFactory(alert=alert, since=NINE - 8 * DAY, by="silence: still", would_have="paged ada at once")
    HoldFactory(alert=alert, since=NINE - 9 * DAY, ended_at=NINE - 6 * DAY, by="silence: into it")
    HoldFactory(alert=alert, since=NINE - 9 * DAY, ended_at=NINE - 7 * DAY, by="silence: over")
    shown = page("tuning-held", days="7")
    assert "silence: still" in shown and "Would have paged ada at once: 1 time" in shown
    assert "silence: into it" in shown and "silence: over" not in shown
    assert "silence: still" in page("tuning-rule", "mail", "queue", days="7")
    HoldFactory(alert=alert, kind=Hold.Kind.FLAP, since=NINE - 8 * DAY, by="flapping")
    assert tuning.FLAPPING in of(rule, 7).signs


def test_filters_and_the_number_of_statements(rule, page, client, ada, django_assert_max_num_queries):
    never = AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="calm", name="Nothing ever")
    fired(rule)
    assert "Nothing ever" not in page(show="fired") and "Queue is long" in page(show="fired")
    assert "Queue is long" not in page(show="never fired") and "Nothing ever" in page(show="never fired")
    assert "Queue is long" in page(q="queue", policy="mail") and "No rule matches" in page(policy="other")
    for n in range(20):
        AlertRuleFactory(policy=never.policy, severity=never.severity, key=f"rule-{n}")
    with django_assert_max_num_queries(18):
        page()


def test_how_complete_policies_are(rule, page):
    AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="told", runbook="Look.", no_runbook="")
    AlertRuleFactory(policy=rule.policy, severity=rule.severity, key="plain", no_runbook="Only a record.")
    shown = page("tuning-policies")
    assert '<span class="score">0</span>' in shown
    assert shown.count("It has no runbook, and no word on why it needs none.") == 1
    assert shown.count("Nobody owns it") == 3


def test_only_those_with_the_right_see_it(client, linus):
    client.force_login(signed_in(client, linus, "Viewer") and linus.user)
    assert client.get(reverse("tuning")).status_code == 200
    linus.user.groups.clear()
    assert client.get(reverse("tuning")).status_code == 403


@pytest.mark.req("DX-128")
def test_ten_alerts_of_which_seven_are_marked_through_the_pages(rule, page, client, tmp_path, capsys):
    """Seven marked by hand leave 30 %; a rule without a runbook is warned of, unless it says why it needs none."""
    from django.core.management import call_command

    alert = LivenessFactory(alert__rule=rule, alert__integration=None).alert
    rows = [FiringFactory(rule=rule, alert=alert, began_at=timezone.now() - (n + 1) * HOUR) for n in range(10)]
    for row in rows[:7]:
        place = reverse("alert-mark", args=[alert.pk, row.pk])
        client.post(place, {"mark": "not_actionable", "reason": "There is nothing to do."})
    shown = client.get(reverse("tuning")).content.decode()
    assert '<dt>Actionable</dt><dd class="spent">30 %</dd>' in shown

    pack = tmp_path / "lamps.yaml"
    text = """pack: {key: lamps, version: 1}
severities: [{key: dark, label: Dark, rank: 0}]
contacts: [{name: Keeper, methods: [{kind: email, address: keeper@example.org}]}]
escalations: [{key: keeper, severities: [dark], steps: [{after: 0m, contacts: [Keeper]}]}]
connections: [{key: house, kind: http, url: "https://lamps.invalid"}]
rules:
  - key: lamp-out
    severity: dark
    owners: [Keeper]
    source: {json: {connection: house, path: /lamp, each: ""}}
    when: lit == 0
"""
    pack.write_text(text)
    call_command("load_pack", str(pack), "--validate-only")
    assert "lamps.yaml:7: rules.lamp-out: This rule has no runbook" in capsys.readouterr().out
    call_command("load_pack", str(pack))
    assert "warning: lamps.yaml:7: rules.lamp-out: This rule has no runbook" in capsys.readouterr().out
    for more in ("    runbook: Change the bulb.\n", "    no_runbook: The keeper sees it anyway.\n"):
        pack.write_text(text + more)
        call_command("load_pack", str(pack), "--validate-only")
        assert "nothing to look at" in capsys.readouterr().out
