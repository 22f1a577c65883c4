"""What people rely on when they go to sleep: each promise of an on-call system, told as a story."""

import re

import pytest

from alerts import maintenance
from incidents import answers, escalation, lifecycle
from incidents.models import IllegalMove, Incident, Page
from notifications.models import Delivery
from oncall.models import ContactMethod
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    CalendarFactory,
    ContactFactory,
    EscalationStepFactory,
    LayerFactory,
    MaintenanceWindowFactory,
    ScheduleFactory,
    SendingPlanFactory,
    SeverityFactory,
)


def steps(ops, *said, **fields):
    """Replace the plan; each step is a dict of its fields, `who` names its people."""
    plan = ops.plan(**fields)
    for position, one in enumerate(said):
        one = dict(one)
        people = [ops.people.get(name, name) for name in one.pop("who", ())]
        after = one.pop("after", 0) * MINUTE
        EscalationStepFactory(policy=plan, position=position, after=after, contacts=people, **one)
    return plan


def reload(ops) -> Incident:
    return Incident.objects.get(pk=ops.incident.pk)


# the plan and its edits


def test_a_step_that_is_deleted_while_it_runs_is_taken_and_one_that_is_added_is_not(ops):
    plan = ops.plan((0, "ada"), (5, "grace"))
    ops.at("09:00").signal("checkout", "down")
    plan.steps.filter(position=1).delete()
    EscalationStepFactory(policy=plan, position=1, after=2 * MINUTE, contacts=[ops.people["linus"]])
    ops.at("09:06").tick()
    assert ops.paged == ["ada", "grace"]


def test_a_plan_that_is_deleted_while_it_runs_runs_to_its_end(ops):
    plan = ops.plan((0, "ada"), (5, "grace"))
    ops.at("09:00").signal("checkout", "down")
    plan.delete()
    ops.at("09:20").tick()
    assert ops.paged == ["ada", "grace", "margaret"]
    ops.signal("search", "down")
    assert ops.paged[3:] == ["margaret"]  # the next one has no plan


def test_a_schedule_or_person_that_is_removed_while_it_runs_is_passed_over_at_once(ops):
    week = ScheduleFactory(name="The week")
    plan = ops.plan((0, "ada"), (5, week), (30, "grace"))
    ops.at("09:00").signal("checkout", "down")
    plan.steps.filter(schedule=week).delete()
    week.delete()
    ops.at("09:05").tick()
    assert ops.paged == ["ada", "grace"]
    assert ops.skipped() == ["what it named was removed"]


def test_numbers_of_steps_may_have_holes(ops):
    plan = ops.plan((0, "ada"), (5, "grace"), (10, "linus"))
    plan.steps.filter(position=1).delete()
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:10").tick()
    assert ops.paged == ["ada", "linus"]


def test_without_any_step_the_catch_all_is_asked_at_once(ops):
    ops.plan()
    ops.at("09:00").signal("checkout", "down")
    assert len(ops.paged) == 1 and ops.paged == ["margaret"]


# conditions, repeats, one in turn


def test_a_step_for_the_unassessed_is_taken_though_somebody_acknowledged_unless_it_is_assessed(ops):
    steps(
        ops,
        {"who": ["ada"]},
        {"who": ["grace"], "after": 15},
        {"who": ["linus"], "after": 30, "condition": "unassessed"},
    )
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:10").acknowledge(by="ada")
    ops.at("09:30").tick()
    assert ops.paged == ["ada", "linus"]
    ops.signal("search", "down")
    ops.acknowledge(by="ada")
    lifecycle.assess(ops.incident, "Only the search.", by=ops.people["ada"], at=ops.now)
    ops.at("10:30").tick()
    assert ops.paged == ["ada", "linus", "ada"]


def test_working_hours_choose_the_path(ops):
    office = CalendarFactory(policy=ops.policy, key="office")
    steps(
        ops, {"who": ["ada"], "hours": "inside", "calendar": office},
        {"who": ["grace"], "hours": "outside", "calendar": office},
    )  # fmt: skip
    ops.at("16:59").signal("checkout", "down")
    assert ops.paged == ["ada"]
    ops.at("17:00").signal("search", "down")
    assert ops.paged == ["ada", "grace"]


