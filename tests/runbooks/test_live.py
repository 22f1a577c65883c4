"""What a step looks at, and what goes out: probes on a press, tables, checks anew, confirmed calls, letters."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from notifications.models import Delivery
from packs import loader
from policies.models import Policy
from runbooks import effects, live
from runbooks.models import ActionCall, LiveItem, Run
from sources.models import Event
from targets.service import Answer, Request, Service
from tests.accounts import signed_in
from tests.factories import NINE, ContactFactory, ContactMethodFactory, EventFactory
from tests.runbooks.showing import shown_steps

SECRET = "top-secret-token"
PACK = """
pack: {key: app, version: 1, service: app}
severities: [{key: P0, label: P0}]
params:
  APP: {type: text}
  TOKEN: {type: secret}
  LOKI: {type: text}
  JOB_LIMIT: {type: int, default: 10}
destinations: [{key: room, kind: json, address: "https://sink.example/x"}]
routes: [{default: true, to: [room]}]
contacts:
  - {name: DBA, kind: role}
  - {name: Knock Support, kind: vendor}
connections:
  - {key: app, kind: http, url: "${APP}"}
  - {key: loki, kind: loki, url: "${LOKI}"}
rules:
  - key: backlog
    severity: P0
    every: 1h
    source: {http: {connection: app, path: /queue, json: waiting}}
    when: value >= 5
runbooks:
  - key: look
    title: Look
    for: {always: true}
    steps:
      - key: health
        title: Health
        live: {name: Health, http: {connection: app, path: "/health?token=${TOKEN}", json: status}, every: 30s,
               expect: "status in ['ok', 'degraded']", note: status == 'degraded', says: "health {{ status }}",
               fails: {"401": token rejected, error: no answer}}
      - key: failed
        title: Failed
        live: {http: {connection: app, path: /queue, json: waiting}, says: "{{ value }} waiting"}
        recheck: [backlog]
      - key: events
        title: Last payments
        live: {events: {stream: pay, window: 1h}, rows: 2, columns: [at, name, outcome]}
      - key: lines
        title: Lines
        live: {loki: {connection: loki, query: '{app="x"}'}, rows: 20}
      - key: rule
        title: The rule
        live: {rule: backlog}
      - key: send
        title: Send
        actions: [replay]
        mail: {to: Knock Support, text: "Please help with {{ incident.title }}, {{ incident.level }}."}
        page: {contact: DBA, button: Ask the DBA}
      - key: pause
        title: Pause
        ask: {name: jobs, kind: list}
        silence: {field: jobs, label: job, for: 4h}
        timeline: "Paused: {{ field.jobs }}"
      - key: resume
        title: Resume
        again: true
        ask: job
        lift: {field: job, label: job}
        tighten: {param: JOB_LIMIT, to: "2", for: 1h}
  - key: back
    title: Go back
    steps: [Go back]
  - key: watch
    title: Watch
    for: {always: true}
    steps:
      - key: calm
        title: Stay calm
        watch: {for: 15m, fails: back}
        live: {http: {connection: app, path: /health, json: status}, expect: "status in ['ok', 'degraded']", every: 1m,
               note: status == 'degraded'}
actions:
  - key: replay
    title: Replay
    connection: app
    path: "/integrations/{queue}/deadletter/replay"
    ask: {name: queue, choices: [rentguy, mailer], default: "{{ labels.queue }}"}
    body: {queue: "{queue}", incident: "{incident.id}"}
    token: TOKEN
    auth: both
    recheck: [backlog]
    keep: {replayed: result.replayed}
