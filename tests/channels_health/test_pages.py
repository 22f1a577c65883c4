"""The channels page: per tenant how each line is, since when, and how long it was out."""

from datetime import timedelta

import pytest
import time_machine

from channels_health import history
from channels_health.models import Channel
from channels_health.outages import Outage, Stand, outages, total
from sources.models import Integration
from tests.accounts import signed_in
from tests.factories import NINE, IncidentFactory, IntegrationFactory

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client, linus):
    with time_machine.travel(NINE, tick=False):
        yield signed_in(client, linus, "Viewer")


def told(tenant, *stands, key="line"):
    for status, ago in stands:
        history.record(tenant, key, status, at=NINE - ago)


def text_of(client, address, **query) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def stand(status, begin, end=None):
    return Stand(status, NINE + begin * HOUR, None if end is None else NINE + end * HOUR)


def test_an_outage_goes_through_states_and_ends_with_one_that_works():
    stands = [stand("UP", 0, 1), stand("DOWN", 1, 2), stand("RETRY", 2, 3), stand("connected", 3, 5), stand("DOWN", 5)]
    latest, first = outages(stands, since=NINE)
    assert first == Outage(NINE + HOUR, NINE + 3 * HOUR, ("DOWN", "RETRY"))
    assert (latest.ended, latest.length(NINE + 6 * HOUR)) == (None, HOUR)
    assert total([latest, first], since=NINE + 2 * HOUR, at=NINE + 6 * HOUR) == 2 * HOUR
    assert outages(stands, since=NINE + 3 * HOUR) == [latest]


def test_only_those_who_see_incidents_see_channels(client, ada):
    assert client.get("/channels/").status_code == 302
    signed_in(client, ada)
    assert client.get("/channels/").status_code == 403


@pytest.mark.req("CARD-16")
def test_a_disconnection_and_its_end_are_two_rows_and_an_outage(client, viewer):
    door = IntegrationFactory(kind="channels", key="channel-door-key-of-north")
    head = {"HTTP_AUTHORIZATION": f"Bearer {door.key}"}
    for status, ago in (("DISCONNECTED", 50 * MINUTE), ("CONNECTED", 8 * MINUTE)):
        body = {"tenant": "north", "channel": "whatsapp", "status": status, "at": (NINE - ago).isoformat()}
        answer = client.post("/api/channels/status", body, content_type="application/json", **head)
        assert answer.status_code == 202, answer.content
    assert Integration.objects.count() == 1
    text = text_of(viewer, "/channels/")
    assert "1 outage in 30 days, 42m in all" in text and "CONNECTED" in text
    [channel] = [line.channel for _, lines in viewer.get("/channels/").context["tenants"] for line in lines]
    assert [row.status for row in channel.history.all()] == ["CONNECTED", "DISCONNECTED"]
    assert "<strong>42m</strong>" in text_of(viewer, f"/channels/{channel.pk}/")


def test_tenants_that_are_out_stand_first_and_are_counted(viewer):
    told("acme", ("CONNECTED", DAY))
    told("north", ("CONNECTED", DAY), ("DISCONNECTED", HOUR))
    told("south", ("DISCONNECTED", 2 * HOUR))
    told("south", ("DISCONNECTED", 2 * HOUR), key="other")
    text = text_of(viewer, "/channels/")
    assert "3 of 4 channels do not work, at 2 tenants." in text
    assert [name for name, _ in viewer.get("/channels/").context["tenants"]] == ["north", "south", "acme"]
    assert "acme" not in text_of(viewer, "/channels/", show="down")
    assert "south" not in text_of(viewer, "/channels/", show="up")


def test_the_page_of_a_tenant_has_its_channels_times_and_incidents(viewer):
    told("north", ("CONNECTED", DAY), ("DISCONNECTED", HOUR))
    told("south", ("CONNECTED", DAY))
    IncidentFactory(title="North is cut off", labels={"tenant": "north"})
    IncidentFactory(title="South is slow", labels={"tenant": "south"})
    text = text_of(viewer, "/channels/", tenant="north")
    assert "North is cut off" in text and "South is slow" not in text
    assert "08:00:00 UTC" in text and "DISCONNECTED" in text and "up 99.8 %" in text


def test_the_list_asks_as_often_for_many_channels(viewer, django_assert_max_num_queries):
    for n in range(30):
        told(f"tenant {n}", ("CONNECTED", DAY), ("DOWN", HOUR))
    with django_assert_max_num_queries(12):
        viewer.get("/channels/")


def test_an_id_that_came_otherwise_is_flagged_until_somebody_says_it_is_right(client, admin_client):
    door = IntegrationFactory(kind="channels", name="inbox", key="c-1")
    head = {"headers": {"Authorization": f"Bearer {door.key}"}, "content_type": "application/json"}

    def push(**ids: str) -> str:
        told = {"tenant": "acme", "channel": "1", "status": "CONNECTED", **ids}
        assert client.post("/api/channels/status", told, **head).status_code == 202
        return text_of(admin_client, f"/channels/{Channel.objects.get().pk}/")

    assert "changed" not in push(phoneNumberId="106", wabaId="208")
    assert "changed, was 106" in push(phoneNumberId="107", wabaId="208")
    assert "phone_number_id changed" in text_of(admin_client, "/channels/")
    assert "changed, was 106" in push(identifiers={"phone_number_id": "107", "access_token": "EAAG"})
    assert "EAAG" not in str(Channel.objects.get().identifiers)
    assert "changed, was" not in push(phoneNumberId="106")  # as it was
    push(phoneNumberId="107")
    admin_client.post(f"/channels/{Channel.objects.get().pk}/accept/")
    assert "changed, was" not in push(phoneNumberId="107")