def test_a_level_that_rises_brings_the_steps_of_the_graver_level_and_asks_nobody_twice_for_one_level(ops):
    low = SeverityFactory(policy=ops.policy, key="major", rank=2)
    ops.warning.rank = 3
    ops.warning.save()
    steps(ops, {"who": ["ada"]}, {"who": ["grace"], "after": 1, "at_least": ops.critical})
    ops.at("09:00").signal("checkout", "down", severity="major")
    ops.at("09:02").tick()
    assert ops.paged == ["ada"] and ops.incident.severity == low
    ops.signal("checkout", "down", severity="critical", host="db-1")
    ops.at("09:03").tick()
    assert ops.paged == ["ada", "ada", "grace"]
    lifecycle.set_severity(reload(ops), low, at=ops.now)
    lifecycle.set_severity(reload(ops), ops.critical, at=ops.now)
    ops.tick()
    assert ops.paged == ["ada", "ada", "grace"]


@pytest.mark.parametrize("on_rise, again", [("unacked", []), ("never", []), ("always", ["ada"])])
def test_a_rise_of_what_somebody_has_taken_asks_anew_only_if_the_plan_says_so(ops, on_rise, again):
    SeverityFactory(policy=ops.policy, key="major", rank=2)
    ops.plan((0, "ada"), on_rise=on_rise)
    ops.at("09:00").signal("checkout", "down", severity="major")
    ops.acknowledge(by="ada")
    ops.at("09:05").signal("checkout", "down", severity="critical", host="db-1")
    assert ops.paged == ["ada", *again]


def test_of_a_team_one_is_asked_in_turn_for_each_incident_and_who_cannot_be_reached_is_passed_over(ops):
    team = ContactFactory(name="platform", kind="team")
    team.members.set([ops.people[name] for name in ("ada", "grace", "linus")])
    steps(ops, {"who": [team], "asks": "in_turn"})
    for name in ("a", "b", "c", "d"):
        ops.signal(name, "down")
    assert ops.paged == ["ada", "grace", "linus", "ada"]
    ContactMethod.objects.filter(contact=ops.people["grace"]).update(enabled=False)
    ops.signal("e", "down")
    assert ops.paged[4:] == ["linus"]


def test_a_step_is_repeated_until_somebody_answers(ops):
    steps(ops, {"who": ["ada"], "repeat": 3, "repeat_every": 5 * MINUTE}, {"who": ["grace"], "after": 12})
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:13").acknowledge(by="grace")
    ops.at("10:00").tick()
    assert ops.paged == ["ada", "ada", "ada", "grace"]


# who acknowledges


def test_the_others_who_must_acknowledge_are_paged_on_and_the_acker_is_not(ops):
    steps(
        ops, {"who": ["ada", "grace"], "asks": "all_ack"}, {"who": ["ada", "grace"], "after": 5, "asks": "all_ack"},
        {"who": ["linus"], "after": 10},
    )  # fmt: skip
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:01").acknowledge(by="ada")
    ops.at("09:05").tick()
    assert sorted(ops.paged) == ["ada", "grace", "grace"]
    lifecycle.acknowledge(ops.incident, by=ops.people["grace"], at=ops.now)
    ops.at("09:30").tick()
    assert "linus" not in ops.paged and ops.timeline("acknowledged_too") == ["Acknowledged by grace too."]


def test_closing_takes_back_what_others_must_still_answer(ops):
    steps(ops, {"who": ["ada", "grace"], "asks": "all_ack"}, {"who": ["ada", "grace"], "after": 5, "asks": "all_ack"})
    ops.at("09:00").signal("checkout", "down")
    ops.acknowledge(by="ada")
    lifecycle.resolve(ops.incident, by=ops.people["ada"], at=ops.now)
    ops.at("10:00").tick()
    assert sorted(ops.paged) == ["ada", "grace"]


