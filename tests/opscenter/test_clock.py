"""One tick: what is due, in which order, and what a failing sweep does to the others."""

from datetime import timedelta

import pytest
from django.db import connection

from alerts import grouping
from incidents import escalation, paging
from incidents.models import Incident, Page
from notifications.models import Delivery
from opscenter import clock
from opscenter.due import EARLIEST, look
from tests.factories import (
    MINUTE,
    NINE,
    ActionItemFactory,
    AlertFactory,
    AlertRuleFactory,
    AnnouncedFactory,
    CallFactory,
    DeliveryFactory,
    EscalationFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    HeartbeatFactory,
    HeldNoticeFactory,
    ImpactAskFactory,
    IncidentFactory,
    IntegrationFactory,
    LiveItemFactory,
    LivenessFactory,
    MaintenanceWindowFactory,
    ObjectiveFactory,
    PageFactory,
    PanelFactory,
    PolicyFactory,
    ProposedUpdateFactory,
    RecoveryFactory,
    ResponseTargetFactory,
    ReviewFactory,
    ScheduleFactory,
    SeverityFactory,
    ShiftPlanFactory,
    ShiftReviewFactory,
    SilenceFactory,
    StatusPageFactory,
    ThresholdReviewFactory,
    TicketFactory,
    TightenedFactory,
    TurnFactory,
    UpdateItemFactory,
    WantedFactory,
)

LATER = NINE + 10 * MINUTE


def named(name, result=0, log=None):
    """A timer called `name` that finds `result` rows the first time, then none."""
    left = [result]

    def timer(*, at):
        if log is not None:
            log.append(name)
        return left.pop() if left else 0

    timer.__module__, timer.__name__ = "tests", name
    return timer


def failing(*, at):
    raise ValueError("this sweep is broken")


def page_ada_for_an_alert(ada):
    """An alert that has just come in, of a level that pages ada at once."""
    policy = PolicyFactory(key="default")
    SeverityFactory(policy=policy, key="critical", rank=0)
    EscalationStepFactory(policy=EscalationPolicyFactory(policy=policy), after=timedelta(0), contacts=[ada])
    door = IntegrationFactory(kind="alertmanager", policy=policy)
    alert = AlertFactory(integration=door, name="Down", labels={"alertname": "Down", "severity": "critical"})
    LivenessFactory(alert=alert, severity_key="critical", starts_at=NINE, last_seen_at=NINE, assign_at=NINE)


def test_one_tick_carries_an_alert_to_its_outbox_row(db, ada):
    page_ada_for_an_alert(ada)
    outcome = clock.run(clock.TIMERS, at=NINE)
    assert Delivery.objects.filter(purpose="page", next_attempt_at=NINE).count() == 1
    assert list(outcome.done) == ["alerts.grouping.assign_due", "incidents.escalation.climb_due"]


def test_what_follows_from_a_sweep_is_found_by_the_next_look(db, ada):
    page_ada_for_an_alert(ada)
    seen = [sorted(clock.run(clock.TIMERS, at=NINE, due=look().by(NINE)).done) for _ in range(3)]
    assert seen == [["alerts.grouping.assign_due"], ["incidents.escalation.climb_due"], []]


def test_a_failing_sweep_is_told_and_stops_no_other(db, caplog, monkeypatch):
    monkeypatch.setattr(clock, "_told", {})
    outcome = clock.run([named("first", 3), failing, named("last", 2)], at=NINE)
    assert outcome.done == {"tests.first": 3, "tests.last": 2}
    assert outcome.failed == [f"{__name__}.failing"]
    assert "this sweep is broken" in caplog.text
    clock.run([failing], at=NINE + timedelta(seconds=59))
    assert len(caplog.records) == 1
    clock.run([failing], at=NINE + timedelta(seconds=60))
    assert len(caplog.records) == 2


def test_a_sweep_repeats_while_it_finds_rows(db):
    log = []
    assert clock.exhaust(named("busy", 3, log), at=NINE) == 3
    assert log == ["busy", "busy"]


def test_a_sweep_that_never_ends_leaves_the_rest_to_the_next_tick(db):
    assert clock.exhaust(lambda *, at: 7, at=NINE) == 7 * clock.ROUNDS


def test_only_what_is_due_runs(db):
    log = []
    timers = [named("before", 0, log), named("due", 1, log), named("after", 0, log)]
    clock.run(timers, at=NINE, due={"tests.due"})
    assert log == ["due"]  # and once: what is left is for the next look


def test_every_sweep_is_looked_at():
    swept = {clock.name_of(timer) for timer in clock.TIMERS}
    assert set(EARLIEST) - swept == {
        "notifications.outbox.deliver_due", "alerts.evaluation.check_due", "runbooks.live.ask_due",
        "analytics.slo.measure_due", "shifts.capturing.capture_due", "dashboards.sampling.sample_due",
    }  # fmt: skip
    assert swept - set(EARLIEST) == set()


def test_nothing_due_in_an_empty_database(db):
    assert look().due == {}
    assert look().by(NINE) == set() and look().next_after(NINE) is None


