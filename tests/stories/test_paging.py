"""Who is paged, and until when."""

from incidents.models import Status
from tests.factories import HOUR, MINUTE, NINE, LayerFactory, OverrideFactory, ScheduleFactory


def test_a_page_climbs_until_somebody_answers(ops):
    ops.at("09:00").signal("checkout", "down")
    assert ops.paged == ["ada"]
    ops.at("09:05").tick()
    assert ops.paged == ["ada", "grace"]
    ops.at("09:06").acknowledge(by="grace")
    ops.at("09:30").tick()
    assert ops.paged == ["ada", "grace"]  # the clock has stopped
    assert ops.skipped() == ["Stopped: acknowledged by grace"] * 2  # linus, and margaret for everybody


def test_when_nobody_answers_the_catch_all_is_asked_and_told_why(ops):
    ops.at("09:00").signal("checkout", "down")
    ops.at("12:00").tick()
    assert ops.paged == ["ada", "grace", "linus", "margaret"]
    assert "nobody before has answered" in ops.timeline("paged")[-1]
    assert ops.timeline("escalation_exhausted") == ["The escalation has gone through every step."]


def test_with_nobody_on_call_the_catch_all_is_asked_at_once(ops):
    ops.plan((0, ScheduleFactory(name="The week")), (15, ScheduleFactory(name="The back-up")))
    ops.at("09:00").signal("checkout", "down")
    assert ops.paged == ["margaret"]
    assert ops.skipped() == ["nobody on call in The week", "nobody on call in The back-up"]


def test_a_hand_over_between_two_steps_pages_whoever_is_on_call_then(ops):
    week = ScheduleFactory()
    people = [ops.people["ada"], ops.people["grace"]]
    LayerFactory(schedule=week, members=people, rotation="hours", length=1, first_handoff_at=NINE - 55 * MINUTE)
    ops.plan((0, week), (4, week), (5, week))
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:10").tick()
    assert ops.paged == ["ada", "ada", "grace"]  # the hand-over is at 09:05


def test_an_override_answers_instead_of_the_rotation(ops):
    week = ScheduleFactory()
    LayerFactory(schedule=week, members=[ops.people["ada"]], first_handoff_at=NINE - HOUR)
    OverrideFactory(schedule=week, contact=ops.people["linus"], starts_at=NINE, ends_at=NINE + HOUR)
    ops.plan((0, week))
    ops.at("09:59").signal("checkout", "down")
    ops.at("10:00").signal("search", "down")
    assert ops.paged == ["linus", "ada"]


def test_who_acknowledges_is_not_told_of_it_and_the_others_are(ops):
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:05").tick()
    ops.at("09:06").acknowledge(by="ada")
    assert ops.told("ada") == []
    assert ops.told("grace") == [f"Acknowledged: [critical] #{ops.incident.pk} checkout is down"]
    assert ops.told("linus") == []  # was never asked


def test_an_acknowledgement_takes_back_a_page_that_waits_for_its_next_try(ops):
    ops.sink.fault("/slack/ada", status=503, times=None)
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:00:01").acknowledge(by="grace")
    ops.sink.faults.clear()
    ops.at("09:30").tick()
    assert ops.paged == []


def test_a_level_that_does_not_page_pages_nobody(ops):
    ops.at("09:00").signal("disk", "down", severity="warning")
    ops.at("10:00").tick()
    assert ops.paged == []
    ops.signal("disk", "down", severity="critical", host="db-1")  # joins, and raises the level
    assert ops.paged == ["ada"]


def test_it_resolves_after_its_quiet_time_and_a_return_within_it_pages_nobody_again(ops):
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:01").acknowledge(by="ada")
    ops.at("09:10").signal("checkout", "up")
    ops.at("09:14").signal("checkout", "down")
    ops.at("09:20").signal("checkout", "up")
    ops.at("09:24:59").tick()
    assert ops.incident.status == Status.ACKNOWLEDGED
    ops.at("09:25").tick()
    assert ops.incident.status == Status.RESOLVED
    assert ops.paged == ["ada"]
    first = ops.incident
    ops.at("09:26").signal("checkout", "down")
    assert ops.incident != first and ops.paged == ["ada", "ada"]