def test_an_acknowledgement_that_nobody_works_on_lapses_and_work_puts_that_off(ops):
    ops.plan((0, "ada"), (5, "grace"), ack_timeout=20 * MINUTE)
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:01").acknowledge(by="ada")
    ops.at("09:20").tick()
    lifecycle.note(ops.incident, "Looking at the database.", by=ops.people["ada"], at=ops.now)
    ops.at("09:39").tick()
    assert ops.paged == ["ada"]
    ops.at("09:41").tick()
    assert ops.paged == ["ada", "ada"]
    assert "ada acknowledged, and nothing was done for 20m" in ops.timeline("ack_lapsed")[0]
    ops.at("09:46").tick()
    assert ops.paged == ["ada", "ada", "grace"]


def test_escalating_what_is_acknowledged_takes_it_back_and_asks_the_next_step(ops):
    ops.at("09:00").signal("checkout", "down")
    ops.acknowledge(by="ada")
    escalation.escalate_now(ops.incident, by=ops.people["ada"], at=ops.now)
    ops.tick()
    assert reload(ops).status == "detected" and ops.paged == ["ada", "grace"]
    ops.at("09:05").tick()
    assert ops.paged == ["ada", "grace", "linus"]  # in the plan's distances, from the hand on


def test_escalating_passes_over_what_was_skipped_before(ops):
    ops.plan((0, ScheduleFactory(name="The week")), (1, "ada"), (20, "grace"))
    ops.at("09:00").signal("checkout", "down")
    ops.acknowledge(by="ada")
    escalation.escalate_now(ops.incident, by=ops.people["ada"], at=ops.now)
    ops.tick()
    assert ops.paged == ["ada", "grace"]
    assert len(ops.timeline("step_skipped")) == 1


def test_help_is_accepted_or_declined_and_asked_for_once(ops):
    ops.at("09:00").signal("checkout", "down")
    ops.acknowledge(by="ada")
    ada, grace, linus = (ops.people[name] for name in ("ada", "grace", "linus"))
    assert answers.request(ops.incident, [grace, linus, ada], words="the database", by=ada, at=ops.now) == [
        grace,
        linus,
    ]
    with pytest.raises(IllegalMove, match="grace cannot be asked"):
        answers.request(ops.incident, [grace], words="", by=ada, at=ops.now)
    ops.tick()
    assert sorted(ops.paged) == ["ada", "grace", "linus"]
    answers.reply(ops.incident, by=grace, accepts=True, at=ops.now)
    answers.reply(ops.incident, by=linus, accepts=False, at=ops.now)
    with pytest.raises(IllegalMove, match="no request for help"):
        answers.reply(ops.incident, by=grace, accepts=False, at=ops.now)
    assert list(Page.objects.exclude(asked_by=None).order_by("pk").values_list("answer", flat=True)) == [
        "accepted", "declined"
    ]  # fmt: skip
    assert reload(ops).acknowledged_by == ada


# maintenance


def test_what_begins_in_maintenance_pages_nobody_and_acts_at_its_end(ops):
    MaintenanceWindowFactory(
        matchers=[{"name": "alertname", "value": "checkout", "isRegex": False, "isEqual": True}], lasts=HOUR
    )
    ops.at("09:10").signal("checkout", "down")
    ops.at("09:59").tick()
    assert ops.paged == []
    ops.at("10:00").tick()
    assert ops.paged == ["ada"]
    ops.at("10:05").tick()
    assert ops.paged == ["ada", "grace"]


def test_what_runs_when_maintenance_begins_is_held_and_escalating_it_is_refused_until_the_end(ops):
    ops.at("09:00").signal("checkout", "down")
    window = MaintenanceWindowFactory.build(
        matchers=[{"name": "alertname", "value": "checkout", "isRegex": False, "isEqual": True}],
        from_time=(NINE + 2 * MINUTE).time(), lasts=HOUR,
    )  # fmt: skip
    maintenance.settle(window, at=ops.now)
    ops.at("09:30").tick()
    assert ops.paged == ["ada"]
    with pytest.raises(IllegalMove, match="Nobody is paged for incident"):
        escalation.escalate_now(reload(ops), by=ops.people["ada"], at=ops.now)
    ops.at("10:02").tick()
    assert ops.paged == ["ada", "ada"]  # step 1 again
    ops.at("10:07").tick()
    assert ops.paged == ["ada", "ada", "grace"]


