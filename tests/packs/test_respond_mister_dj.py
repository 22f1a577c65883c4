"""Mister DJ's runbooks and checklists: what an incident shows against the pack, steps ticked and pressed over HTTP."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from alerts.models import Liveness
from incidents.models import Incident, RoleAssignment
from notifications.models import Delivery
from runbooks.models import ActionCall, Run
from targets.misterdj import MisterDJ
from tests.accounts import signed_in
from tests.packs.mister_dj import LIMITS, Stage
from tests.packs.responding import Room
from tests.runbooks.showing import check_shown, pack_runbooks, shown_steps, tick_through, tree

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TOKEN = "dj-5f2c9e"
SYMPTOMS = {  # chapter 6: symptom and action of each runbook, word for word
    "backlog-warning": (
        "Slack melding `queue thresholds exceeded` (severity `warning`)",
        ["Controleer secrets / upstream API.", "Gebruik `/dashboard` → *Queue flushen* voor gefaalde jobs."],
    ),
    "backlog-critical": (
        "Severity `critical` of `retry_age` meldingen",
        [
            "Schakel `QUEUE_REDIS_ENABLED=false` feature flag terug om tijdelijk naar in-memory fallback te gaan.",
            "Controleer Redis status en herstart workers.",
        ],
    ),
    "dead-letter": (
        "Slack melding `Job moved to dead-letter queue`",
        ["Gebruik `POST /integrations/<queue>/deadletter/replay` (of dashboard actie) om jobs terug te zetten na fix."],
    ),
    "otel-silent": (
        "Geen nieuwe traces binnen 5 min",
        [
            "Controleer netwerk ACLs en `OTEL_ENABLED`.",
            "Herstart backend",
            "Valideer logs `Telemetry initialized`.",
        ],
    ),
}
BOUND = [  # what is pulled, and level and runbooks of the incident that opens
    (("queue", {"backlog": 100}), "warning", ["backlog-warning", "post-alert"]),
    (
        ("queue", {"queue": "sevensa", "backlog": 500}),
        "critical",
        ["critical-reaction", "backlog-critical", "post-alert"],
    ),
    (("queue", {"queue": "spotify", "retry_age_ms": 60_000}), "warning", ["backlog-critical", "post-alert"]),
    (("dead_letters", {"jobs": 1}), "warning", ["dead-letter", "post-alert"]),
    (None, "warning", ["otel-silent", "post-alert"]),
]
TOLD = {"backlog-warning": "queue thresholds exceeded", "dead-letter": "Job moved to dead-letter queue"}
WANT_MORE = {"logs", "resolved", "log"}
"""Steps with a condition of their own: evidence, the commander's role, a log line; tested below."""


@pytest.fixture
def stage(load, monkeypatch, tmp_path):
    with MisterDJ(token=TOKEN) as backend:
        more = {
            "MISTER_DJ_BASE_URL": backend.url, "MISTER_DJ__REDIS_URL": backend.redis_server.url,
            "MISTER_DJ_ACTIONS_TOKEN": TOKEN, "ALERT_WEBHOOK_URLS": "https://sink.invalid/slack",
            "INCIDENT_DOSSIER_ROOT": str(tmp_path), "OTEL_ENABLED": "true",
        }  # fmt: skip
        for name, value in {**LIMITS, **more}.items():
            monkeypatch.setenv(name, value)
        load("mister-dj")
        stage = Stage(monkeypatch, backend)
        stage.trace()
        stage.look()
        yield stage


@pytest.fixture
def room(stage, client, grace):
    return Room(stage, signed_in(client, grace, "Incident Commander"))


def opens(stage: Stage, lever) -> Incident:
    """The incident that opens when the lever is pulled; None: nothing comes for ten minutes."""
    stage.go_on(10 * MINUTE if lever is None else 30 * SECOND)
    if lever:
        stage.trace()
        getattr(stage.backend, lever[0])(**lever[1])
    stage.look()
    return Incident.objects.latest("pk")


def run_of(incident: Incident, key: str) -> Run:
    return Run.objects.get(incident=incident, runbook__key=key)


