"""Targets: who counts, by which calendar, when the clock stands still, what a new level makes of them, who was late."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from incidents import afterwards, business_time, escalation, lifecycle, milestones, targets
from incidents.models import IllegalMove, ResponseTarget
from notifications.models import Delivery
from packs import dumper, loader
from policies.models import TargetPlan
from tests.accounts import signed_in
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    AlertClassFactory,
    CalendarFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    SeverityFactory,
    TargetPlanFactory,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def level():
    return SeverityFactory(key="P1", rank=1, page=True)


@pytest.fixture
def lower(level):
    return SeverityFactory(policy=level.policy, key="P3", rank=3, page=False)


def opened(level, at=NINE, **kwargs):
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout", **kwargs)
    return lifecycle.open_incident(opening, at=at)


def state(incident, kind="acknowledge") -> str:
    return incident.targets.get(kind=kind).state


@pytest.fixture
def first_step(level, ada):
    plan = EscalationPolicyFactory(policy=level.policy)
    return EscalationStepFactory(policy=plan, position=0, contacts=[ada])


def test_only_the_primary_meets_a_target_that_is_theirs_and_may_after_somebody_else(level, ada, grace, first_step):
    TargetPlanFactory(policy=level.policy, severity=level, within=5 * MINUTE, who="primary")
    incident = opened(level)
    escalation.climb_due(at=NINE)
    lifecycle.acknowledge(incident, by=grace, at=NINE + MINUTE)
    assert state(incident) == "pending"
    assert "grace counts for no" in incident.timeline.get(kind="not_counted").text
    lifecycle.acknowledge(incident, by=ada, at=NINE + 4 * MINUTE)
    assert state(incident) == "met"
    assert incident.acknowledged_by == grace  # who has it does not change by that
    with pytest.raises(IllegalMove):
        lifecycle.acknowledge(incident, by=ada, at=NINE + 5 * MINUTE)


def test_a_missed_target_says_who_owed_it_and_a_reason_shows_in_the_list(client, level, ada, grace, first_step):
    TargetPlanFactory(policy=level.policy, severity=level, within=5 * MINUTE, who="primary")
    incident = opened(level)
    escalation.climb_due(at=NINE)
    targets.check_due(at=NINE + 5 * MINUTE + SECOND)
    target = incident.targets.get()
    assert (target.state, target.owed_by) == ("breached", "ada")
    signed_in(client, grace, "Responder")
    data = {"target": target.pk, "reason": "On the train, no signal"}
    client.post(reverse("incident-act", args=[incident.pk, "late"]), data)
    page = client.get(reverse("late-targets")).content.decode()
    assert "On the train, no signal" in page and "ada" in page
    assert "On the train" in client.get(incident.get_absolute_url()).content.decode()


def test_a_clock_stands_still_on_hold_and_goes_on_with_what_was_left(level, ada):
    TargetPlanFactory(policy=level.policy, severity=level, kind="resolve", within=HOUR, pauses=["on_hold"])
    TargetPlanFactory(policy=level.policy, severity=level, kind="mitigate", within=HOUR)
    incident = opened(level)
    lifecycle.hold(incident, "waits for the bank", by=ada, at=NINE + 20 * MINUTE)
    targets.check_due(at=NINE + 3 * HOUR)
    assert (state(incident, "resolve"), state(incident, "mitigate")) == ("pending", "breached")
    lifecycle.release_hold(incident, by=ada, at=NINE + 3 * HOUR)
    assert incident.targets.get(kind="resolve").due_at == NINE + 3 * HOUR + 40 * MINUTE
    targets.check_due(at=NINE + 3 * HOUR + 40 * MINUTE + SECOND)
    assert state(incident, "resolve") == "breached"


def test_of_a_length_with_a_calendar_only_its_hours_count(level):
    calendar = CalendarFactory(policy=level.policy, timezone="Asia/Jakarta", default=True)
    TargetPlanFactory(policy=level.policy, severity=level, within=4 * HOUR, calendar=calendar)
    # 09:00 UTC is 16:00 in Jakarta: an hour is left of Monday, three are taken from Tuesday
    assert opened(level).targets.get().due_at == datetime(2026, 11, 24, 12, 0, tzinfo=JAKARTA)


@pytest.mark.parametrize(
    ("term", "at", "end"),
    [
        ("business_day", datetime(2026, 11, 20, 10, 0, tzinfo=JAKARTA), datetime(2026, 11, 20, 17, 0, tzinfo=JAKARTA)),
        ("business_day", datetime(2026, 11, 20, 17, 0, tzinfo=JAKARTA), datetime(2026, 11, 23, 17, 0, tzinfo=JAKARTA)),
        ("next_business_cycle", datetime(2026, 11, 20, 18, tzinfo=JAKARTA), datetime(2026, 11, 23, 17, tzinfo=JAKARTA)),
    ],
)
def test_terms_of_the_business_calendar(level, term, at, end):
    CalendarFactory(policy=level.policy, timezone="Asia/Jakarta", default=True)
    assert business_time.term_end(level.policy, term, at) == end


@pytest.mark.parametrize(("term", "first", "last"), [("sprint", 2, 15), ("next_sprint", 16, 29)])
def test_a_sprint_ends_with_its_last_day(level, term, first, last):
    CalendarFactory(policy=level.policy, sprint_start=datetime(2026, 11, 2).date(), sprint_days=14)
    end = business_time.term_end(level.policy, term, datetime(2026, 11, 10, 12, 0, tzinfo=UTC))
    assert (end.day, end.hour, end.minute) == (last, 23, 59)


def test_of_level_and_class_the_one_that_ends_first_counts_also_when_one_is_a_day_of_the_calendar(level):
    CalendarFactory(policy=level.policy, default=True)
    routine = AlertClassFactory(policy=level.policy, key="routine", label="Routine", page=None)
    TargetPlanFactory(policy=level.policy, severity=level, within=None, term="next_business_day")
    TargetPlanFactory(policy=level.policy, severity=None, alert_class=routine, within=timedelta(days=5))
    target = opened(level, alert_class=routine).targets.get()
    assert target.from_plan == str(level)


def test_another_level_takes_its_own_targets_and_a_level_without_one_says_so(client, level, lower, grace, first_step):
    TargetPlanFactory(policy=level.policy, severity=level, within=5 * MINUTE)
    TargetPlanFactory(policy=level.policy, severity=level, kind="mitigate", within=HOUR)
    TargetPlanFactory(policy=level.policy, severity=lower, within=4 * HOUR)
    incident = opened(level)
    assert incident.escalations.get().state == "running"
    lifecycle.set_severity(incident, lower, by=grace, at=NINE + MINUTE, reason="only a detail")
    assert incident.targets.get(kind="acknowledge").due_at == NINE + 4 * HOUR
    assert state(incident, "mitigate") == "cancelled"
    assert incident.escalations.get().state == "stopped"  # the lower level pages nobody
    signed_in(client, grace, "Responder")
    text = client.get(incident.get_absolute_url()).content.decode()
    assert "No mitigation target" in text
    lifecycle.set_severity(incident, level, by=grace, at=NINE + 2 * MINUTE)
    assert incident.targets.get(kind="acknowledge").due_at == NINE + 5 * MINUTE
    assert incident.escalations.order_by("-pk").first().state == "running"


def test_a_reopened_incident_has_fresh_clocks_that_count_from_then(level, ada):
    TargetPlanFactory(policy=level.policy, severity=level, within=5 * MINUTE)
    incident = opened(level)
    lifecycle.resolve(incident, by=ada, at=NINE + HOUR)
    lifecycle.reopen(incident, by=ada, at=NINE + 2 * HOUR, reason="back")
    fresh = incident.targets.get(state="pending")
    assert fresh.due_at == NINE + 2 * HOUR + 5 * MINUTE
    lifecycle.set_severity(incident, level, by=ada, at=NINE + 2 * HOUR)
    assert incident.targets.get(state="pending").due_at == NINE + 2 * HOUR + 5 * MINUTE


def test_a_corrected_milestone_judges_the_target_again_and_keeps_what_stood_there(level, ada):
    TargetPlanFactory(policy=level.policy, severity=level, within=5 * MINUTE)
    incident = opened(level)
    lifecycle.acknowledge(incident, by=ada, at=NINE + 7 * MINUTE)
    assert state(incident) == "breached"
    to, now = NINE + 3 * MINUTE, NINE + HOUR
    milestones.correct(incident, "acknowledged", to, by=ada, at=now, reason="by telephone")
    assert (state(incident), incident.acknowledged_at) == ("met", to)
    entry = incident.timeline.get(kind="milestone")
    assert "instead of 2026-11-23 09:07:00 UTC" in entry.text and "by telephone" in entry.text
    for wrong in (NINE - MINUTE, now + MINUTE):
        with pytest.raises(IllegalMove):
            milestones.correct(incident, "acknowledged", wrong, by=ada, at=now, reason="no")


@pytest.mark.parametrize("minutes", [30, 120])
def test_a_corrected_resolution_takes_along_the_mitigation_that_came_with_it(level, ada, minutes):
    incident, other = opened(level), opened(level, scope="another")
    lifecycle.mitigate(other, by=ada, at=NINE + 10 * MINUTE)
    for one in (incident, other):
        lifecycle.resolve(one, by=ada, at=NINE + HOUR)
        to, now = NINE + minutes * MINUTE, NINE + 3 * HOUR
        milestones.correct(one, "resolved", to, by=ada, at=now, reason="seen in the logs")
    assert (incident.mitigated_at, incident.resolved_at) == (to, to)
    assert (other.mitigated_at, other.resolved_at) == (NINE + 10 * MINUTE, to)


def test_people_count_as_notified_from_the_first_message_that_a_provider_took(lower):
    TargetPlanFactory(policy=lower.policy, severity=lower, within=15 * MINUTE, anchor="notified")
    TargetPlanFactory(policy=lower.policy, severity=lower, kind="notify", within=2 * HOUR)
    incident = opened(lower)
    assert incident.targets.get(kind="acknowledge").due_at is None
    late = NINE + 90 * MINUTE
    afterwards.ended(Delivery(thread=incident.thread, data={"event": "opened"}), "sent", "", at=late)
    assert incident.targets.get(kind="acknowledge").due_at == late + 15 * MINUTE
    assert state(incident, "notify") == "met"


PACK = """
pack: {key: mine, version: 1}
severities: [{key: high, page: true}]
calendars:
  - {key: office, timezone: Europe/Amsterdam, sprint: {start: 2026-11-02, days: 7}}
