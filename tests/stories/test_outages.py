"""The clock was away: what fell due meanwhile happens once."""

from datetime import timedelta

from incidents.models import ResponseTarget
from tests.factories import MINUTE, NINE, CadencePlanFactory, LayerFactory, ScheduleFactory, TargetPlanFactory


def test_an_outage_costs_one_page_and_not_one_for_each_missed_step(ops):
    week = ScheduleFactory()
    LayerFactory(schedule=week, members=[ops.people["ada"]], first_handoff_at=NINE)
    ops.plan((0, week), (5, week), (10, week), (30, "grace"))
    ops.clock_dies()
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:20").clock_comes_back()  # the incident begins only now
    ops.clock_dies()
    ops.at("09:45").clock_comes_back()  # two more steps for ada
    assert ops.paged == ["ada", "ada"]
    assert ops.skipped() == ["ada was asked after this step's time already; 900 s late"]
    ops.at("09:50").tick()
    assert ops.paged == ["ada", "ada", "grace"]  # 30 minutes after the opening
    assert "late" in ops.timeline("paged")[1]


def test_everybody_whose_step_was_missed_is_asked_once(ops):
    ops.at("09:00").signal("checkout", "down")
    ops.clock_dies()
    ops.at("09:15").clock_comes_back()
    assert sorted(ops.paged) == ["ada", "grace", "linus"]


def test_a_missed_target_is_recorded_once_and_says_how_late_it_was_noticed(ops):
    TargetPlanFactory(policy=ops.policy, severity=ops.critical, within=5 * MINUTE)
    ops.at("09:00").signal("checkout", "down")
    ops.clock_dies()
    ops.at("09:15").clock_comes_back()
    ops.at("09:30").tick()
    assert len(ops.timeline("target_breached")) == 1
    assert "noticed 10 min later" in ops.timeline("target_breached")[0]
    target = ResponseTarget.objects.get()
    assert target.due_at == NINE + 5 * MINUTE and target.breached_at == NINE + 15 * MINUTE


def test_updates_that_were_missed_are_reminded_of_once(ops):
    CadencePlanFactory(policy=ops.policy, severity=ops.critical, every=10 * MINUTE)
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:01").acknowledge(by="ada")
    ops.clock_dies()
    ops.at("09:45").clock_comes_back()
    assert len(ops.timeline("update_overdue")) == 1
    ops.at("09:51").tick()
    assert len(ops.timeline("update_overdue")) == 2  # in step again


def test_the_quiet_time_runs_on_while_the_clock_is_away(ops):
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:10").signal("checkout", "up")
    ops.clock_dies()
    ops.at("09:40").clock_comes_back()
    assert ops.incident.status == "resolved"
    assert ops.incident.resolved_at - NINE == timedelta(minutes=40)
