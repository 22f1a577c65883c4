"""A P0 of the WhatsApp inbox by its alert policy and its production runbook, from the page to the end."""

from datetime import timedelta

import pytest
from django.urls import reverse

from incidents.models import Incident, ResponseTarget, TimelineEntry
from notifications import outbox
from oncall.models import EscalationContact
from runbooks.models import Run
from tests.accounts import signed_in
from tests.factories import AccountFactory, ContactMethodFactory
from tests.packs.responding import Room
from tests.packs.test_response import on_call

MINUTE = timedelta(minutes=1)


class Inbox(Room):
    def __init__(self, watch, client, sink) -> None:
        super().__init__(watch, client)
        self.inbox, self.sink = watch.target, sink

    def at(self, wall: str) -> None:
        """Let time pass until `wall`, in steps of a minute: rules are asked, timers run, messages leave."""
        hour, minute = (int(part) for part in wall.split(":"))
        until = self.watch.at.replace(hour=hour, minute=minute, second=2)
        while self.watch.at < until:
            self.go_on(min(MINUTE, until - self.watch.at))
            self.watch.check("health-down")
            self.send()

    def send(self) -> None:
        while outbox.deliver_due(at=self.watch.at):
            pass

    def got(self, path: str) -> list:
        return [message for message in self.sink.received(path) if message.status == 200]


@pytest.fixture
def room(watch_whatsapp, load, sink, client, ada, grace, monkeypatch):
    inbox = watch_whatsapp.target
    monkeypatch.setenv("CAMPAIGN_RETRY_TOKEN", inbox.job_token)
    for name in ("TEAM", "INCIDENT", "SLACK"):
        monkeypatch.setenv(f"WHATSAPP_{name}_WEBHOOK_URL", sink.address("slack", name.lower()))
    monkeypatch.setenv("WHATSAPP_BROADCAST_ADDRESS", "+62811000111")
    options = {"phone_number_id": "106540352242922", "base_url": sink.address("whatsapp", "meta")}
    AccountFactory(kind="whatsapp", secret="EAAG", options=options)
    load("whatsapp-runbook")
    for contact in (ada, grace):
        contact.methods.all().delete()
        ContactMethodFactory(contact=contact, kind="slack", address=sink.address("slack", contact.name))
    EscalationContact.objects.get(name="Platform Lead").members.add(grace)
    on_call(ada)
    monkeypatch.setattr("django.utils.timezone.now", lambda: watch_whatsapp.at)
    return Inbox(watch_whatsapp, signed_in(client, ada, "Incident Commander"), sink)


def test_the_inbox_is_down_for_half_an_hour(room):
    room.inbox.health("down")
    room.at("09:01")
    incident = Incident.objects.get()
    assert (incident.severity.key, incident.title) == ("P0", "GET /api/health status down")
    opened = incident.detected_at
    [page] = [message for message in room.got("/slack/ada") if "/a/" in str(message.json)]
    due = {target.kind: target.due_at - opened for target in incident.targets.all()}
    assert due == {"acknowledge": 5 * MINUTE, "mitigate": 15 * MINUTE}

    # the page's own link: it shows first, and acts on a press
    link = next(word for word in str(page.json).replace("|", " ").replace(">", " ").split() if "/a/" in word)
    path = "/a/" + link.split("/a/")[1].strip("'\",<")
    room.at("09:04")
    assert room.client.get(path).status_code == 200
    room.client.post(path)
    incident.refresh_from_db()
    assert incident.status == "acknowledged"

    # 2.2 Immediate Actions
    run = room.run_of(incident, "immediate-actions")
    assert "health down" in room.ask(run, "health")
    for key in ("health", "snapshot", "super-admin", "worker", "notify"):
        assert room.tick(run, key).status_code == 302
    run.refresh_from_db()
    assert run.state == Run.State.DONE

    # 5) Communication Template: status, start time, impact, ETA; again every 10 minutes
    room.at("09:06")
    broadcast = reverse("incident-tell", args=[incident.pk, "broadcast"])
    said = {"text": "Inbox down untuk seluruh user.", "impact": "Semua tenant"}
    refused = room.client.post(broadcast, {**said, "eta": ""})
    assert refused.status_code in (409, 422) and "eta" in refused.content.decode().lower()
    assert room.client.post(broadcast, {**said, "eta": "09:30"}).status_code == 302
    room.send()
    for place in ("/slack/incident", "/slack/slack", "/whatsapp/meta"):
        [told] = [message for message in room.got(place) if "Semua tenant" in str(message.json)]
        assert "09:30" in str(told.json), place
    incident.refresh_from_db()
    assert incident.update_due_at == room.watch.at + 10 * MINUTE
    room.at("09:14")
    assert room.move(incident, "mitigate") == "mitigated"
    room.at("09:17")
    assert incident.timeline.filter(kind="update_overdue").count() == 1
    assert room.client.post(broadcast, {**said, "text": "Health pulih sebagian.", "eta": "09:25"}).status_code == 302

    # over: nothing is broadcast any more
    room.inbox.health("ok")
    room.at("09:20")
    assert room.move(incident, "resolve") == "resolved"
    assert incident.update_due_at is None
    assert room.move(incident, "close") == "closed"

    states = ResponseTarget.objects.filter(incident=incident).values_list("kind", "state")
    assert dict(states) == {"acknowledge": "met", "mitigate": "met"}
    entries = TimelineEntry.objects.filter(incident=incident).order_by("at", "pk")
    kinds = [entry.kind for entry in entries]
    story = ["detected", "paged", "acknowledged", "update", "mitigated", "update_overdue", "update", "resolved"]
    story += ["update", "closed"]  # the closing message
    assert [kind for kind in kinds if kind in story] == story
    words = "\n".join(entry.text for entry in entries)
    steps = ["Cek health dan readiness", "Ambil snapshot insiden", "Cek halaman Super Admin", "Cek worker retry"]
    assert [words.index(step) for step in steps] == sorted(words.index(step) for step in steps)
    assert all(entry.by == incident.acknowledged_by for entry in entries if "Ambil snapshot" in entry.text)