"""


class App(Service):
    """A system that keeps what it was asked."""

    name = "app"

    def __init__(self) -> None:
        super().__init__()
        self.status, self.waiting, self.asked = "ok", 7, []

    def answer(self, request: Request) -> Answer | None:
        self.asked.append(request)
        if request.path.startswith("/health"):
            if "wrong" in str(request.query):
                return Answer(401, {"error": "no"})
            return Answer(200, {"status": self.status})
        if request.path == "/queue":
            return Answer(200, {"waiting": self.waiting})
        self.waiting = 0
        return Answer(200, {"result": {"replayed": 5}})


@pytest.fixture(scope="module")
def running():
    with App() as app:
        yield app


@pytest.fixture
def app(running, db, monkeypatch):
    running.status, running.waiting = "ok", 7
    running.asked.clear()
    monkeypatch.setenv("APP", running.url)
    monkeypatch.setenv("TOKEN", SECRET)
    loader.load(PACK, name="app.yaml", at=NINE)
    return running


@pytest.fixture
def commander(client, grace):
    return signed_in(client, grace, "Incident Commander")


@pytest.fixture
def run(app):
    policy = Policy.objects.get(key="app")
    opening = lifecycle.Opening(
        policy=policy, severity=policy.severities.get(), key="k", title="Queue is stuck", labels={"queue": "rentguy"}
    )
    return Run.objects.get(incident=lifecycle.open_incident(opening, at=timezone.now()), runbook__key="look")


def post(client, run, key, what, **fields):
    return client.post(reverse(f"run-{what}", args=[run.pk, key]), fields)


def step(client, run, key):
    shown = shown_steps(client.get(run.get_absolute_url()).content.decode(), run)
    return next(one for one in shown if one.key == key)


def words(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_nothing_is_asked_while_the_page_is_drawn(commander, run, app):
    assert "not asked yet" in step(commander, run, "health").live[0]
    commander.get(run.incident.get_absolute_url())
    assert app.asked == []


def test_a_press_asks_and_the_answer_is_kept(commander, grace, run, app, monkeypatch):
    for status, token, state, said in [
        ("ok", SECRET, "green", "health ok"), ("degraded", SECRET, "noted", "health degraded"),
        ("down", SECRET, "red", "health down"), ("ok", "wrong", "red", "token rejected"),
    ]:  # fmt: skip
        monkeypatch.setenv("TOKEN", token)
        app.status = status
        assert post(commander, run, "health", "ask").status_code == 302
        item = LiveItem.objects.get(run=run, step="health")
        assert (item.state, item.shown, item.asked_by) == (state, said, grace)
        assert said in step(commander, run, "health").live[0]
        assert f"Health: {said}" in run.incident.timeline.filter(kind="probe").latest("pk").text
    assert SECRET not in commander.get(run.get_absolute_url()).content.decode()


def test_a_place_that_does_not_answer_is_told_in_the_pack_s_words(commander, run, app):
    app.refuse()
    try:
        post(commander, run, "health", "ask")
    finally:
        app.accept()
    assert "no answer" in step(commander, run, "health").live[0]


@pytest.mark.req("RB-42")
def test_the_clock_asks_again_while_the_run_is_open(commander, run, app):
    due = run.started_at + timedelta(seconds=1)
    assert live.ask_due(at=due) == 2
    assert "health ok" in step(commander, run, "health").live[0] and "ago" in step(commander, run, "health").live[0]
    app.status = "down"
    assert live.ask_due(at=due + timedelta(seconds=29)) == 0
    assert live.ask_due(at=due + timedelta(seconds=30)) == 1
    assert "health down" in step(commander, run, "health").live[0]
    piece = commander.get(reverse("run-live", args=[run.pk])).content.decode()
    assert "health down" in piece and f"s{run.pk}-health" not in piece


@pytest.mark.req("RB-28")
def test_after_the_tick_it_is_asked_and_its_rules_are_checked(commander, run, app):
    app.waiting = 0
    assert post(commander, run, "failed", "tick").status_code == 302
    assert "0 waiting" in step(commander, run, "failed").live[0]
    rule = Policy.objects.get(key="app").rules.get(key="backlog")
    assert rule.state == "inactive" and rule.checked_at is not None
    assert run.incident.timeline.filter(kind="probe", text__startswith="backlog: 0, calm").exists()


def test_events_are_listed_newest_first(commander, run):
    for minute in range(3):
        EventFactory(stream="pay", name=f"charge {minute}", at=timezone.now() - timedelta(minutes=9 - minute))
    assert Event.objects.count() == 3
    post(commander, run, "events", "ask")
    item = LiveItem.objects.get(run=run, step="events")
    assert item.columns == ["at", "name", "outcome"] and [row[1] for row in item.rows] == ["charge 2", "charge 1"]
    assert "charge 2" in step(commander, run, "events").live[0]


def test_what_is_not_set_up_is_neither_red_nor_an_error(commander, run):
    post(commander, run, "lines", "ask")
    assert LiveItem.objects.get(run=run, step="lines").state == "unset"
    assert "not set: LOKI" in step(commander, run, "lines").live[0]


def test_a_rule_is_checked_and_shown_with_its_value(commander, run, app):
    post(commander, run, "rule", "ask")
    item = LiveItem.objects.get(run=run, step="rule")
    assert item.state == "red" and item.shown.startswith("7, firing")


@pytest.mark.req("RB-10")
def test_a_watch_passes_with_a_note_and_fails_for_good(commander, run, app):
    watch = Run.objects.get(incident=run.incident, runbook__key="watch")
    begin = watch.started_at
    app.status = "degraded"
    live.ask_due(at=begin + timedelta(seconds=1))
    shown = step(commander, watch, "calm")
    assert "There was a note" in shown.live[0] and "Failed" not in shown.state
    app.status = "down"
    live.ask_due(at=begin + timedelta(minutes=2))
    app.status = "ok"
    live.ask_due(at=begin + timedelta(minutes=4))
    page = commander.get(watch.get_absolute_url()).content.decode()
    assert "Failed: not as expected during the watch." in page and "Start Go back" in page


def test_an_action_is_confirmed_sent_once_and_recorded(commander, grace, run, app):
    url = reverse("run-action", args=[run.pk, "send", "replay"])
    page = commander.get(url).content.decode()
    assert "<option selected>rentguy</option>" in page and app.asked == []
    commander.post(url, {"queue": "rentguy"})
    assert app.asked == [] and not ActionCall.objects.exists()
    sent = {"queue": "rentguy", "confirm": "yes", "nonce": "n1"}
    assert commander.post(url, sent).status_code == 302
    assert "was sent already" in words(commander.post(url, sent))
    posts = [request for request in app.asked if request.method == "POST"]
    assert [request.path for request in posts] == ["/integrations/rentguy/deadletter/replay"]
    assert json.loads(posts[0].body) == {"queue": "rentguy", "incident": str(run.incident_id)}
    assert posts[0].header("Authorization") == f"Bearer {SECRET}"
    assert posts[0].header("X-Opscenter-Signature").startswith("t=")
    call = ActionCall.objects.get()
    assert (call.state, call.status_code, call.by, call.kept) == ("done", 200, grace, {"replayed": "5"})
    entry = run.incident.timeline.get(kind="action")
    assert entry.by == grace and "/integrations/rentguy/deadletter/replay: Done (200)" in entry.text
    assert "calm" in run.incident.timeline.filter(kind="probe").latest("pk").text  # the rule was checked at once
    assert SECRET not in f"{call.address}{call.answer}{entry.text}"


def test_an_action_is_off_while_its_token_is_not_set(commander, run, app, monkeypatch):
    monkeypatch.delenv("TOKEN")
    url = reverse("run-action", args=[run.pk, "send", "replay"])
    assert "Switched off: TOKEN is not set" in commander.get(url).content.decode()
    answer = commander.post(url, {"queue": "rentguy", "confirm": "yes", "nonce": "n2"})
    assert answer.status_code == 409 and "Switched off" in words(answer) and app.asked == []


def test_an_action_takes_no_other_queue(commander, run, app):
    url = reverse("run-action", args=[run.pk, "send", "replay"])
    for queue in ("../../admin", "..", "rentguy/../x", ""):
        assert commander.post(url, {"queue": queue, "confirm": "yes", "nonce": f"n{queue}"}).status_code == 409
    assert app.asked == []


def test_a_letter_to_a_vendor_is_drafted_with_the_facts_and_sent_once(commander, run):
    from oncall.models import EscalationContact

    vendor = EscalationContact.objects.get(name="Knock Support")
    ContactMethodFactory(contact=vendor, kind="email", address="support@knock.app")
    url = reverse("run-letter", args=[run.pk, "send", 0])
    page = commander.get(url).content.decode()
    assert "Please help with Queue is stuck, P0." in page
    sent = {"subject": "Help", "text": "Please help with Queue is stuck, P0.", "nonce": "m1"}
    assert commander.post(url, sent).status_code == 302
    assert commander.post(url, sent).status_code == 409
    mail = Delivery.objects.get(to="Knock Support")
    assert mail.address == "support@knock.app" and "Queue is stuck, P0" in mail.text
    assert run.incident.timeline.get(kind="vendor").data["escalation"] is True


@pytest.mark.req("RB-45")
def test_the_dba_is_asked_once(commander, run, db):
    from oncall.models import EscalationContact

    dba = ContactFactory(name="dana")
    ContactMethodFactory(contact=dba, address="dana@example.org")
    EscalationContact.objects.get(name="DBA").members.add(dba)
    assert "Ask the DBA" in step(commander, run, "send").text
    answer = commander.post(
        reverse("run-letter", args=[run.pk, "send", 1]), {"text": "Is there a way back?", "nonce": "d"}
    )
    assert answer.status_code == 302
    assert Delivery.objects.filter(to="dana").count() == 1
    assert run.incident.timeline.filter(text__contains="Is there a way back?").exists()


def test_what_is_paused_is_silenced_and_resumed_one_by_one(commander, run):
    from alerts.models import Silence
    from policies.models import Parameter

    post(commander, run, "pause", "tick", **{"field-jobs": "import\nexport"})
    assert run.incident.timeline.filter(text__startswith="Done: Paused: import, export").exists()
    silences = {silence.matchers[0]["value"]: silence for silence in Silence.objects.all()}
    assert set(silences) == {"import", "export"}
    assert post(commander, run, "resume", "tick", **{"field-job": "import"}).status_code == 302
    active = Silence.objects.active(timezone.now() + timedelta(seconds=1))
    assert [silence.matchers[0]["value"] for silence in active] == ["export"]
    limit = Parameter.objects.get(key="JOB_LIMIT")
    assert limit.effective == 2
    assert post(commander, run, "resume", "tick", **{"field-job": "export"}).status_code == 302
    assert run.ticks.filter(step__startswith="resume#").count() == 2
    assert "Nothing was silenced here for other" in words(
        post(commander, run, "resume", "tick", **{"field-job": "other"})
    )
    assert effects.put_back_due(at=timezone.now() + timedelta(minutes=59)) == 0
    assert effects.put_back_due(at=timezone.now() + timedelta(minutes=61)) == 1
    limit.refresh_from_db()
    assert limit.effective == 10
