"""The readiness checklist: live items that are looked at, others that people confirm, and the share that holds."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from alerts import evaluation
from checkup import readiness
from checkup.models import ReadinessItem
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.notifications.far_side import Receiver

pytestmark = pytest.mark.django_db
PACK = """
pack: {key: dj, name: DJ, version: 1, service: dj}
severities: [{key: critical, label: Critical}, {key: warning, label: Warning}]
params:
  BASE: {type: text}
  CRITICAL: {type: int, default: 500}
  FLAG_TELEMETRY: {type: bool, default: false}
  TRACES_ENDPOINT: {type: text}
flags: [{key: FLAG_TELEMETRY, requires: [TRACES_ENDPOINT]}]
connections: [{key: app, kind: http, url: "${BASE}"}]
contacts: [{name: on-call, kind: role}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/hook"}]
routes: [{default: true, to: chat}]
rules:
  - key: backlog
    source: {json: {connection: app, path: /queues, each: queues, labels: {queue: name}}}
    group_by: [queue]
    levels: [{severity: critical, when: value >= params.CRITICAL}, {severity: warning, when: value >= 100}]
  - {key: health, severity: critical, source: {http: {connection: app, path: /health}}, when: status_code != 200}
readiness:
  - {key: backlog, text: Backlog below critical, rules: [backlog], levels: [critical], shows: value}
  - {key: tests, text: Tests run clean, command: [npm test, pnpm lint], needs: note}
  - {key: chaos, text: "Kill the backend; it comes back", drill: {counts: backlog, probe: health}}
  - {key: traces, text: Traces have a place to go, requires: [TRACES_ENDPOINT]}
  - {key: people, text: People know where the war room is}
"""


@pytest.fixture
def far(monkeypatch):
    receiver = Receiver()
    monkeypatch.setenv("BASE", f"http://127.0.0.1:{receiver.server.server_port}")
    yield receiver
    receiver.stopped.set()
    receiver.server.shutdown()
    receiver.server.server_close()


def depth(far, *figures: int) -> None:
    """What the backend tells of its queue, once each."""
    told = ({"queues": [{"name": "out", "value": figure}]} for figure in figures)
    far.url("/queues", *((200, {"Content-Type": "application/json"}, json.dumps(one).encode()) for one in told))


@pytest.fixture
def policy(far):
    loader.load(PACK, name="dj.yaml", at=timezone.now())
    return Policy.objects.get()


@pytest.fixture
def responder(client, ada):
    return signed_in(client, ada, "Responder")


def item(key: str) -> ReadinessItem:
    return ReadinessItem.objects.get(key=key)


def holds(policy, at, **options) -> dict:
    return {one.item.key: one.holds for one in readiness.score(policy, at=at, **options).items}


@pytest.mark.req("DJ-60")
def test_an_item_bound_to_a_rule_is_green_below_the_critical_value_and_red_at_it(policy, far, responder, at):
    depth(far, 499, 500)
    asked = responder.get(reverse("readiness-list", args=["dj"]), {"ask": ""}).content.decode()
    first = asked[asked.index("Backlog below critical") - 200 :][:500]
    assert "Holds" in first and "<b>499</b>" in first
    asked = responder.get(reverse("readiness-list", args=["dj"]), {"ask": ""}).content.decode()
    first = asked[asked.index("Backlog below critical") - 200 :][:500]
    assert "Does not hold" in first and "<b>500</b>" in first
    depth(far, 500)
    evaluation.check_due(at=timezone.now(), force=True, rules=policy.rules.filter(key="backlog"))
    assert holds(policy, at)["backlog"] is False  # also as it was read last
    far.url("/queues", 500)
    assert holds(policy, at, ask=True)["backlog"] is False


@pytest.mark.req("DJ-59")
def test_an_item_that_wants_proof_is_not_ticked_without_a_note_or_link(policy, responder, at):
    address = reverse("readiness-tick", args=[item("tests").pk])
    refused = responder.post(address, {"note": " "})
    assert refused.status_code == 409 and "needs a note or a link" in refused.content.decode()
    assert "<code>npm test</code>" in refused.content.decode() and "<code>pnpm lint</code>" in refused.content.decode()
    responder.post(address, {"note": "https://ci.example.org/runs/7"})
    one = next(one for one in readiness.score(policy, at=at).items if one.item.key == "tests")
    assert one.holds and "by ada" in one.says and one.tick.note == "https://ci.example.org/runs/7"
    responder.post(address, {"deed": "undo"})
    assert holds(policy, at)["tests"] is None


@pytest.mark.req("DJ-06")
def test_readiness_names_what_a_flag_that_is_on_needs_and_does_not_have(policy, responder, monkeypatch):
    page = reverse("readiness-list", args=["dj"])
    assert "FLAG_TELEMETRY is on" not in responder.get(page).content.decode()
    monkeypatch.setenv("FLAG_TELEMETRY", "on")
    assert "FLAG_TELEMETRY is on and needs TRACES_ENDPOINT, which is not set." in responder.get(page).content.decode()
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("ops_readiness", stdout=out)
    assert ended.value.code == 1 and "TRACES_ENDPOINT is not set, and FLAG_TELEMETRY, which is on" in out.getvalue()
    monkeypatch.setenv("TRACES_ENDPOINT", "http://otel:4318")
    assert "FLAG_TELEMETRY is on" not in responder.get(page).content.decode()


@pytest.mark.req("DJ-63")
def test_four_of_five_are_80_percent_and_all_are_100_with_the_date(policy, far, responder, at, monkeypatch, ada):
    monkeypatch.setenv("TRACES_ENDPOINT", "http://otel:4318")
    depth(far, *[7] * 9)
    evaluation.check_due(at=timezone.now(), force=True)
    for key in ("tests", "people"):
        responder.post(reverse("readiness-tick", args=[item(key).pk]), {"note": "done"})
    page = reverse("readiness-list", args=["dj"])
    assert "<strong>80 %</strong> 4 of 5 items hold." in responder.get(page).content.decode()
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("ops_readiness", "--policy", "dj", stdout=out)
    assert ended.value.code == 2 and "dj: 80 % (4 of 5 items hold)" in out.getvalue()
    drill = reverse("readiness-tick", args=[item("chaos").pk])
    responder.post(drill, {"deed": "begin"})
    responder.post(drill, {"deed": "end"})
    told = responder.get(page).content.decode()
    assert "<strong>100 %</strong>" in told and "Fully in operation since" in told
    call_command("ops_readiness", "--policy", "dj", stdout=out)
    assert f"dj: 100 % (5 of 5 items hold), since {timezone.now():%Y-%m-%d}" in out.getvalue()


def test_a_drill_counts_before_and_after_and_measures_how_long_the_service_was_away(policy, far, ada, at):
    chaos, second = item("chaos"), timedelta(seconds=1)
    health = policy.rules.filter(key="health")
    depth(far, 20, 20)
    with pytest.raises(readiness.TickRefused, match="begin it, and end it"):
        readiness.tick(chaos, by=ada, at=at)
    readiness.begin_drill(chaos, by=ada, at=at)
    with pytest.raises(readiness.TickRefused, match="under way"):
        readiness.begin_drill(chaos, by=ada, at=at)
    far.url("/health", 200, 503, 503, 200)
    for step in range(4):
        evaluation.check_due(at=at + (1 + 10 * step) * second, rules=health, force=True)
    done = readiness.end_drill(chaos, by=ada, at=at + 60 * second)
    assert done.facts == {"before": {"out": 20}, "after": {"out": 20}, "down_seconds": 20.0}
    assert done.note == "Before: out 20; after: out 20; away for 20 s."
    with pytest.raises(readiness.TickRefused, match="No drill"):
        readiness.end_drill(chaos, by=ada, at=at + 61 * second)


def test_nobody_ticks_a_live_item_and_a_viewer_ticks_nothing(policy, client, ada, grace):
    address = reverse("readiness-tick", args=[item("backlog").pk])
    refused = signed_in(client, ada, "Responder").post(address)
    assert refused.status_code == 409 and "looked at live" in refused.content.decode()
    assert signed_in(client, grace, "Viewer").post(address).status_code == 403


@pytest.mark.parametrize(
    ("was", "line", "words"),
    [
        ("rules: [backlog], levels", "rules: [none], levels", "There is no rule 'none'"),
        ("levels: [critical], shows", "levels: [grave], shows", "There is no severity 'grave'"),
        ("needs: note", "needs: proof", "There is no 'proof' here"),
        ("requires: [TRACES_ENDPOINT]}\n  - {key: people", "requires: [X]}\n  - {key: people", "no parameter 'X'"),
        ("needs: note", "needs: note, rules: [health]", "it has neither `needs` nor `drill`"),
        ("needs: note", "shows: value", "Only an item with `rules` has a reading to show."),
    ],
)
def test_a_faulty_item_is_refused_in_words(far, was, line, words):
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(PACK.replace(was, line), name="dj.yaml", at=timezone.now())
    assert words in str(refused.value)


def test_loading_twice_changes_nothing_and_dropped_items_go(policy):
    assert not loader.load(PACK, name="dj.yaml", at=timezone.now()).changed_anything
    loader.load(PACK[: PACK.index("readiness:")], name="dj.yaml", at=timezone.now())
    assert not ReadinessItem.objects.exists()
