"""What the packs say of the response: every target just before, at and after its instant; owners; who is paged."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command

from incidents import lifecycle, targets
from incidents.models import Incident, Page
from notifications.models import Delivery
from oncall.models import EscalationContact, Schedule
from policies.models import Policy, TargetPlan
from tests.accounts import signed_in
from tests.factories import LayerFactory, LayerMemberFactory

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TEN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PACK = WHATSAPP = "whatsapp-alert-policy"
pytestmark = pytest.mark.usefixtures("pack_of_module")


def opened(policy: str, level: str, *, at: datetime = TEN) -> Incident:
    found = Policy.objects.get(key=policy)
    opening = lifecycle.Opening(
        policy=found, severity=found.severities.get(key=level), key=f"test-{level}", title=f"{level} at {policy}"
    )
    return lifecycle.open_incident(opening, at=at)


def run_timers(at: datetime) -> None:
    call_command("run_timers", now=at, verbosity=0)


PLANS = [
    ("default", "critical", "acknowledge", 5 * MINUTE),
    ("default", "critical", "mitigate", 30 * MINUTE),
    ("default", "warning", "acknowledge", HOUR),
    (WHATSAPP, "P0", "acknowledge", 5 * MINUTE),
    (WHATSAPP, "P0", "mitigate", 15 * MINUTE),
    (WHATSAPP, "P1", "acknowledge", 15 * MINUTE),
    (WHATSAPP, "P1", "mitigate", 45 * MINUTE),
    (WHATSAPP, "P2", "acknowledge", 60 * MINUTE),
    (WHATSAPP, "P2", "mitigate", 4 * HOUR),
]
ACTS = {"acknowledge": lifecycle.acknowledge, "mitigate": lifecycle.mitigate}


def test_no_number_of_a_target_is_left_out(load):
    load("default")
    load("mailer")
    plans = TargetPlan.objects.filter(within__isnull=False).select_related("policy", "severity")
    assert {(p.policy.key, p.severity.key, p.kind, p.within) for p in plans} == set(PLANS)


@pytest.mark.req("AP-07", "AP-14", "AP-15", "AP-20", "AP-21")
@pytest.mark.parametrize(("policy", "level", "kind", "within"), PLANS)
def test_a_target_not_met_is_breached_after_its_instant_and_once(load, policy, level, kind, within):
    if policy != PACK:
        load(policy)
    incident = opened(policy, level)
    target = incident.targets.get(kind=kind)
    assert target.due_at == TEN + within
    for moment, state in [(within - SECOND, "pending"), (within, "pending"), (within + SECOND, "breached")]:
        targets.check_due(at=TEN + moment)
        target.refresh_from_db()
        assert target.state == state, moment
    targets.check_due(at=TEN + within + HOUR)
    assert incident.timeline.filter(kind="target_breached", data__kind=kind).count() == 1


@pytest.mark.parametrize(("policy", "level", "kind", "within"), PLANS)
@pytest.mark.parametrize(("off", "state"), [(-SECOND, "met"), (timedelta(), "met"), (SECOND, "breached")])
def test_a_target_is_met_up_to_its_instant(load, ada, policy, level, kind, within, off, state):
    if policy != PACK:
        load(policy)
    incident = opened(policy, level)
    ACTS[kind](incident, by=ada, at=TEN + within + off)
    target = incident.targets.get(kind=kind)
    assert (target.state, target.met_at) == (state, TEN + within + off)


@pytest.mark.req("AP-06")
def test_p0_is_acknowledged_in_five_minutes_or_breached_once_and_escalated(ada, grace):
    EscalationContact.objects.get(name="Platform Lead").members.add(grace)
    on_call(ada)
    incident = opened(WHATSAPP, "P0")
    assert incident.targets.get(kind="acknowledge").due_at == TEN.replace(minute=5)
    for moment in ("10:05:01", "10:05:02"):
        run_timers(datetime.fromisoformat(f"2026-11-23T{moment}+00:00"))
    assert incident.targets.get(kind="acknowledge").state == "breached"
    assert incident.timeline.filter(kind="target_breached").count() == 1
    second = incident.escalations.get().turns.get(position=1)
    assert second.outcome == "paged" and second.taken_at.minute == 5
    lifecycle.resolve(incident, by=ada, at=TEN + HOUR)
    in_time = opened(WHATSAPP, "P0", at=TEN + HOUR)
    lifecycle.acknowledge(in_time, by=ada, at=TEN + HOUR + 4 * MINUTE)
    run_timers(TEN + HOUR + 10 * MINUTE)
    assert in_time.targets.get(kind="acknowledge").state == "met"


@pytest.mark.parametrize(
    ("detected", "due"),
    [
        ("2026-11-27T18:00:00+07:00", "2026-11-30T17:00:00+07:00"),  # Friday evening: Monday's end
        ("2026-11-27T08:59:59+07:00", "2026-11-27T17:00:00+07:00"),  # before it begins: this day's
        ("2026-11-27T09:00:00+07:00", "2026-11-30T17:00:00+07:00"),  # in it: the next one's
        ("2026-11-24T12:00:00+07:00", "2026-11-25T17:00:00+07:00"),
    ],
)
def test_p3_is_acknowledged_in_the_next_business_cycle(db, detected, due):
    incident = opened(WHATSAPP, "P3", at=datetime.fromisoformat(detected))
    target = incident.targets.get()
    assert (target.kind, target.due_at) == ("acknowledge", datetime.fromisoformat(due))  # no mitigation target
    for moment, state in [(-SECOND, "pending"), (timedelta(), "pending"), (SECOND, "breached")]:
        targets.check_due(at=target.due_at + moment)
        target.refresh_from_db()
        assert target.state == state
    assert [str(owner) for owner in incident.owners.all()] == ["Platform"]  # the policy's own


@pytest.mark.req("AP-08", "AP-16", "AP-22")
@pytest.mark.parametrize(
    ("level", "owners"), [("P0", ["Platform Lead"]), ("P1", ["Operations", "Platform"]), ("P2", ["Platform"])]
)
def test_each_level_has_its_owners_and_they_are_told_first(ada, grace, level, owners):
    EscalationContact.objects.get(name=owners[0]).members.add(ada)
    if len(owners) > 1:
        EscalationContact.objects.get(name=owners[1]).members.add(grace)
    incident = opened(WHATSAPP, level)
    assert sorted(str(owner) for owner in incident.owners.all()) == owners
    told = set(Delivery.objects.filter(created_at=TEN).values_list("to", flat=True))
    assert {"ada", *(["grace"] if len(owners) > 1 else [])} <= told


@pytest.mark.req("AP-16")
@pytest.mark.parametrize("who", ["ada", "grace"])
def test_p1_may_be_acknowledged_by_either_of_its_two_teams(ada, grace, client, who):
    EscalationContact.objects.get(name="Platform").members.add(ada)
    EscalationContact.objects.get(name="Operations").members.add(grace)
    incident = opened(WHATSAPP, "P1")
    person = {"ada": ada, "grace": grace}[who]
    with time_machine.travel(TEN + MINUTE, tick=False):
        answer = signed_in(client, person, "Responder").post(f"{incident.get_absolute_url()}acknowledge/")
    assert answer.status_code == 302
    incident.refresh_from_db()
    assert (incident.acknowledged_by, incident.acknowledged_at) == (person, TEN + MINUTE)
    target = incident.targets.get(kind="acknowledge")
    assert (target.state, target.met_at) == ("met", TEN + MINUTE)


def on_call(contact: EscalationContact) -> None:
    layer = LayerFactory(schedule=Schedule.objects.get(key="primary"), first_handoff_at=TEN - 24 * HOUR)
    layer.places.all().delete()
    LayerMemberFactory(layer=layer, contact=contact)


@pytest.mark.req("AP-23", "AP-28")
@pytest.mark.parametrize(("level", "pages"), [("P0", ["ada"]), ("P1", ["ada"]), ("P2", []), ("P3", [])])
def test_p0_and_p1_page_whoever_is_on_call_and_the_others_nobody(ada, grace, client, level, pages):
    on_call(ada)
    EscalationContact.objects.get(name="on-call").members.add(grace)
    incident = opened(WHATSAPP, level)
    run_timers(TEN + SECOND)
    assert [str(page.contact) for page in Page.objects.filter(incident=incident)] == pages
    assert Delivery.objects.filter(purpose="page").count() == len(pages)
    listed = signed_in(client, grace, "Viewer").get("/incidents/").content.decode()
    assert f"#{incident.pk} {incident.title}" in listed  # paged or not, it is on record


def test_without_a_roster_the_next_step_comes_at_once(ada):
    EscalationContact.objects.get(name="on-call").members.add(ada)
    incident = opened(WHATSAPP, "P0")
    run_timers(TEN + SECOND)
    run_timers(TEN + 2 * SECOND)
    assert [str(page.contact) for page in Page.objects.filter(incident=incident)] == ["ada"]
    skipped = incident.escalations.get().turns.get(position=0)
    assert skipped.outcome == "skipped"


@pytest.mark.req("ML-79")
def test_the_mailers_alerts_go_to_whoever_the_roster_names(watch_mailer, mailer, ada, grace):
    on_call(grace)
    mailer.stuck(1)
    watch_mailer.check()
    run_timers(watch_mailer.at + SECOND)
    assert [str(page.contact) for page in Page.objects.all()] == ["grace"]


@pytest.mark.req("AP-17")
def test_the_meaning_of_a_level_stands_on_the_incidents_page(admin_client):
    page = admin_client.get(opened(WHATSAPP, "P2").get_absolute_url())
    assert "Degradasi performa non-blocking." in page.content.decode()