@pytest.mark.req("DJ-26", "DJ-44", "DJ-46", "DJ-49", "DJ-51")
def test_each_alert_brings_its_runbooks_whose_steps_are_ticked(stage, room):
    said = pack_runbooks("mister-dj")
    for lever, level, books in BOUND:
        incident = opens(stage, lever)
        assert incident.severity.key == level
        page = tree(room.client.get(reverse("incident-runbooks", args=[incident.pk])).content.decode())
        heads = [head.text.strip() for head in page.all("h2")]
        assert [head.startswith(said[key]["title"]) for key, head in zip(books, heads, strict=False)] == [True] * len(
            books
        )
        assert Run.objects.filter(incident=incident).count() == len(books)
        for key in books:
            shown_and_ticked(room, run_of(incident, key), said[key])
        told = Delivery.objects.filter(thread=incident.thread, data__event="opened").latest("pk")
        assert TOLD.get(books[0], "") in told.subject
        if level == "critical":  # the first decision that it offers
            [decision] = said[books[0]]["steps"]
            assert decision["choose"] == ["schakel services om", "beperk verkeer"]
            assert incident.timeline.filter(
                kind="step", text__contains="schakel services om", by__name="grace"
            ).exists()


def shown_and_ticked(room: Room, run: Run, said: dict) -> None:
    check_shown(room.client, run, said)
    html = room.client.get(run.get_absolute_url()).content.decode()
    if said["key"] in SYMPTOMS:
        symptom, actions = SYMPTOMS[said["key"]]
        assert symptom in tree(html).text
        assert [step.title for step in shown_steps(html, run)] == actions
    skip = [step["title"] for step in said["steps"] if step["key"] in WANT_MORE]
    for step in tick_through(room.client, run, said, skip=skip):
        assert run.ticks.get(step=step).by.name == "grace"


@pytest.mark.req("DJ-45", "DJ-48", "DJ-50")
def test_what_a_person_confirms_is_sent_once_and_redis_is_asked(stage, room, monkeypatch):
    backend = stage.backend
    incident = opens(stage, ("queue", {"backlog": 120, "failed": 7}))
    run = run_of(incident, "backlog-warning")
    links = dict(room.step(run, "flush").links)
    assert links["/dashboard"] == f"{backend.url}/dashboard"
    pressed(room, run, "flush", "queue-flush", queue="rentguy")
    assert backend.state()["queues"]["rentguy"] | {"active": 0} == dict.fromkeys(
        ["backlog", "active", "failed", "retry_age_ms", "dead_letter"], 0
    )
    assert not Liveness.objects.filter(firing=True).exists()  # read anew at once
    assert "0" in str(stage.policy.rules.get(key="queue-backlog").verdict)

    incident = opens(stage, ("dead_letters", {"jobs": 5}))
    run = run_of(incident, "dead-letter")
    page = reverse("run-action", args=[run.pk, "replay", "deadletter-replay"])
    asked = room.client.get(page).content.decode()
    assert "Alle dead letters van rentguy terugzetten in de queue?" in tree(asked).text
    room.client.post(page, {"queue": "rentguy"})  # without the confirmation
    assert (ActionCall.objects.filter(run=run).count(), dead_letters(backend)) == (0, 5)
    monkeypatch.delenv("MISTER_DJ_ACTIONS_TOKEN")
    assert "MISTER_DJ_ACTIONS_TOKEN is not set" in room.step(run, "replay").text
    room.client.post(page, {"queue": "rentguy", "confirm": "yes", "nonce": "n"})
    assert dead_letters(backend) == 5
    monkeypatch.setenv("MISTER_DJ_ACTIONS_TOKEN", TOKEN)
    pressed(room, run, "replay", "deadletter-replay", queue="rentguy")
    [call] = ActionCall.objects.filter(run=run)
    assert (call.method, call.address) == ("POST", f"{backend.url}/integrations/rentguy/deadletter/replay")
    assert (call.status_code, dead_letters(backend)) == (200, 0)
    assert TOKEN not in room.texts(incident) and "/integrations/rentguy/deadletter/replay" in room.texts(incident)

    incident = opens(stage, ("queue", {"queue": "sevensa", "backlog": 500}))
    run = run_of(incident, "backlog-critical")
    assert "PONG" in room.ask(run, "redis")
    backend.redis(answers=False)
    assert "refused" in room.ask(run, "redis")


