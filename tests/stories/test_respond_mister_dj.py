"""Mister DJ critical for eleven minutes, by its playbook: war room, commander, DR plan, dossier, the end."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from flags.models import Temporary
from incidents.models import Incident, TimelineEntry
from oncall.models import EscalationContact, Schedule
from recovery.models import Recovery
from targets.misterdj import MisterDJ
from tests.accounts import signed_in
from tests.factories import NINE, ContactMethodFactory, LayerFactory
from tests.packs.mister_dj import LIMITS, Stage
from tests.stories.watched import Watched

TITLE = "queue thresholds exceeded: rentguy critical, backlog 600 jobs (0 actief), retry-age 0 s"
TOKEN = "dj-5f2c9e"


class WarRoom(Watched):
    def recover(self, incident: Incident, deed: str, client: Client | None = None, **post: str) -> int:
        """A press on the page of the DR plan; the status that came."""
        return (client or self.client).post(reverse("recovery-do", args=[incident.pk, deed]), post).status_code

    def state(self, incident: Incident) -> str:
        return Recovery.objects.get(incident=incident).state

    def in_channel(self, channel: str) -> list[str]:
        return [str(one.json) for one in self.got("/slack/alerts") if one.json.get("channel") == channel]


@pytest.fixture
def room(load, sink, client, ada, grace, linus, margaret, monkeypatch, tmp_path):
    with MisterDJ(token=TOKEN) as backend:
        more = {
            "MISTER_DJ_BASE_URL": backend.url, "MISTER_DJ__REDIS_URL": backend.redis_server.url,
            "MISTER_DJ_ACTIONS_TOKEN": TOKEN, "ALERT_WEBHOOK_URLS": sink.address("slack", "alerts"),
            "ALERT_SEVERITY_ROUTE": "critical:#dr-war-room", "ALERT_JIRA_ENDPOINT": sink.address("jira", "dj"),
            "ALERT_JIRA_TOKEN": "jira", "DR_BRIDGE_WEBHOOK_URL": sink.address("json", "bridge"),
            "INCIDENT_DOSSIER_ROOT": str(tmp_path),
        }  # fmt: skip
        for name, value in {**LIMITS, **more}.items():
            monkeypatch.setenv(name, value)
        load("mister-dj")
        for contact in (ada, grace, linus, margaret):
            contact.methods.all().delete()
            ContactMethodFactory(contact=contact, kind="slack", address=sink.address("slack", contact.name))
        LayerFactory(schedule=Schedule.objects.get(key="mr-dj-prod"), members=[ada], first_handoff_at=NINE)
        for role, who in [("Incident Commander", grace), ("Incident Commander back-up", linus),
                          ("Communications Lead", margaret)]:  # fmt: skip
            EscalationContact.objects.get(name=role).members.add(who)
        stage = Stage(monkeypatch, backend)

        def look() -> None:
            stage.trace()
            stage.look(force=False)

        look()
        commander = signed_in(client, grace, "Incident Commander")
        yield WarRoom(stage, commander, sink, look, stride=timedelta(seconds=30))


def test_a_critical_queue_for_eleven_minutes(room, ada, grace):
    responder = signed_in(Client(), ada, "Responder")
    backend = room.watch.backend
    room.at("09:00:30")
    backend.queue(backlog=600)
    room.at("09:01")
    incident = Incident.objects.get()
    assert (incident.severity.key, incident.title) == ("critical", TITLE)
    assert incident.detected_at == room.watch.at
    assert TITLE in room.in_channel("#alerts-queues")[0]
    [informed] = [text for text in room.in_channel("#dr-war-room") if "@ic-oncall" in text]
    assert "@comms-duty" in informed
    assert len(room.got("/jira/dj/rest/api/3/issue")) == 1
    assert room.state(incident) == "standby"

    # the primary on-call within 2 minutes
    [link] = room.pages("ada")
    room.at("09:02:30")
    responder.post(link)
    assert incident.targets.get(kind="acknowledge").state == "met"
    mine = WarRoom(room.watch, responder, room.sink, room.look, stride=room.stride)
    reaction, critical = (mine.run_of(incident, key) for key in ("critical-reaction", "backlog-critical"))
    assert mine.tick(reaction, "mitigate", choice="beperk verkeer").status_code == 302
    assert "PONG" in mine.ask(critical, "redis")
    assert mine.tick(critical, "fallback").status_code == 302

    # a commander within 10 minutes; the bridge two minutes before these are over
    assert room.move(incident, "role", contact=str(grace.pk), role="commander") == "acknowledged"
    assert incident.targets.get(kind="appoint").state == "met"
    room.at("09:08:30")
    assert not incident.dr.prompts.exists()
    room.at("09:09:30")
    assert [prompt.asks for prompt in incident.dr.prompts.all()] == ["bridge"]
    assert room.recover(incident, "bridge") == 302
    [asked] = room.got("/json/bridge")
    assert (asked.json["incident_id"], asked.json["title"]) == (str(incident.pk), TITLE)
    links = {
        "huddle": "https://slack.example/h",
        "notes": "https://notes.example/n",
        "channel": "https://slack.example/c",
    }
    assert room.recover(incident, "links", **{f"link-{name}": href for name, href in links.items()}) == 302

    # longer than 10 minutes: the DR plan is prompted, and the commander's alone to activate
    room.at("09:11")
    assert room.state(incident) == "standby"
    room.at("09:11:30")
    assert room.state(incident) == "prompted"
    assert mine.recover(incident, "activate", reason="houdt aan") == 403
    assert room.recover(incident, "activate", reason="Critical houdt langer dan 10 minuten aan") == 302
    assert room.state(incident) == "active"
    items = Recovery.objects.get(incident=incident).incident.policy.recovery_plan.checklist["items"]
    sign = reverse("recovery-do", args=[incident.pk, "sign"])
    assert responder.post(sign, {"item": items}).status_code == 403
    assert room.client.post(sign, {"item": items}).status_code == 302
    cadence = reverse("incident-cadence", args=[incident.pk])
    assert room.client.post(cadence, {"every": "20m"}).status_code == 409
    assert room.client.post(cadence, {"every": "10m"}).status_code == 302

    # after eleven minutes it is over, and the flag goes back
    backend.flush()
    room.at("09:12")
    incident.refresh_from_db()
    assert incident.quiet_until is not None and incident.is_open
    cause = {"cause": "Redis liep vol", "impact": "RentGuy liep achter", "title": TITLE}
    room.move(incident, "facts", **cause)
    assert room.move(incident, "resolve") == "acknowledged"  # QUEUE_REDIS_ENABLED is not back
    back = reverse("flag-back", args=[Temporary.objects.get().pk])
    room.client.post(back)

    # 7. Post-alert checklist
    run = room.run_of(incident, "post-alert")
    for label in ("queue worker", "backend API", "Redis"):
        file = SimpleUploadedFile(f"{label}.log", b"lines\n")
        assert room.client.post(reverse("incident-evidence", args=[incident.pk]), {"label": label, "file": file})
    for key in ("logs", "notes", "normal"):
        assert room.tick(run, key).status_code == 302
    tell = reverse("incident-tell", args=[incident.pk, "slotupdate"])
    assert (
        room.client.post(tell, {"text": "Opgelost.", "cause": "Redis liep vol", "status": "Resolved"}).status_code
        == 302
    )
    assert room.tick(run, "closing").status_code == room.tick(run, "resolved").status_code == 302
    when = f"{room.watch.at + timedelta(days=3):%Y-%m-%dT%H:%M}"
    room.client.post(reverse("review-plan", args=[incident.pk]), {"meeting_at": when})
    assert room.move(incident, "resolve") == "acknowledged"  # ten minutes without an event are not over
    room.at("09:22:30")
    assert room.move(incident, "resolve") == "resolved"
    room.settle()
    assert len(list(Path(os.environ["INCIDENT_DOSSIER_ROOT"], str(incident.pk)).iterdir())) == 3
    issue = requests.get(
        room.sink.address("jira", "dj") + "/rest/api/3/issue/OPS-1", headers={"Authorization": "Bearer jira"}, timeout=5
    ).json()
    assert issue["fields"]["status"]["name"] == "Resolved"
    assert "Redis liep vol" in str([one.json for one in room.got("/jira/dj/rest/api/3/issue/OPS-1/comment")])

    entries = list(TimelineEntry.objects.filter(incident=incident).order_by("at", "pk"))
    story = ["detected", "acknowledged", "role", "role", "update", "resolved"]  # first responder, then commander
    assert [kind for kind in (one.kind for one in entries) if kind in story] == story
    said = "\n".join(one.text for one in entries)
    words = ["beperk verkeer", "SLO-violatie", "houdt > 10 minuten aan", "DR-plan activated by grace", "signed off"]
    assert [said.index(word) for word in words] == sorted(said.index(word) for word in words)