# messages


@pytest.fixture
def bundled(ops):
    """Ada was paged for the checkout just now; what comes within a minute goes out together."""
    SendingPlanFactory(policy=ops.policy, bundle_within=MINUTE, most=None, within=None)
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:00:20").signal("search", "down").signal("mail", "down")
    assert ops.paged == ["ada"]
    return ops


def end(ops, *names):
    for name in names:
        lifecycle.resolve(Incident.objects.get(title=f"{name} is down"), at=ops.now)


def test_a_bundle_in_which_nothing_is_open_any_more_is_not_sent(bundled):
    end(bundled.at("09:00:40"), "search", "mail")
    bundled.at("09:02").tick()
    assert bundled.paged == ["ada"]
    states = Delivery.objects.filter(purpose="page").order_by("pk").values_list("status", flat=True)
    assert list(states) == ["sent", "cancelled", "cancelled"]


def test_a_bundle_tells_only_of_what_is_still_open(bundled):
    end(bundled.at("09:00:40"), "search")
    bundled.at("09:01:01").tick()
    assert bundled.paged == ["ada", "ada"]
    page = [one for one in bundled.sink.received("/slack/ada") if "/a/" in str(one.json)][-1]
    assert "mail is down" in str(page.json) and "search" not in str(page.json)


def test_every_incident_of_a_great_bundle_can_be_answered_for(ops):
    SendingPlanFactory(policy=ops.policy, bundle_within=MINUTE, most=None, within=None)
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:00:20")
    for number in range(45):
        ops.signal(f"shop-{number}", "down")
    start = ops.sink.inbox.newest
    ops.at("09:01:01").tick()
    told = [str(one.json) for one in ops.sink.received("/slack/ada", after=start)]
    links = [set(re.findall(r"https?://[^\s\"'<>\\|]+/a/[^\s\"'<>\\|]+/", text)) for text in told]
    assert sum(map(len, links)) == 45 and max(map(len, links)) == 20
    asked = Delivery.objects.filter(purpose="page", status="sent").exclude(subject__contains="checkout")
    assert {row.actions[0]["url"] for row in asked} == {link for found in links for link in found}


def test_a_method_that_is_switched_off_while_a_page_climbs_is_not_used_and_the_incident_says_so(ops):
    ops.sink.fault("/slack/ada", status=503, times=None)
    ops.at("09:00").signal("checkout", "down")
    ContactMethod.objects.filter(contact=ops.people["ada"], kind="email").update(enabled=False)
    ops.at("09:01").tick()
    assert ops.paged == ["grace"]
    assert ops.timeline("unreachable") == [
        "ada could not be reached: every contact method failed (email: switched off)."
    ]


def test_who_has_no_usable_method_is_named_with_what_is_wrong(ops):
    ContactMethod.objects.filter(contact=ops.people["ada"], kind="slack").update(failed_at=NINE)
    ContactMethod.objects.filter(contact=ops.people["ada"], kind="email").update(must_verify=True, verified_at=None)
    ops.at("09:00").signal("checkout", "down")
    assert ops.paged == ["grace"]
    assert ops.timeline("unreachable") == [
        "ada could not be reached: no usable contact method (slack: refused; email: not verified)."
    ]


def test_an_outage_while_a_hand_over_passed_asks_whoever_is_on_call_now(ops):
    week = ScheduleFactory()
    LayerFactory(
        schedule=week, members=[ops.people["ada"], ops.people["grace"]], rotation="hours", length=1,
        first_handoff_at=NINE,
    )  # fmt: skip
    ops.plan((0, week))
    ops.clock_dies()
    ops.at("09:50").signal("checkout", "down")
    ops.at("10:01").clock_comes_back()
    assert ops.paged == ["grace"]


def test_everybody_on_a_step_is_asked_and_who_is_in_two_steps_at_one_time_is_asked_once(ops):
    steps(ops, {"who": ["ada", "grace"]}, {"who": ["grace", "linus"]})
    ops.at("09:00").signal("checkout", "down")
    assert sorted(ops.paged) == ["ada", "grace", "linus"]
