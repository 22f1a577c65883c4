"""From an incident by its routes to receivers."""

import pytest

from incidents import lifecycle
from incidents.models import Incident
from notifications import outbox
from notifications.models import Delivery, Destination, Route
from tests.factories import MINUTE, NINE, ParameterFactory, SeverityFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return SeverityFactory(key="P2", rank=2, page=False)


def place(level, key: str, address: str, **values) -> Destination:
    return Destination.objects.create(policy=level.policy, key=key, address=address, **{"kind": "json", **values})


def route(level, *to: Destination, **values) -> None:
    Route.objects.create(policy=level.policy, position=Route.objects.count(), **values).destinations.set(to)


def opened(level, key: str, **labels: str) -> Incident:
    opening = lifecycle.Opening(policy=level.policy, severity=level, key=key, title=f"{key} is down", labels=labels)
    return lifecycle.open_incident(opening, at=NINE)


@pytest.mark.req("AP-27")
def test_the_team_gets_what_the_first_route_does_not_take_and_what_its_place_cannot(level, receiver):
    team = place(level, "team", receiver.url("/team"))
    retries = place(level, "retries", receiver.url("/retries", 500, 500, 500), fallback=team)
    route(level, retries, match={"labels": {"event": "retry"}})
    route(level, team, default=True)

    opened(level, "channel")
    outbox.deliver_due(at=NINE)
    assert [got.json["data"]["title"] for got in receiver.got] == ["channel is down"]
    assert receiver.got[0].path == "/team"

    incident = opened(level, "retry", event="retry")
    for minute in range(3):
        outbox.deliver_due(at=NINE + minute * MINUTE)
    assert len(receiver.at("/retries")) == 3
    assert [got.json["data"]["title"] for got in receiver.at("/team")] == ["channel is down", "retry is down"]
    assert receiver.at("/team")[1].json["data"] == receiver.at("/retries")[0].json["data"]
    log = Delivery.objects.filter(thread=incident.thread).order_by("pk")
    assert [(row.to, row.status, row.attempts) for row in log] == [("retries", "failed", 3), ("team", "sent", 1)]


@pytest.mark.req("DJ-10")
def test_a_list_of_addresses_is_a_message_each_and_one_that_fails_holds_up_no_other(level, receiver):
    urls = [receiver.url("/one"), receiver.url("/two", *[500] * 9), receiver.url("/three")]
    ParameterFactory(policy=level.policy, key="ALERT_WEBHOOK_URLS", type="secret", default="", stored=" , ".join(urls))
    route(level, place(level, "webhooks", "${ALERT_WEBHOOK_URLS}"))
    incident = opened(level, "queue")
    outbox.deliver_due(at=NINE)
    assert sorted(got.path for got in receiver.got) == ["/one", "/three", "/two"]
    states = Delivery.objects.filter(thread=incident.thread).order_by("pk").values_list("status", flat=True)
    assert list(states) == ["sent", "retrying", "sent"]


def test_a_muted_route_tells_nobody_and_the_timeline_says_why(level, receiver):
    ParameterFactory(policy=level.policy, key="ALERT_ON_FAILURE", type="bool", default="true", stored="false")
    route(level, place(level, "team", receiver.url()), toggle="ALERT_ON_FAILURE")
    incident = opened(level, "retry")
    assert outbox.deliver_due(at=NINE) == 0
    (entry,) = incident.timeline.filter(kind="muted")
    assert entry.text == "team was not told: muted by the switch ALERT_ON_FAILURE, which is off (stored)."


def test_a_place_without_an_address_fails_in_words_and_its_fallback_takes_over(level, receiver):
    ParameterFactory(policy=level.policy, key="TEAM_URL", type="secret", default="")
    mail = place(level, "second", receiver.url("/second"))
    route(level, place(level, "team", "${TEAM_URL}", fallback=mail))
    incident = opened(level, "checkout")
    outbox.deliver_due(at=NINE)
    failed = Delivery.objects.get(thread=incident.thread, status="failed")
    assert "the parameter TEAM_URL is not set" in failed.error
    assert len(receiver.at("/second")) == 1