targets:
  - {severity: high, kind: resolve, within: 8h, calendar: office, pause_while: [on_hold], who: WHO}
  - {severity: high, kind: review, within: sprint, anchor: resolved}
destinations: [{key: mail, kind: email, address: ops@example.org}]
routes: [{to: mail}]
cost: {currency: EUR, responder_hour: 80}
"""


def test_a_pack_says_who_counts_and_by_which_calendar_and_takes_it_back():
    loader.load(PACK.replace("WHO", "commander"), name="mine.yaml", at=NINE)
    plan = TargetPlan.objects.get(kind="resolve")
    assert (plan.who, plan.calendar.sprint_days, plan.pauses) == ("commander", 7, ["on_hold"])
    assert plan.policy.cost_currency == "EUR"
    assert "responder_hour" in dumper.dump("mine")
    loader.load(PACK.replace("WHO", "anybody").split("cost:")[0], name="mine.yaml", at=NINE)
    plan.refresh_from_db()
    assert plan.who == ""
    plan.policy.refresh_from_db()
    assert plan.policy.cost_currency == ""


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("who: WHO", "who: primry", "primry"),
        ("within: sprint,", "within: sprint, pause_while: [on_hold],", "cannot pause"),
        ("responder_hour: 80", "responder_hour: much", "is no amount"),
        ("kind: review,", "kind: appoint,", "Which role is to be appointed?"),
    ],
)
def test_a_wrong_word_is_refused_with_its_place(was, now, says):
    with pytest.raises(loader.PackRefused) as refusal:
        loader.load(PACK.replace(was, now).replace("WHO", "primary"), name="mine.yaml", at=NINE)
    assert says in str(refusal.value) and "mine.yaml:" in str(refusal.value)


def test_a_target_that_is_not_a_duty_of_this_incident_is_nobodys_delay(level):
    incident = opened(level)
    assert not ResponseTarget.objects.filter(incident=incident).exists()
    assert targets.absent(incident, []) == []
