"""Who is asked, when, and why somebody was not."""

from datetime import timedelta

import pytest

from incidents import escalation, lifecycle, paging
from incidents.models import Escalation, Page
from notifications.models import Delivery
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    ContactFactory,
    ContactMethodFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    LayerFactory,
    OverrideFactory,
    ScheduleFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return SeverityFactory(key="P1", rank=1)


def plan(level, *steps, **kwargs):
    """Steps are (minutes, contacts or schedule)."""
    made = EscalationPolicyFactory(policy=level.policy, **kwargs)
    for position, (minutes, who) in enumerate(steps):
        target = {"contacts": who} if isinstance(who, list) else {"schedule": who}
        EscalationStepFactory(policy=made, position=position, after=minutes * MINUTE, **target)
    return made


def opened(level, at=NINE):
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout is down")
    return lifecycle.open_incident(opening, at=at)


def tick(at):
    while escalation.climb_due(at=at):
        pass


def paged() -> list[str]:
    return list(Delivery.objects.filter(purpose="page").order_by("pk").values_list("to", flat=True))


def send(to: str, status=Delivery.Status.SENT, error=""):
    Delivery.objects.filter(to=to).update(status=status, next_attempt_at=None, error=error)


def test_a_page_climbs_until_somebody_answers(level, ada, grace, linus):
    plan(level, (0, [ada]), (5, [grace]), (10, [linus]))
    incident = opened(level)
    tick(NINE)
    assert paged() == ["ada"]
    tick(NINE + 5 * MINUTE - timedelta(seconds=1))
    assert paged() == ["ada"]
    tick(NINE + 5 * MINUTE)
    assert paged() == ["ada", "grace"]
    lifecycle.acknowledge(incident, by=grace, at=NINE + 6 * MINUTE)
    tick(NINE + HOUR)
    assert paged() == ["ada", "grace"]
    run = incident.escalations.get()
    assert run.state == Escalation.State.STOPPED
    assert "acknowledged by grace" in run.turns.get(position=2).reason


def test_sweeping_twice_pages_once(level, ada):
    plan(level, (0, [ada]))
    incident = opened(level)
    tick(NINE)
    tick(NINE)
    assert paged() == ["ada"]
    assert incident.timeline.filter(kind="paged").count() == 1


def test_the_schedule_says_who_is_on_call_and_an_override_replaces_them(level, ada, grace, linus):
    schedule = ScheduleFactory()
    LayerFactory(schedule=schedule, members=[ada, grace], first_handoff_at=NINE - HOUR)
    plan(level, (0, schedule))
    opened(level)
    tick(NINE)
    assert paged() == ["ada"]
    OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE, ends_at=NINE + HOUR)
    lifecycle.open_incident(
        lifecycle.Opening(policy=level.policy, severity=level, key="other", title="Other"), at=NINE + MINUTE
    )
    tick(NINE + MINUTE)
    assert paged() == ["ada", "linus"]


def test_an_empty_step_is_skipped_at_once_with_its_reason(level, grace):
    empty = ScheduleFactory(name="Nobody's week")
    plan(level, (0, empty), (30, [grace]))
    incident = opened(level)
    tick(NINE)
    assert paged() == ["grace"]
    assert incident.escalations.get().turns.get(position=0).reason == "nobody on call in Nobody's week"


def test_when_nobody_is_left_the_catch_all_is_paged_and_told_why(level, margaret):
    margaret.catch_all = True
    margaret.save()
    plan(level, (0, ScheduleFactory()))
    incident = opened(level)
    tick(NINE)
    assert paged() == ["margaret"]
    assert "nobody before has answered" in incident.timeline.filter(kind="paged").get().text


def test_without_any_plan_the_catch_all_is_paged(level, margaret):
    margaret.catch_all = True
    margaret.save()
    opened(level)
    tick(NINE)
    assert paged() == ["margaret"]


def test_after_the_last_step_the_catch_all_is_asked(level, ada, margaret):
    plan(level, (0, [ada]), catch_all=margaret, repeat_after=20 * MINUTE)
    incident = opened(level)
    tick(NINE)
    tick(NINE + 20 * MINUTE)
    assert paged() == ["ada", "margaret"]
    assert incident.escalations.get().state == Escalation.State.EXHAUSTED


def test_the_steps_are_repeated_as_often_as_the_plan_says(level, ada, grace):
    plan(level, (0, [ada]), (5, [grace]), repeat=1, repeat_after=10 * MINUTE)
    opened(level)
    for minute in (0, 5, 15, 20):
        tick(NINE + minute * MINUTE)
    assert paged() == ["ada", "grace", "ada", "grace"]


def test_an_edit_of_the_plan_does_not_change_a_run_under_way(level, ada, grace, linus):
    made = plan(level, (0, [ada]), (5, [grace]))
    opened(level)
    made.steps.filter(position=1).delete()
    EscalationStepFactory(policy=made, position=1, after=MINUTE, contacts=[linus])
    tick(NINE)
    tick(NINE + 5 * MINUTE)
    assert paged() == ["ada", "grace"]


def test_a_failed_page_goes_to_the_next_method_then_to_the_next_step(level, ada, grace):
    second = ContactMethodFactory(contact=ada, position=1, kind="slack", address="http://127.0.0.1:9/x")
    plan(level, (0, [ada]), (30, [grace]))
    opened(level)
    tick(NINE)
    send("ada", Delivery.Status.FAILED, "no such mailbox")
    paging.follow_up_due(at=NINE + MINUTE)
    page = Page.objects.get(contact=ada)
    assert page.method == second and page.state == "trying"
    send("ada", Delivery.Status.FAILED, "gone")
    paging.follow_up_due(at=NINE + 2 * MINUTE)
    tick(NINE + 2 * MINUTE)
    assert paged() == ["ada", "ada", "grace"]
    page.refresh_from_db()
    assert page.state == "unreachable" and page.reason == "every contact method failed"


def test_who_cannot_be_reached_is_replaced_by_the_back_up(level, linus):
    bare = ContactFactory(name="barbara", backup=linus)
    plan(level, (0, [bare]))
    incident = opened(level)
    tick(NINE)
    assert paged() == ["linus"]
    assert "barbara could not be reached: no usable contact method" in incident.timeline.get(kind="unreachable").text


def test_a_team_is_its_members_and_a_vendor_is_never_asked(level, ada, grace):
    team = ContactFactory(name="platform", kind="team")
    vendor = ContactFactory(name="smtp.bz", kind="vendor")
    team.members.set([ada, grace, vendor])
    plan(level, (0, [team]))
    incident = opened(level)
    tick(NINE)
    assert sorted(paged()) == ["ada", "grace"]
    assert "smtp.bz is a vendor" in incident.timeline.get(kind="paged").text


def test_escalating_by_hand_takes_the_next_step_now(level, ada, grace):
    plan(level, (0, [ada]), (30, [grace]))
    incident = opened(level)
    tick(NINE)
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    escalation.escalate_now(incident, by=ada, at=NINE + 2 * MINUTE)
    tick(NINE + 2 * MINUTE)
    assert paged() == ["ada", "grace"]


def test_a_level_that_does_not_page_pages_nobody(level, ada):
    quiet = SeverityFactory(policy=level.policy, key="P3", rank=3, page=False)
    plan(level, (0, [ada]))
    opened(quiet)
    tick(NINE + HOUR)
    assert paged() == []
