"""Who would be asked, when and how: what the simulator says is what then happens."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents import lifecycle, supposing
from incidents.models import Turn
from notifications.models import Delivery
from opscenter import clock
from opscenter.due import look
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    CalendarFactory,
    ContactFactory,
    ContactMethodFactory,
    DestinationFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    LayerFactory,
    PersonalRuleFactory,
    PolicyFactory,
    RouteFactory,
    ScheduleFactory,
    ServiceFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
SUNDAY = datetime(2026, 11, 22, 3, 10, tzinfo=UTC)


@pytest.fixture
def level():
    policy = PolicyFactory(key="shop", service=ServiceFactory(key="checkout"))
    SeverityFactory(policy=policy, key="P3", rank=3, page=False)
    RouteFactory(policy=policy, destinations=[DestinationFactory(key="war-room")])
    return SeverityFactory(policy=policy, key="P1", rank=1)


@pytest.fixture
def plan(level, margaret):
    return EscalationPolicyFactory(policy=level.policy, key="shop-night", name="Shop at night", catch_all=margaret)


def step(plan, minutes=0, *contacts, destinations=(), **more):
    made = EscalationStepFactory(
        policy=plan, position=plan.steps.count(), after=minutes * MINUTE, contacts=contacts, **more
    )  # fmt: skip
    made.destinations.set(destinations)
    return made


def happens(level, at):
    """Let it happen and nobody answer: the turns as they were taken, and every page as it was queued."""
    incident = lifecycle.open_incident(
        lifecycle.Opening(
            policy=level.policy, severity=level, service=level.policy.service, key="it", title="It is down"
        ),
        at=at,
    )  # fmt: skip
    here = at
    while True:
        clock.run(clock.TIMERS, at=here, due=look().by(here))
        sent = Delivery.objects.filter(next_attempt_at__isnull=False)
        if sent.update(status="sent", next_attempt_at=None, ended_at=here) or look().by(here):
            continue
        following = look().next_after(here)
        if following is None:
            break
        here = following
    turns = Turn.objects.filter(escalation__incident=incident).order_by("taken_at", "position")
    pages = Delivery.objects.filter(purpose="page").order_by("created_at", "to", "kind")
    return (
        [
            (
                turn.position + 1,
                turn.taken_at,
                turn.outcome,
                "" if turn.reason.startswith(("told", "prompted")) else turn.reason,
            )
            for turn in turns
        ],
        sorted(pages.values_list("created_at", "to", "kind")),
        sorted(Delivery.objects.filter(data__event="escalated").values_list("created_at", "to")),
    )


def simulated(found):
    outcomes = {"asks": "paged", "tells": "paged", "skipped": "skipped"}
    calls = {
        (call.at, one.person.name, call.method.kind) for s in found.steps for one in s.people for call in one.calls
    }
    return (
        [(one.number, one.at, outcomes[one.outcome], one.reason) for one in found.steps],
        sorted(calls),
        sorted((one.at, place) for one in found.steps for place in one.places),
    )


@pytest.fixture
def everything(plan, level, ada, grace, linus, margaret):
    """A plan with all that a step can be, and people who are not simply there."""
    calendar = CalendarFactory(policy=level.policy, key="office")
    for method, minutes in ((ada.methods.get(), 0), (ContactMethodFactory(contact=ada, kind="slack", position=1), 3)):
        PersonalRuleFactory(contact=ada, method=method, after=minutes * MINUTE)
    sleeper = ContactFactory(
        name="barbara", quiet_from=time(22), quiet_until=time(7), quiet_levels=["P0"], backup=grace
    )
    ContactMethodFactory(contact=sleeper)
    stranger = ContactFactory(name="ken", backup=linus)
    ContactMethodFactory(contact=stranger, must_verify=True, verified_at=None)
    team = ContactFactory(name="platform", kind="team")
    team.members.set([grace, linus, ContactFactory(name="ivan")])
    empty, week = ScheduleFactory(name="The night"), ScheduleFactory(name="The week")
    LayerFactory(schedule=week, members=[ada, linus], rotation="hours", length=1, first_handoff_at=SUNDAY - 30 * MINUTE)
    step(plan, 0, schedule=empty)
    step(plan, 10, schedule=week)
    step(plan, 15, hours="inside", calendar=calendar, schedule=week)
    step(plan, 5, since="step", schedule=week)
    step(plan, 30, sleeper, stranger)
    step(plan, 31, team, asks="in_turn", repeat=2, repeat_every=2 * MINUTE)
    step(plan, 40, ada, match={"labels": {"service": "search"}})
    step(plan, 45, destinations=[DestinationFactory(key="oncall-room")], condition="unassessed")
    step(plan, 50, ada, at_least=SeverityFactory(policy=level.policy, key="P0", rank=0))
    step(plan, 55, grace, asks="all_ack", condition="unresolved")
    step(plan, 60, ContactFactory(name="smtp.bz", kind="vendor"))
    plan.repeat, plan.repeat_after = 1, 20 * MINUTE
    plan.save()
    return plan


def test_what_it_says_is_what_then_happens(everything, level):
    found = supposing.answer(policy="shop-night", severity="p1", at=SUNDAY.isoformat(), now=NINE)
    assert len(found.steps) == 27
    told = simulated(found)
    turns, pages, places = happens(level, SUNDAY)
    assert told[0] == turns
    assert told[1] == pages  # barbara, who was asked for in both rounds, is asked once in the morning
    assert [one[0] for one in told[2]] == [one[0] for one in places]
    assert found.ends_at == turns[-1][1]


def test_it_writes_nothing(everything, level, client, admin_client):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        call_command("simulate_escalation", "shop-night", at=SUNDAY.isoformat())
    writes = [one["sql"] for one in asked if not one["sql"].lstrip().upper().startswith("SELECT")]
    assert asked.captured_queries and writes == []


def test_the_command_answers_for_any_instant(everything, ada, capsys):
    call_command("simulate_escalation", "shop-night", "--severity", "P1", "--at", "2026-11-22T03:10:00Z", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["escalation"], found["severity"], found["service"]) == ("shop-night", "P1", "checkout")
    first, second = found["steps"][:2]
    assert (first["outcome"], first["reason"]) == ("skipped", "nobody on call in The night")
    assert second["at"] == "2026-11-22T03:10:00Z" and second["planned_at"] == "2026-11-22T03:20:00Z"
    assert [(one["method"], one["at"]) for one in second["people"][0]["calls"]] == [
        ("email", "2026-11-22T03:10:00Z"), ("slack", "2026-11-22T03:13:00Z")
    ]  # fmt: skip
    steps = {one["step"]: one for one in found["steps"]}
    assert [one["reason"] for one in steps.values() if one["outcome"] == "skipped"][1] == (
        "Not in the calendar's hours (office)."
    )
    asleep, backup, unverified, other = next(one for one in steps.values() if "barbara" in one["aim"])["people"]
    assert asleep["why_not"] == "quiet hours until 07:00 UTC, which P1 does not break"
    assert asleep["calls"][0]["at"] == "2026-11-22T07:00:00Z"
    assert (backup["name"], backup["instead_of"]) == ("grace", "barbara")
    assert unverified["why_not"] == "no usable contact method" and "not verified" in unverified["not_used"][0]
    assert (other["name"], other["instead_of"]) == ("linus", "ken")
    assert found["steps"][-1]["catch_all"] and found["steps"][-1]["people"][0]["name"] == "margaret"
    assert found["nobody_answered_tells"] == ["war-room"]


def test_in_words_a_line_a_step(plan, ada, capsys):
    step(plan, 0, ada)
    step(plan, 15, schedule=ScheduleFactory(name="The week"))
    call_command("simulate_escalation", "shop-night", at="2026-11-22T03:10:00Z")
    assert capsys.readouterr().out.splitlines() == [
        "Shop at night, P1, from Sunday 2026-11-22 03:10:00 UTC, if nobody answers:",
        "+0:00:00 03:10:00 step 1 (ada) asks",
        "    ada: 03:10:00 email ada@example.org",
        "+0:15:00 03:25:00 step 2 (The week) skipped: nobody on call in The week",
        "+0:15:00 03:25:00 step 3 (catch-all) asks (at once: nobody before is reached): nobody before has answered",
        "    margaret: 03:25:00 email margaret@example.org",
        "+0:15:00 03:25:00 nobody answered: tells war-room",
    ]


def test_a_policy_is_asked_which_escalation_takes_the_level(plan, level, ada, grace, capsys):
    step(plan, 0, ada)
    other = EscalationPolicyFactory(policy=level.policy, key="other")
    other.severities.set([level])
    step(other, 0, grace)
    call_command("simulate_escalation", "shop", "--severity", "P1", "--json")
    assert json.loads(capsys.readouterr().out)["escalation"] == "other"
    call_command("simulate_escalation", "shop-night", "--severity", "P1")
    assert "For P1 of shop, other comes first; this is what Shop at night would do." in capsys.readouterr().out


def test_a_level_that_pages_nobody_tells_places_alone(plan, ada, capsys):
    step(plan, 0, ada)
    low = plan.policy.severities.get(key="P3")
    plan.severities.set([low])
    step(plan, 5, destinations=[DestinationFactory(key="oncall-room")])
    call_command("simulate_escalation", "shop-night", "--severity", "P3", "--json")
    found = json.loads(capsys.readouterr().out)
    assert [(one["outcome"], one["places"]) for one in found["steps"]] == [("tells", ["oncall-room"])]
    assert found["notes"] and found["ends_at"] is None


def test_a_naive_instant_is_on_the_policys_clock(plan, level, ada):
    level.policy.timezone = "Asia/Jakarta"
    level.policy.save()
    step(plan, 0, ada)
    found = supposing.answer(policy="shop-night", at="2026-11-22T03:10", now=NINE)
    assert found.at == SUNDAY - 7 * HOUR


@pytest.mark.parametrize(
    "policy, more, words",
    [
        ("nope", {}, "There is no escalation policy 'nope'; there are shop-night."),
        ("shop-night", {"severity": "P9"}, "There is no level 'P9' in shop; there are P1, P3."),
        ("shop-night", {"service": "nope"}, "There is no service 'nope'; there are checkout."),
        ("shop-night", {"at": "soon"}, "'soon' is no instant; write 2026-11-22T03:10:00Z."),
        ("shop-night", {"at": "9999-12-31T23:59:59-10:00"}, "is no instant"),
        ("shop-night", {"label": ["odd"]}, "'odd' is no label; write name=value."),
    ],
)
def test_a_question_that_cannot_be_asked_says_what_to_write(plan, admin_client, policy, more, words):
    with pytest.raises(CommandError) as refusal:
        call_command("simulate_escalation", policy, **more)
    assert words in str(refusal.value) and refusal.value.returncode == 2
    asked = {**more, "labels": "\n".join(more.get("label", []))}
    page = admin_client.get("/incidents/simulator/", {"policy": policy, **asked}).content.decode()
    assert words.replace("'", "&#x27;") in page


def test_the_page_shows_the_chain_and_is_reached_from_the_admin(everything, admin_client):
    home = admin_client.get(f"/admin/incidents/escalationpolicy/{everything.pk}/change/").content.decode()
    assert '/incidents/simulator/?policy=shop-night"' in home
    assert "/incidents/simulator/" in admin_client.get("/incidents/").content.decode()
    page = admin_client.get(
        "/incidents/simulator/", {"policy": "shop-night", "severity": "P1", "at": "2026-11-22T03:10Z"}
    ).content.decode()
    for words in ("Nobody on call in The night", "quiet hours until 07:00 UTC", "not verified", "margaret", "war-room"):
        assert words in page


def test_who_may_not_see_incidents_may_not_ask(client, django_user_model, plan):
    assert client.get("/incidents/simulator/").status_code == 302
    client.force_login(django_user_model.objects.create_user("visitor"))
    assert client.get("/incidents/simulator/").status_code == 403


def test_a_plan_in_which_nobody_is_left_says_so(level, admin_client):
    lonely = EscalationPolicyFactory(policy=level.policy, key="lonely")
    step(lonely, 0, schedule=ScheduleFactory(name="The night"))
    page = admin_client.get("/incidents/simulator/", {"policy": "lonely"}).content.decode()
    assert "Nobody at all would be asked." in page and "No catch-all contact is named" in page


def test_a_plan_that_repeats_for_long_is_looked_at_in_part(plan):
    step(plan, 1, repeat=100, repeat_every=timedelta(minutes=1))
    plan.repeat = 3
    plan.save()
    found = supposing.answer(policy="shop-night", now=NINE)
    assert found.notes == ["Only the first 200 of 405 steps are looked at."] and found.ends_at is None


def test_a_step_is_added_in_the_admin(plan, ada, admin_client):
    address = f"/admin/incidents/escalationpolicy/{plan.pk}/change/"
    form = {
        "key": plan.key, "name": plan.name, "policy": plan.policy_id, "position": 0, "repeat": 0, "on_rise": "unacked",
        "steps-TOTAL_FORMS": 1, "steps-INITIAL_FORMS": 0, "steps-0-position": 0, "steps-0-after": "00:05:00",
        "steps-0-since": "start", "steps-0-condition": "unacked", "steps-0-repeat": 0, "steps-0-asks": "everybody",
        "steps-0-contacts": [ada.pk], "steps-0-match": "{}",
    }  # fmt: skip
    assert admin_client.post(address, form).status_code == 302
    [added] = plan.steps.all()
    assert (added.after, list(added.contacts.all())) == (5 * MINUTE, [ada])
