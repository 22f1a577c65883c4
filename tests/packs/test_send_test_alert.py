"""A test message to every place of a pack, and the same asked of our own door."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from alerts.models import Alert
from incidents.models import Incident
from notifications.models import Delivery, Route
from packs.models import LoadedPack
from policies.models import Parameter, Policy
from sources.models import WebhookLog
from tests.factories import IntegrationFactory, UserFactory
from tests.notifications.far_side import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def loaded(load, receiver, monkeypatch):
    monkeypatch.setenv("ALERT_WEBHOOK_URLS", f"{receiver.url('/queues')}, {receiver.url('/second')}")
    load("mister-dj")
    return Policy.objects.get(key="mister-dj")


def said(capsys, *words):
    try:
        call_command("send_test_alert", *words)
        code = 0
    except SystemExit as ended:
        code = ended.code
    return code, capsys.readouterr().out


@pytest.mark.req("DJ-62")
def test_every_destination_gets_one_message_and_a_smoke_test_at_our_door_opens_nothing(
    loaded, receiver, capsys, client
):
    code, out = said(capsys, "--pack", "mister-dj")
    assert sorted(got.path for got in receiver.got) == ["/queues", "/second"]
    assert all(b"alert-test" in got.body and b"TEST" in got.body for got in receiver.got)
    assert code == 0
    assert [line.split()[3:5] for line in out.splitlines()[1:3]] == [["sent", "200"]] * 2
    assert out.endswith("2 of 2 took it.\n")
    door = IntegrationFactory(kind="generic", key="door", policy=loaded)
    body = {"type": "smoke", "message": "alert-test"}
    response = client.post(f"/api/ingest/{door.key}", json.dumps(body), content_type="application/json")
    assert response.status_code == 202
    row = WebhookLog.objects.get()
    assert row.verdict == "accepted" and row.reason.startswith("smoke") and "alert-test" in row.reason
    assert (Alert.objects.count(), Incident.objects.count()) == (0, 0)


def test_a_place_that_refuses_is_in_the_table_with_its_code_and_ends_with_one(loaded, receiver, capsys):
    receiver.url("/second", 404)
    code, out = said(capsys, "--pack", "mister-dj", "--json")
    assert code == 1
    rows = {(row["status"], row["code"]) for row in json.loads(out)}
    assert rows == {("sent", 200), ("failed", 404)}


def test_a_pack_that_is_not_there_or_reaches_nothing_is_told_in_words(loaded, capsys):
    with pytest.raises(CommandError, match=r"There is no pack 'mailer' loaded\. Loaded: .*mister-dj"):
        call_command("send_test_alert", "--pack", "mailer")
    Route.objects.all().delete()
    with pytest.raises(CommandError, match="No route of mister-dj names a destination"):
        call_command("send_test_alert", "--pack", "mister-dj")


def test_from_the_admin_by_who_may_change_destinations(loaded, client):
    chosen = {"action": "send_test_alert", "_selected_action": [LoadedPack.objects.get(key="mister-dj").pk]}
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = client.post(reverse("admin:packs_loadedpack_changelist"), chosen, follow=True)
    assert "2 test messages for" in " ".join(str(message) for message in page.context["messages"])
    assert set(Delivery.objects.values_list("purpose", "status")) == {("test", "queued")}


def test_levels_sent_elsewhere_are_tested_there_and_a_malformed_text_is_a_readiness_error(loaded, receiver, capsys):
    parameter = Parameter.objects.get(policy=loaded, key="ALERT_SEVERITY_ROUTE")
    parameter.stored = "critical:#dr-war-room"
    parameter.save()
    said(capsys, "--pack", "mister-dj")
    assert sorted(json.loads(got.body)["channel"] for got in receiver.at("/queues")) == [
        "#alerts-queues", "#dr-war-room"
    ]  # fmt: skip
    parameter.stored = "critical #dr-war-room"
    parameter.save()
    with pytest.raises(SystemExit):
        call_command("ops_readiness")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " routes " in line]
    assert line.startswith("FAIL") and "ALERT_SEVERITY_ROUTE" in line and "critical #dr-war-room" in line
