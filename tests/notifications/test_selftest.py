"""The daily test of each destination: sent, shown, and quiet where a test would do harm."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command

from notifications import outbox
from notifications.models import AppNotice, Delivery, Destination
from opscenter import beat, tasks
from tests.factories import (
    NINE,
    ContactFactory,
    DestinationFactory,
    ParameterFactory,
    PolicyFactory,
    RouteFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def clock():
    with time_machine.travel(NINE, tick=False) as clock:
        yield clock


def place(key: str, address: str, **values) -> Destination:
    return DestinationFactory(**{"key": key, "kind": "json", "address": address, **values})


def page(client) -> str:
    return " ".join(client.get("/deliveries/places/").content.decode().split())


def test_the_job_of_the_day_tests_each_place_once_and_the_page_shows_which_fails(clock, receiver, admin_client):
    chat = place("chat", receiver.url("/chat"))
    place("gone", receiver.url("/gone", 404), fallback=chat)
    place("spared", receiver.url("/spared"), self_test=False)
    place("off", receiver.url("/off"), enabled=False)
    assert any(job.task == "opscenter.tasks.test_destinations" for job in beat.JOBS)
    assert tasks.test_destinations().startswith("2 test messages")
    tasks.test_destinations()
    outbox.deliver_due(at=NINE)
    assert sorted(got.path for got in receiver.got) == ["/chat", "/gone"], "no fallback takes a test over"
    assert all(b"TEST: daily self-test" in got.body for got in receiver.got)
    shown = page(admin_client)
    assert shown.index("<strong>gone</strong>") < shown.index("<strong>chat</strong>"), "trouble comes first"
    assert '<span class="status state-failing">failing</span>' in shown and "404" in shown
    assert '<span class="status state-works">works</span>' in shown and "no daily test" in shown
    clock.shift(DAY)
    tasks.test_destinations()
    outbox.deliver_due(at=NINE + DAY)
    assert len(receiver.at("/chat")) == 2
    assert "failing" not in page(admin_client), "it works again"


def test_what_a_test_would_harm_or_cannot_reach_is_left_out_with_its_reason(clock, receiver, capsys):
    hook = place("pager", receiver.url("/v2/enqueue", 202), kind="pagerduty", secret="R0UT1NGKEYR0UT1NGKEY")
    place("phone", "+31205550100", kind="sms")
    unset = place("unset", "${TEAM_URL}", policy=PolicyFactory())
    ParameterFactory(policy=unset.policy, key="TEAM_URL", type="secret", default="")
    ContactFactory(name="nobody", kind="team")
    place("team", "contact:nobody", kind="email")
    waiting = place("waiting", receiver.url("/waiting"), policy=unset.policy)
    RouteFactory(policy=unset.policy, toggle="TEAM_URL", destinations=[waiting])
    call_command("test_destinations", "--json")
    said = {row["destination"]: (row["status"], row["detail"]) for row in json.loads(capsys.readouterr().out)}
    assert receiver.got[0].json["event_action"] == "resolve", "nobody is woken by it"
    assert said[hook.key][0] == "sent"
    assert {key: words for key, (status, words) in said.items() if status == "not tested"} == {
        "phone": "a test by sms would make an issue, a call or costs",
        "unset": "the parameter TEAM_URL is not set",
        "team": "nobody it stands for has such an address",
        "waiting": "nothing goes there: TEAM_URL is not set, and it takes nothing without.",
    }


def test_the_command_ends_with_one_when_a_place_does_not_take_it(clock, receiver, capsys):
    place("chat", receiver.url("/chat", 200, 410))
    call_command("test_destinations", "--destination", "chat")
    assert capsys.readouterr().out.startswith("sent       chat (json ")
    with pytest.raises(SystemExit) as end:
        call_command("test_destinations", "--destination", "chat")
    assert end.value.code == 1 and capsys.readouterr().out.startswith("failed     chat")
    with pytest.raises(CommandError, match=r"There is no destination 'chit'; there are chat\."):
        call_command("test_destinations", "--destination", "chit")


def test_the_button_tests_one_place_now_for_who_may_send(clock, receiver, admin_client, client):
    chat = place("chat", receiver.url("/chat"), self_test=False)
    assert "Test now" in page(admin_client)
    for _ in range(2):
        answer = admin_client.post(f"/deliveries/places/{chat.pk}/test", follow=True)
    assert "A test message to chat is under way." in answer.content.decode()
    outbox.deliver_due(at=NINE)
    assert len(receiver.at("/chat")) == 2
    client.force_login(UserFactory(username="viewer"))
    assert client.post(f"/deliveries/places/{chat.pk}/test").status_code == 403


@pytest.mark.parametrize(("left", "words"), [(15, None), (14, "ends on"), (-1, "ended on")])
def test_a_token_that_ends_is_announced_once_to_who_looks_after_opscenter(clock, admin_user, left, words, receiver):
    place("chat", receiver.url("/chat"), expires_at=NINE.date() + left * DAY)
    UserFactory(username="somebody-else")
    for _ in range(2):
        tasks.test_destinations()
    told = list(AppNotice.objects.values_list("user__username", "text"))
    assert len(told) == (1 if words else 0)
    if words:
        assert told[0][0] == "admin" and words in told[0][1]


def test_a_code_on_its_way_is_no_business_of_who_reads_the_log(queue, admin_client):
    row = queue("ada@example.org", kind="email", subject="Your Opscenter code is 123456", text="123456 is the code.",
                once="verification:1")  # fmt: skip
    admin = f"/admin/notifications/delivery/{row.pk}/change/"
    for shown in ("/deliveries/", f"/deliveries/{row.pk}/", "/admin/notifications/delivery/", admin):
        assert "123456" not in admin_client.get(shown).content.decode()
    assert Delivery.objects.get().text == "123456 is the code."
