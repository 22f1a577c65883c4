"""The whole road on the real clock: an alert pages, climbs, is acknowledged by link, resolved, reviewed and closed."""

import html
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import requests

from incidents.models import Escalation, Incident, Page, ResponseTarget, Status, TimelineEntry, Turn
from reviews.models import PostIncidentReview
from targets.sink import Sink
from tests.process import sending, shop
from tests.process.installation import Installation, steady
from tests.process.instance import Instance, until

pytestmark = [pytest.mark.once, pytest.mark.timeout(180)]
SECRET = "a secret between the shop and us"
HIDDEN, ATTRIBUTE = re.compile(r'<input type="hidden"[^>]*>'), re.compile(r'(name|value)="([^"]*)"')
AT_ONCE = 2.0  # seconds that a page may take, and that a step may be late


@dataclass
class Shop:
    """An instance with the shop's policy, and the sink at which its people are reached."""

    instance: Instance
    installation: Installation
    sink: Sink
    alert_key: str
    webhook_key: str

    def of(self, model):
        return self.installation.records.of(model)

    def alert(self, key: str, *, over: bool = False) -> None:
        answer = sending.post(self.instance.url, [sending.alert(key, over=over)], key=self.alert_key)
        assert answer.status_code == 200, answer.text

    def webhook(self, key: str, *, over: bool = False) -> None:
        body = {
            "key": key,
            "title": f"{key} is down",
            "severity": "critical",
            "status": "resolved" if over else "firing",
        }
        answer = sending.signed(self.instance.url, self.webhook_key, SECRET, body)
        assert answer.status_code == 202, answer.text


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def the_shop(request, bin_run, sink, django_db_blocker) -> Iterator[Shop]:
    database_url = request.getfixturevalue("new_database")() if request.param == "postgresql" else ""
    words = ["--database-url", database_url] if database_url else []
    instance = bin_run("--admin", "boss:correct horse", *words, env={"EMAIL_URL": sink.smtp_url})
    installation = Installation(instance.data, database_url)
    installation.load(shop.pack(sink))
    door = ["--policy", "shop"]
    alerts = json.loads(installation.manage("integration", "add", "alertmanager", "shop alerts", *door))
    webhook = json.loads(installation.manage("integration", "add", "generic", "shop", "--secret", SECRET, *door))
    with django_db_blocker.unblock(), installation.records:
        yield Shop(instance, installation, sink, alerts["key"], webhook["key"])


def seconds(length: timedelta) -> float:
    return length.total_seconds()


@pytest.mark.parametrize(("the_shop", "way"), [("sqlite", "alert"), ("postgresql", "webhook")], indirect=["the_shop"])
def test_an_alert_travels_the_whole_way(the_shop: Shop, way: str):
    sink, of, tell = the_shop.sink, the_shop.of, getattr(the_shop, way)
    start, key = sink.inbox.newest, f"Checkout by {way}"

    # a page within two seconds, and one to the second contact at the step's time
    posted_at = datetime.now(UTC)
    tell(key)
    until(lambda: shop.pages(sink, "ada", after=start), shop.SECOND_STEP)
    [first] = shop.pages(sink, "ada", after=start)
    assert seconds(first.at - posted_at) <= AT_ONCE
    incident = of(Incident).get(key=key)
    until(lambda: shop.pages(sink, "grace", after=start), shop.SECOND_STEP + AT_ONCE)
    [second] = shop.pages(sink, "grace", after=start)
    assert abs(seconds(second.at - incident.detected_at) - shop.SECOND_STEP) <= AT_ONCE

    # the link from the message: looking at it changes nothing, pressing its button does
    link = shop.link(second)
    looked = requests.get(link, timeout=20)
    assert looked.status_code == 200 and "Acknowledge as grace" in looked.text
    assert of(Incident).get(pk=incident.pk).status == Status.DETECTED
    pressed = requests.post(link, timeout=20)
    assert pressed.status_code == 200 and "Acknowledged" in pressed.text
    incident.refresh_from_db()
    assert incident.status == Status.ACKNOWLEDGED and incident.acknowledged_by.name == "grace"

    # the target was missed before that, once
    [target] = of(ResponseTarget).filter(incident=incident)
    assert target.state == "breached" and target.met_at is not None
    assert abs(seconds(target.breached_at - incident.detected_at) - shop.ACK_TARGET) <= AT_ONCE
    assert of(TimelineEntry).filter(incident=incident, kind="target_breached").count() == 1

    # nobody else is asked; ada hears of it, grace is not told of her own deed
    acknowledged_at = sink.inbox.newest
    third_step_at = incident.detected_at + timedelta(seconds=shop.THIRD_STEP)
    until(lambda: of(Turn).filter(escalation__incident=incident, due_at__lte=third_step_at).count() == 0)
    time.sleep(max(0.0, seconds(third_step_at - datetime.now(UTC))) + 1)
    assert not shop.pages(sink, "linus", after=start)
    assert [p.contact.name for p in of(Page).filter(incident=incident)] == ["ada", "grace"]
    assert of(Escalation).get(incident=incident).state == Escalation.State.STOPPED
    assert sink.received(shop.INBOXES["ada"], after=second.number)
    assert not sink.received(shop.INBOXES["grace"], after=acknowledged_at)

    # over: resolved after the quiet time
    over_at = datetime.now(UTC)
    tell(key, over=True)
    until(lambda: of(Incident).get(pk=incident.pk).status == Status.RESOLVED, shop.QUIET + 5)
    resolved_at = of(Incident).get(pk=incident.pk).resolved_at
    assert shop.QUIET <= seconds(resolved_at - over_at) <= shop.QUIET + AT_ONCE

    # a review is wanted, and the incident is not closed before it is approved
    until(lambda: of(PostIncidentReview).filter(incident=incident).exists())
    review = of(PostIncidentReview).get(incident=incident)
    boss = Pages(the_shop.instance)
    page, close = f"/incidents/{incident.pk}/", f"/incidents/{incident.pk}/close/"
    refused = boss.press(page, close)
    assert refused.status_code == 409 and "Its review must be approved; it is draft." in refused.text
    assert of(Incident).get(pk=incident.pk).status == Status.RESOLVED
    answers = {f"answer-{answer.key}": f"About {answer.key}." for answer in review.answers.all()}
    boss.press(f"/reviews/{review.pk}/", do="submit", summary="The checkout was down.", **answers)
    assert boss.press(page, close).status_code == 409
    boss.press(f"/reviews/{review.pk}/", do="approve")
    assert boss.press(page, close).status_code == 200
    assert of(Incident).get(pk=incident.pk).status == Status.CLOSED
    steady(lambda: of(Incident).filter(key=key).count(), 0.5)


class Pages:
    """A person at the pages, signed in."""

    def __init__(self, instance: Instance) -> None:
        self.url = instance.url
        self.session = instance.login("boss", "correct horse")

    def press(self, page: str, action: str = "", **fields: str) -> requests.Response:
        """Send the form of `page` to `action` (the page itself unless told): what it hides, and `fields`."""
        address = self.url + page
        text = self.session.get(address, timeout=10).text
        hidden = [dict(ATTRIBUTE.findall(field)) for field in HIDDEN.findall(text)]
        fields = {field["name"]: html.unescape(field.get("value", "")) for field in hidden} | fields
        return self.session.post(self.url + (action or page), data=fields, headers={"Referer": address}, timeout=10)
