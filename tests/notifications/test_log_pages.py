"""The log of deliveries: what it finds, what it hides, and the same message once more."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group

from notifications import outbox
from notifications.models import Delivery
from tests.factories import HOUR, NINE, DestinationFactory, UserFactory

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def log(client):
    """`log(state="failed")`: the subjects that the page lists for a viewer, newest first."""
    viewer = UserFactory(username="viewer")
    viewer.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(viewer)

    def log(**asked: object) -> list[str]:
        with time_machine.travel(NINE + HOUR, tick=False):
            return [row.subject for row in client.get("/deliveries/", asked).context["rows"]]

    return log


def test_it_finds_by_state_person_place_incident_and_time(log, queue, receiver):
    chat = DestinationFactory(key="chat", kind="json", address=receiver.url("/chat"))
    queue(receiver.url("/chat"), subject="to chat", destination=chat, to="chat")
    queue(receiver.url("/ada", 410), subject="to ada", to="Ada Lovelace", thread="incident:7")
    queue(receiver.url("/busy", 500), subject="busy", to="busy", at=NINE - 25 * HOUR, thread="incident:77")
    outbox.deliver_due(at=NINE)
    assert log() == ["busy", "to ada", "to chat"]
    assert [log(state=state) for state in ("sent", "failed", "retrying", "waiting", "held")] == [
        ["to chat"], ["to ada"], ["busy"], ["busy"], [],
    ]  # fmt: skip
    assert log(to="lovelace") == ["to ada"] and log(place="chat") == ["to chat"]
    assert log(thread="7") == log(thread="#7") == log(thread="incident:7") == ["to ada"]
    assert log(within="24") == ["to ada", "to chat"] and log(within="nonsense") == log()
    assert log(state="failed", to="chat") == [] and log(state="no such state") == log()


def test_it_goes_on_behind_the_last_one_shown(log, queue):
    for number in range(52):
        queue("https://hooks.test/x", subject=f"{number}")
    assert (log()[0], log()[-1]) == ("51", "2")
    assert log(before=Delivery.objects.get(subject="2").pk) == ["1", "0"]


def test_no_page_shows_an_address_a_secret_or_a_link_that_acts(log, queue, receiver, client):
    url = receiver.url("/services/T0SECRET/B0SECRET/tokensecret", 403)
    row = queue(url, kind="slack", secret="signing-secret", to="ops", subject="Page", purpose="page",
                actions=[{"label": "Acknowledge", "url": "https://ops.example.org/a/signed-token"}])  # fmt: skip
    outbox.deliver_due(at=NINE)
    for page in ("/deliveries/", f"/deliveries/{row.pk}/", "/deliveries/?to=tokensecret"):
        shown = client.get(page).content.decode()
        for secret in ("T0SECRET", "B0SECRET", "signing-secret", "signed-token"):
            assert secret not in shown, page
    assert log(to="tokensecret") == []
    assert "403" in client.get(f"/deliveries/{row.pk}/").content.decode()


def test_it_is_sent_again_as_a_new_delivery_by_who_may(log, queue, receiver, client):
    row = queue(receiver.url("/ops", 410), to="ops", data={"event": "opened"})
    again = f"/deliveries/{row.pk}/send-again"
    assert client.post(again).status_code == 403, "a viewer looks only"
    responder = UserFactory(username="ada")
    responder.groups.add(Group.objects.get(name="Responder"))
    client.force_login(responder)
    assert client.get(again).status_code == 405
    assert "still under way" in client.post(again, follow=True).content.decode()
    outbox.deliver_due(at=NINE)
    row.refresh_from_db()
    assert row.status == "failed"
    with time_machine.travel(NINE + SECOND, tick=False):
        page = client.post(again, follow=True).content.decode()
    outbox.deliver_due(at=NINE + SECOND)
    new = Delivery.objects.latest("pk")
    assert (new.again_of, new.status, new.text, new.data["sent_again_by"]) == (row, "sent", row.text, "ada")
    assert "Sent again from" in page
    row.refresh_from_db()
    assert (row.status, len(receiver.at("/ops"))) == ("failed", 2), "the old one stays as it was"
    assert "Sent again as" in client.get(f"/deliveries/{row.pk}/").content.decode()