DUE_ROWS = {
    "analytics.threshold_reviews.remind_due": lambda: ThresholdReviewFactory(remind_at=LATER, rule__enabled=False),
    "recovery.prompting.look_due": lambda: RecoveryFactory(look_at=LATER),
    "tickets.keeping.look_due": lambda: TicketFactory(look_at=LATER),
    "alerts.expiry.expire_due": lambda: LivenessFactory(check_at=LATER, assign_at=None),
    "alerts.grouping.assign_due": lambda: LivenessFactory(assign_at=LATER, check_at=None),
    "alerts.silencing.hold_due": lambda: SilenceFactory(take_hold_at=LATER),
    "alerts.maintenance.begin_due": lambda: MaintenanceWindowFactory(look_at=LATER),
    "incidents.notices.release_due": lambda: HeldNoticeFactory(look_at=LATER),
    "alerts.heartbeats.look_due": lambda: HeartbeatFactory(due_at=LATER),
    "incidents.escalation.climb_due": lambda: TurnFactory(due_at=LATER),
    "incidents.calls.make_due": lambda: CallFactory(due_at=LATER),
    "incidents.lapsing.lapse_due": lambda: EscalationFactory(lapse_at=LATER),
    "incidents.targets.check_due": lambda: ResponseTargetFactory(check_at=LATER),
    "incidents.impact.prompt_due": lambda: ImpactAskFactory(look_at=LATER),
    "incidents.updates.remind_due": lambda: IncidentFactory(remind_at=LATER),
    "incidents.update_items.remind_due": lambda: UpdateItemFactory(remind_at=LATER),
    "incidents.update_approval.lapse_due": lambda: ProposedUpdateFactory(lapse_at=LATER),
    "status.maintenance.look_due": lambda: AnnouncedFactory(look_at=LATER),
    "status.exporting.refresh_due": lambda: StatusPageFactory(export_at=LATER),
    "incidents.recovery.resolve_due": lambda: IncidentFactory(quiet_until=LATER),
    "reviews.followup.remind_due": lambda: ReviewFactory(remind_at=LATER),
    "reviews.action_letters.remind_due": lambda: ActionItemFactory(remind_at=LATER),
    "oncall.ahead.look_due": lambda: ScheduleFactory(look_at=LATER),
    "oncall.handoff.look_due": lambda: ScheduleFactory(handoff=True, handoff_at=LATER),
    "shifts.watching.look_due": lambda: ShiftPlanFactory(look_at=LATER),
    "shifts.watching.remind_due": lambda: ShiftReviewFactory(plan__look_at=None, plan__schedule=None, remind_at=LATER),
    "shifts.capturing.capture_due": lambda: ShiftReviewFactory(plan__schedule=None, capture_at=LATER),
    "notifications.outbox.deliver_due": lambda: DeliveryFactory(next_attempt_at=LATER),
    "runbooks.effects.put_back_due": lambda: TightenedFactory(back_at=LATER),
    "runbooks.live.ask_due": lambda: LiveItemFactory(next_at=LATER),
    "checkup.snapshots.freeze_due": lambda: WantedFactory(due_at=LATER),
    "alerts.evaluation.check_due": lambda: AlertRuleFactory(next_check_at=LATER),
    "analytics.slo.measure_due": lambda: ObjectiveFactory(measure_at=LATER),
    "dashboards.sampling.sample_due": lambda: PanelFactory(kind="source", sample_at=LATER),
    "incidents.paging.follow_up_due": lambda: PageFactory(
        delivery=DeliveryFactory(status="sent", next_attempt_at=None, ended_at=LATER)
    ),
}


@pytest.mark.parametrize("name", EARLIEST)
def test_the_look_finds_what_each_sweep_has_due(db, name):
    DUE_ROWS[name]()
    assert look().due == {name: LATER}
    assert look().by(LATER - timedelta(microseconds=1)) == set()
    assert look().by(LATER) == {name}
    assert look().next_after(NINE) == LATER


def test_the_look_forgets_rules_that_are_off(db):
    AlertRuleFactory(enabled=False, next_check_at=LATER)
    assert look().due == {}


def test_the_look_is_one_query(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        look()


@pytest.mark.parametrize("name", sorted(set(EARLIEST) - {"incidents.paging.follow_up_due"}))
def test_the_look_reads_the_partial_index_of_its_sweep(db, name):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # an empty table is read whole whatever its indexes
            cursor.execute(f"EXPLAIN {EARLIEST[name]}")
            assert "Index" in str(cursor.fetchall())
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {EARLIEST[name]}")
            plan = str(cursor.fetchall())
            assert "USING INDEX" in plan or "USING COVERING INDEX" in plan, plan


def test_a_page_that_failed_goes_on_in_the_same_tick(db, ada, grace):
    """The follow-up comes before the climb, so that the next step is taken at once."""
    assert clock.TIMERS.index(paging.follow_up_due) < clock.TIMERS.index(escalation.climb_due)
    assert clock.TIMERS.index(grouping.assign_due) < clock.TIMERS.index(escalation.climb_due)
    incident = IncidentFactory(status="detected")
    run = TurnFactory(due_at=NINE + MINUTE, escalation__incident=incident).escalation
    turn = run.turns.create(position=7, planned_at=NINE, outcome="paged", taken_at=NINE)
    delivery = DeliveryFactory(status="failed", next_attempt_at=None, ended_at=NINE)
    PageFactory(incident=incident, contact=ada, turn=turn, delivery=delivery, method=ada.methods.get())
    outcome = clock.run(clock.TIMERS, at=NINE)
    assert outcome.done["incidents.escalation.climb_due"] >= 1
    assert Page.objects.get(turn=turn).state == "unreachable"
    assert Incident.objects.count() == 1
