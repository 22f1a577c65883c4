"""Both of DeelRx' mail providers fail: a P0 by its document's clocks, playbook and review."""

from datetime import timedelta

import pytest
from django.urls import reverse

from alerts.models import AlertRule
from incidents.models import ResponseTarget
from notifications import outbox
from oncall.models import EscalationContact
from reviews import drafting
from reviews.kinds import Given
from reviews.models import PostIncidentReview
from targets.deelrx import DeelRx
from tests.accounts import signed_in
from tests.packs.responding import Room
from tests.packs.test_deelrx_target import Stage

MINUTE = timedelta(minutes=1)
ENGINEER, MANAGER, CTO = "primary-oncall@company.com", "eng-manager@company.com", "cto@company.com"


class Crm(Room):
    def __init__(self, stage, client, sink) -> None:
        super().__init__(stage, client)
        self.stage, self.sink = stage, sink

    def at(self, wall: str) -> None:
        """Let time pass until `wall`, in steps of five minutes: timers run, messages leave."""
        hour, minute = (int(part) for part in wall.split(":"))
        until = self.stage.at.replace(hour=hour, minute=minute, second=2)
        while self.stage.at < until:
            self.go_on(min(5 * MINUTE, until - self.stage.at))
            while outbox.deliver_due(at=self.stage.at):
                pass

    def mails(self, address: str) -> list[str]:
        """Subjects of what this mailbox got."""
        return [message.json["subject"] for message in self.sink.received(f"/smtp/{address}")]

    def pages(self, address: str) -> int:
        """How many of them asked to be acknowledged."""
        return sum("/a/" in str(message.json) for message in self.sink.received(f"/smtp/{address}"))


@pytest.fixture
def room(ops, load, sink, client, monkeypatch):
    with DeelRx() as crm:
        monkeypatch.setenv("DEELRX_BASE_URL", crm.url)
        monkeypatch.setenv("DEELRX_TEAM_WEBHOOK_URL", sink.address("slack", "engineering"))
        monkeypatch.setenv("DEELRX_STAKEHOLDERS_EMAIL", "stakeholders@company.com")
        load("deelrx-crm")
        AlertRule.objects.filter(key="database-test").update(enabled=False)  # its database is not part of this
        stage = Stage(monkeypatch, crm)
        engineer = EscalationContact.objects.get(name="On-Call Engineer")
        yield Crm(stage, signed_in(client, engineer, "Incident Commander"), sink)


def test_both_providers_fail(room):
    room.stage.knock("undelivered", "n-1")
    room.stage.resend("failed", "m-1", notification_id="n-1")
    room.stage.check()
    incident = room.stage.incident("double-failure")
    assert (incident.severity.key, incident.title) == ("P0", "Both Knock and Resend fail")
    room.at("09:01")
    assert (room.pages(ENGINEER), room.pages(MANAGER)) == (1, 0)
    incident.refresh_from_db()
    told, found = incident.notified_at, incident.detected_at
    due = {target.kind: target.due_at for target in incident.targets.exclude(kind="notify")}
    assert due == {
        "acknowledge": told + 15 * MINUTE, "assess": told + 30 * MINUTE, "update": told + 60 * MINUTE,
        "resolve": found + 60 * MINUTE,
    }  # fmt: skip

    # nobody answers within 15 minutes
    room.at("09:17")
    assert (room.pages(ENGINEER), room.pages(MANAGER)) == (1, 1)
    assert room.move(incident, "acknowledge") == "acknowledged"
    room.at("09:25")
    room.move(incident, "assess", text="Resend refuses our key; Knock is degraded.")
    room.at("09:35")
    assert room.mails(CTO) == []  # it was assessed in time

    # Resend API Issues
    run = room.run_of(incident, "resend-issues")
    assert room.tick(run, "immediate").status_code == 302
    refused = room.tick(run, "failover", choice="not available")
    assert refused.status_code == 409
    assert room.tick(run, "failover", choice="not available", note="There is no SMTP account.").status_code == 302
    notice = {
        "text": "Notifications are delayed.",
        "status": "acknowledged",
        "start": "09:00 UTC",
        "impact": "All mail",
    }
    room.at("09:40")
    for template in ("stakeholders", "customer-notice"):
        sent = room.client.post(reverse("incident-tell", args=[incident.pk, template]), notice)
        assert sent.status_code == 302, template
    assert room.tick(run, "communication").status_code == 302
    room.at("09:41")
    assert len(room.mails("stakeholders@company.com")) == 1
    assert "Notifications are delayed" in room.client.get("/status/").content.decode()

    # restored: each provider is tested, users learn that it is over
    room.at("09:50")
    assert room.move(incident, "resolve") == "acknowledged"
    assert room.tick(run, "test-knock", **{"field-knock_message": "2XbpHn"}).status_code == 302
    assert room.tick(run, "test-resend", **{"field-resend_message": "49a3999c"}).status_code == 302
    assert room.move(incident, "resolve") == "acknowledged"
    over = {"text": "Notifications arrive again.", "status": "resolved"}
    assert room.client.post(reverse("incident-tell", args=[incident.pk, "customer-closing"]), over).status_code == 302
    assert room.move(incident, "resolve") == "resolved"
    states = dict(ResponseTarget.objects.filter(incident=incident).values_list("kind", "state"))
    assert states == {
        "notify": "met", "acknowledge": "breached", "assess": "met", "update": "met", "resolve": "met",
    }  # fmt: skip

    # Required for All P0/P1 Incidents: the review, with its root cause
    room.at("09:52")
    assert room.move(incident, "close") == "resolved"
    review = PostIncidentReview.objects.get(incident=incident)
    for words in ("Detected: 2026-11-23 09:00", "Resolved: 2026-11-23 09:50"):
        assert words in review.timeline
    engineer, manager = (
        EscalationContact.objects.get(name=name) for name in ("On-Call Engineer", "Engineering Manager")
    )
    answers = {answer.key: "The key of Resend had expired." for answer in review.answers.exclude(kind="yes_no")}
    intact = {answer.key: Given("No", {"yes": False, "text": ""}) for answer in review.answers.filter(kind="yes_no")}
    drafting.save_answers(review, answers | intact)
    drafting.submit(review, by=engineer, at=room.stage.at)
    drafting.approve(review, by=manager, at=room.stage.at)
    assert room.move(incident, "close") == "closed"
    record = room.texts(incident)
    story = ["Resend refuses our key", "There is no SMTP account.", "2XbpHn", "49a3999c"]
    assert [record.index(words) for words in story] == sorted(record.index(words) for words in story)
