"""The production runbook of the WhatsApp inbox, gone through on the pages without the inbox itself."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident
from notifications.models import Delivery
from oncall.models import EscalationContact
from packs import loader
from policies.models import Policy
from runbooks.models import Run, Runbook
from sources.models import Change
from tests.accounts import signed_in
from tests.factories import ChangeFactory, LivenessFactory
from tests.runbooks.showing import check_shown, pack_runbooks, shown_steps

MINUTE = timedelta(minutes=1)
CHAPTERS = [
    "1) Normal Deployment", "2) Incident Response", "3) Recovery Actions", "4) Rollback", "5) Communication Template",
]  # fmt: skip
DEPLOYMENT = ["deploy", "migration", "variables", "app", "worker", "maintenance", "readiness", "monitor"]


@pytest.fixture
def inbox(db, monkeypatch) -> Policy:
    monkeypatch.setenv("WHATSAPP_BASE_URL", "http://127.0.0.1:1")
    loader.load_file(loader.find("whatsapp-runbook"), at=timezone.now())
    return Policy.objects.get(key="whatsapp-alert-policy")


@pytest.fixture
def commander(client, grace):
    return signed_in(client, grace, "Incident Commander")


def opened(inbox: Policy, level: str, at) -> Incident:
    severity = inbox.severities.get(key=level)
    opening = lifecycle.Opening(policy=inbox, severity=severity, key=level, title="Inbox is down", labels={})
    return lifecycle.open_incident(opening, at=at)


def started(client, key: str, incident: Incident | None = None) -> Run:
    post = {"incident": incident.pk} if incident else {}
    answer = client.post(reverse("runbook-start", args=["whatsapp-alert-policy", key]), post)
    return Run.objects.get(pk=int(answer.url.rstrip("/").rpartition("/")[2]))


def tick(client, run: Run, step: str, **post):
    return client.post(reverse("run-tick", args=[run.pk, step]), post)


def words(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


@pytest.mark.req("RB-01", "RB-16")
def test_five_chapters_of_one_book_and_an_incident_keeps_the_version_it_began_with(inbox, commander, grace):
    page, now = commander.get("/runbooks/").content.decode(), timezone.now()
    assert [page.index(chapter) for chapter in CHAPTERS] == sorted(page.index(chapter) for chapter in CHAPTERS)
    books = Runbook.objects.filter(policy=inbox)
    assert set(books.values_list("chapter", flat=True)) == set(CHAPTERS)
    assert {book.service.key for book in books.select_related("service")} == {"whatsapp-inbox"}
    runs = {}
    for level in ("P0", "P1", "P2", "P3"):
        incident = opened(inbox, level, now)
        runs[level] = Run.objects.get(incident=incident, runbook__key="immediate-actions")
        steps = shown_steps(
            commander.get(reverse("incident-runbooks", args=[incident.pk])).content.decode(), runs[level]
        )
        assert [one.number for one in steps] == ["1", "2", "3", "4", "5"]
        assert "Immediate Actions" in commander.get(incident.get_absolute_url()).content.decode()
    assert tick(commander, runs["P1"], "snapshot").status_code == 302
    entry = runs["P1"].incident.timeline.get(kind="step")
    assert (entry.by, entry.at >= now) == (grace, True) and "2. Ambil snapshot insiden" in entry.text
    text = loader.read_file(loader.find("whatsapp-runbook")).replace("Ambil snapshot insiden", "Ambil snapshot")
    loader.load(text, name="whatsapp-runbook.yaml", at=now)
    book = books.get(key="immediate-actions")
    assert (book.versions.count(), book.current.number) == (2, 2)
    assert all(other.versions.count() == 1 for other in books.exclude(pk=book.pk))
    check_shown(commander, runs["P0"], pack_runbooks("whatsapp-runbook")["immediate-actions"])
    assert "Ambil snapshot insiden" not in commander.get(book.get_absolute_url()).content.decode()


@pytest.mark.req("RB-02", "RB-03")
def test_a_normal_deployment_has_eight_steps_and_is_not_finished_early(inbox, commander, grace):
    run = started(commander, "normal-deployment")
    check_shown(commander, run, pack_runbooks("whatsapp-runbook")["normal-deployment"])
    steps = shown_steps(commander.get(run.get_absolute_url()).content.decode())
    assert [one.key for one in steps if one.number.isdigit()] == DEPLOYMENT
    assert [one.number for one in steps[-3:]] == ["8", "8a", "8b"]
    finish = reverse("run-finish", args=[run.pk])
    assert "9 required steps are open" in words(commander.post(finish))
    assert "wants Commit" in words(tick(commander, run, "deploy"))
    assert tick(commander, run, "deploy", **{"field-commit": "abc123"}).status_code == 302
    marker = Change.objects.get()
    assert (marker.version, marker.service) == ("abc123", "whatsapp-inbox")
    assert abs(marker.at - timezone.now()) < MINUTE
    for key in DEPLOYMENT[1:-1]:
        run.ticks.create(step=key, at=timezone.now(), by=grace)
    assert "2 required steps are open: 8a" in words(commander.post(finish))


@pytest.mark.req("RB-37", "RB-38", "RB-43", "RB-44", "RB-45")
def test_a_rollback(inbox, commander, grace, ada, monkeypatch):
    now = timezone.now()
    for minutes, commit in ((20, "abc123"), (10, "def456")):
        ChangeFactory(kind="deploy", service="whatsapp-inbox", version=commit, at=now - minutes * MINUTE)
    incident = opened(inbox, "P0", now)
    run = started(commander, "rollback", incident)
    page = commander.get(run.get_absolute_url()).content.decode()
    check_shown(commander, run, pack_runbooks("whatsapp-runbook")["rollback"])
    steps = {one.key: one for one in shown_steps(page)}
    assert 'value="abc123"' in page and "abc123" in steps["pin"].text
    assert steps["never-reset"].forbidden == ["prisma migrate reset"] and steps["never-reset"].copies == 0
    assert "Forbidden" in steps["never-reset"].text

    assert tick(commander, run, "pin", **{"field-commit": "abc123"}).status_code == 302
    assert tick(commander, run, "deploy").status_code == 302
    assert Change.objects.latest("pk").summary == "rollback to abc123"
    assert incident.timeline.filter(text="Rollback to abc123.").exists()
    begin = run.ticks.get(step="deploy").at

    monkeypatch.setattr("django.utils.timezone.now", lambda: begin + 14 * MINUTE)
    assert "1 min left" in words(tick(commander, run, "watch-alerts"))
    life = LivenessFactory(incident=incident, starts_at=begin + 3 * MINUTE, severity_key="P0")
    monkeypatch.setattr("django.utils.timezone.now", lambda: begin + 15 * MINUTE)
    assert "remark on 1 alert" in words(tick(commander, run, "watch-alerts"))
    told = life.alert.annotations.get("summary") or str(life.alert)
    assert told in commander.get(run.get_absolute_url()).content.decode()
    remark = {"about": life.alert_id, "text": "known"}
    assert commander.post(reverse("run-remark", args=[run.pk, "watch-alerts"]), remark).status_code == 302
    assert tick(commander, run, "watch-alerts").status_code == 302
    other = started(commander, "rollback", opened(inbox, "P1", begin))
    other.ticks.create(step="deploy", at=begin, by=grace)
    life.delete()
    assert tick(commander, other, "watch-alerts").status_code == 302  # no alert: done at 15 min

    EscalationContact.objects.get(name="DBA").members.add(ada)
    before = Delivery.objects.filter(to="ada").count()
    assert "Minta DBA" in page
    letter = reverse("run-letter", args=[run.pk, "down-migration", 0])
    assert commander.post(letter, {"text": "Is there a way back?"}).status_code == 302
    assert Delivery.objects.filter(to="ada").count() == before + 1