def pressed(room: Room, run: Run, step: str, action: str, **inputs: str) -> None:
    """The button, its confirmation, and the same form sent again, as a browser that lost the answer does."""
    page = reverse("run-action", args=[run.pk, step, action])
    nonce = tree(room.client.get(page).content.decode())
    [field] = [one for one in nonce.all("input") if one.attrs.get("name") == "nonce"]
    post = {**inputs, "confirm": "yes", "nonce": field.attrs["value"]}
    for _ in range(2):
        room.client.post(page, post)


def dead_letters(backend: MisterDJ) -> int:
    return backend.state()["queues"]["rentguy"]["dead_letter"]


@pytest.mark.req("DJ-52")
def test_the_log_line_after_the_restart_turns_the_last_step_green_and_the_logs_are_kept(stage, room, grace):
    incident = opens(stage, None)
    run = run_of(incident, "otel-silent")
    assert "waits" in room.ask(run, "log")
    stage.go_on(MINUTE)
    assert room.tick(run, "network").status_code == room.tick(run, "restart").status_code == 302
    stage.backend.hold_clock(stage.at)
    stage.backend.restart(ago=30 * SECOND)  # an older line than the restart
    room.go_on(10 * SECOND)
    assert not run.ticks.filter(step="log").exists()
    stage.backend.hold_clock(stage.at)
    stage.backend.restart()
    room.go_on(10 * SECOND)
    tick = run.ticks.get(step="log")
    assert tick.by is None  # confirmed by itself
    assert "Telemetry initialized" in room.step(run, "log").live[0]

    run = run_of(incident, "post-alert")
    place = reverse("incident-evidence", args=[incident.pk])
    for label in ("queue worker", "backend API", "Redis"):
        assert room.tick(run, "logs").status_code == 409  # one label is missing still
        assert room.client.post(place, {"label": label, "file": upload(f"{label}.log")}).status_code == 302
    assert room.tick(run, "logs").status_code == 302
    kept = sorted(Path(os.environ["INCIDENT_DOSSIER_ROOT"], str(incident.pk)).iterdir())
    page = room.client.get(place).content.decode()
    assert len(kept) == 3 and all(hashlib.sha256(file.read_bytes()).hexdigest() in page for file in kept)
    assert room.tick(run, "resolved").status_code == 409  # the commander's to declare
    RoleAssignment.objects.create(incident=incident, role="commander", contact=grace, since=stage.at)
    assert room.tick(run, "resolved").status_code == 302


@pytest.mark.req("DJ-07", "DJ-08", "DJ-09")
def test_the_bootstrap_of_telemetry(stage, room):
    said = pack_runbooks("mister-dj")["telemetry-bootstrap"]
    run = room.start("telemetry-bootstrap")
    check_shown(room.client, run, said)
    shown = {step.key: step for step in shown_steps(room.client.get(run.get_absolute_url()).content.decode(), run)}
    assert [one for key in shown for one in shown[key].commands] == [
        "FLAG_TELEMETRY=on", "OTEL_ENABLED=true",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://otel-gateway.example.com/v1/traces",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://otel-gateway.example.com/v1/metrics",
    ]  # fmt: skip
    instrumented = " ".join(shown["restart"].live)
    assert all(part in instrumented for part in ("HTTP", "queue workers", "database drivers"))
    stage.go_on(10 * MINUTE)
    stage.trace(environment="staging")
    assert "wrong environment" in room.ask(run, "verify") and "✗" in room.ask(run, "verify")
    stage.trace()
    assert "✓" in room.ask(run, "verify")
    tick_through(room.client, run, said)
    assert set(run.ticks.values_list("by__name", flat=True)) == {"grace"}
    assert {"flag-telemetry", "otel-enabled", "traces-endpoint", "metrics-endpoint"} <= set(
        run.ticks.values_list("step", flat=True)
    )


def upload(name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, f"lines of {name}\n".encode())
