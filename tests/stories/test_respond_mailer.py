"""ALERT-002 of the mailer by its plan: a campaign is stuck, nobody answers, the runbook heals it, the data ends it."""

import pytest

from incidents.models import Incident, TimelineEntry
from oncall.models import EscalationContact, Schedule
from tests.accounts import signed_in
from tests.factories import MINUTE, NINE, ContactMethodFactory, LayerFactory
from tests.packs.conftest import Watch
from tests.runbooks.showing import check_shown, pack_runbooks
from tests.stories.watched import Watched

STUCK = "ALERT: 1 campaigns stuck in PROCESSING > 30 minutes"


@pytest.fixture
def room(load, mailer, sink, client, ada, grace, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    monkeypatch.setenv("MAILER_ALERT_WEBHOOK_URL", sink.address("slack", "mailer"))
    load("mailer")
    for contact in (ada, grace):
        contact.methods.all().delete()
        ContactMethodFactory(contact=contact, kind="slack", address=sink.address("slack", contact.name))
    LayerFactory(schedule=Schedule.objects.get(key="primary"), members=[ada], first_handoff_at=NINE)
    EscalationContact.objects.get(name="on-call").members.add(grace)
    watch = Watch("mailer", mailer)
    monkeypatch.setattr("django.utils.timezone.now", lambda: watch.at)
    watch.check()
    rules = [rule.key for rule in watch.policy.rules.filter(sources__variant="sql").distinct()]
    client = signed_in(client, grace, "Responder")
    return Watched(watch, client, sink, lambda: watch.check(*rules, force=False), stride=5 * MINUTE)


def test_a_campaign_is_stuck_until_the_queue_is_reconciled(room, mailer):
    mailer.hold_clock(NINE)
    mailer.stuck(1, started_ago=NINE - NINE)
    room.at("09:30")
    assert not Incident.objects.exists()  # 30 minutes sharp
    room.at("09:35:30")  # checked every 5 minutes
    incident = Incident.objects.get()
    assert (incident.severity.key, incident.title) == ("critical", STUCK)
    assert f"{incident.detected_at:%H:%M}" == "09:35"
    assert [one for one in room.got("/slack/mailer") if STUCK in str(one.json)]
    assert (len(room.pages("ada")), room.pages("grace")) == (1, [])

    room.at("09:40:30")  # the role of whoever is on call, five minutes later
    [link] = room.pages("grace")
    room.at("09:42")
    assert room.client.get(link).status_code == 200
    room.client.post(link)
    incident.refresh_from_db()
    assert (incident.status, str(incident.acknowledged_by)) == ("acknowledged", "grace")
    room.at("09:50")
    assert len(room.pages("ada")) == len(room.pages("grace")) == 1  # nobody is paged any more

    run = room.run_of(incident, "processing-stuck")
    check_shown(room.client, run, pack_runbooks("mailer")["processing-stuck"])
    assert room.tick(run, "workers").status_code == 302
    assert "firing" in room.ask(run, "cleanup").lower()
    mailer.reconcile()  # in the application, by hand
    assert room.tick(run, "cleanup").status_code == 302
    rule = room.watch.policy.rules.get(key="mailer_processing_stuck")
    assert (rule.state, rule.checked_at) == ("inactive", room.watch.at)  # at once, not at the next check
    room.settle()
    incident.refresh_from_db()
    assert incident.status == "acknowledged" and incident.quiet_until == room.watch.at + room.watch.policy.resolve_after
    room.at(f"{incident.quiet_until:%H:%M:%S}")
    incident.refresh_from_db()
    assert incident.status == "resolved"
    assert "Resolved by itself" in room.got("/slack/mailer")[-1].json["text"]

    entries = list(TimelineEntry.objects.filter(incident=incident).order_by("at", "pk"))
    story = ["detected", "paged", "paged", "acknowledged", "step", "step", "recovered", "resolved"]
    assert [one.kind for one in entries if one.kind in set(story)] == story
    steps = [(one.text, str(one.by)) for one in entries if one.kind == "step"]
    assert [(text.partition(" (")[0], by) for text, by in steps] == [
        ("Done: 1. Проверить статус воркеров", "grace"), ("Done: 2. Запустить cleanup", "grace"),
    ]  # fmt: skip
