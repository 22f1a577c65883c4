"""Disaster recovery: prompts, activation by role, the bridge, the call tree, the sign-off."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from alerts.models import AlertRule
from incidents import gates, lifecycle
from incidents.models import Incident
from notifications.models import Delivery
from packs import dumper, loader
from policies.models import Severity
from recovery import calls
from recovery.models import Recovery, RecoveryPlan
from tests.accounts import signed_in
from tests.factories import MINUTE, NINE, AlertFactory, LivenessFactory, SampleFactory

SECOND = timedelta(seconds=1)


def do(client, incident, deed, **data):
    return client.post(reverse("recovery-do", args=[incident.pk, deed]), data)


def state(incident) -> Recovery:
    """As it is stored now."""
    return Recovery.objects.get(incident=incident)


def fires(incident, rule: AlertRule, **labels):
    alert = AlertFactory(rule=rule, integration=None, labels=labels)
    return LivenessFactory(alert=alert, incident=incident, assign_at=None, check_at=None, firing=True)


@pytest.mark.req("DJ-41")
def test_each_condition_prompts_once(ops, grace):
    lasting = ops.open("critical", key="lasting", queue="rentguy")
    ops.tick(10 * MINUTE)
    assert "active" not in ops.prompts(lasting)
    ops.tick(10 * MINUTE + SECOND)
    ops.tick(11 * MINUTE)
    assert ops.prompts(lasting).count("active") == 1
    assert lasting.dr.prompts.get(condition__startswith="active").text == "Critical for more than 10 minutes"
    assert len(ops.said("Critical for more than 10 minutes")) == 1
    client = signed_in(Client(), grace, "Responder")
    assert "Critical for more than 10 minutes" in client.get(lasting.get_absolute_url()).content.decode()
    other = ops.open("critical", key="other", after=11 * MINUTE, queue="sevensa")
    ops.tick(11 * MINUTE + SECOND)
    assert "distinct" in ops.prompts(lasting)
    assert "distinct" in ops.prompts(other)
    assert len(ops.said("2 different queue at once")) == 1
    assert "rule" not in ops.prompts(lasting)
    silent = ops.open("warning", key="otel", after=12 * MINUTE)
    fires(silent, AlertRule.objects.get(key="otel-silent"))
    ops.tick(12 * MINUTE + SECOND)
    assert ops.prompts(lasting).count("rule") == 1
    assert state(silent).state == "standby"
    assert state(lasting).state == "prompted"


def test_a_critical_that_ends_or_is_held_prompts_nobody(ops, ada):
    held, quiet = ops.open("critical", key="held"), ops.open("critical", key="quiet")
    lifecycle.mitigate(held, by=ada, at=NINE + 5 * MINUTE)
    Incident.objects.filter(pk=quiet.pk).update(quiet_until=NINE + 15 * MINUTE)
    ops.tick(11 * MINUTE)
    assert ops.prompts(held) == ops.prompts(quiet) == []


def test_a_rise_to_critical_counts_from_the_rise(ops, ada):
    incident = ops.open("warning")
    critical = Severity.objects.get(policy=ops.policy, key="critical")
    lifecycle.set_severity(incident, critical, by=ada, at=NINE + 5 * MINUTE)
    ops.tick(14 * MINUTE)
    assert "active" not in ops.prompts(incident)
    ops.tick(15 * MINUTE + SECOND)
    assert "active" in ops.prompts(incident)


@pytest.mark.req("DJ-30")
@pytest.mark.parametrize(
    "values, prompted",
    [
        ([600, 620, 640], True),
        ([600, 600, 600], True),
        ([600, 599, 598], True),
        ([900, 400, 120], False),
        ([], True),
        ([900, 640, 505], False),
        ([700, 600, 510], False),
        ([900, 720, 560], False),
        ([900, 880, 800], True),
    ],
)
def test_the_bridge_is_prompted_before_the_violation_unless_it_recovers(ops, values, prompted):
    incident = ops.open("critical", queue="rentguy")
    rule = AlertRule.objects.get(key="backlog")
    fires(incident, rule, queue="rentguy")
    SampleFactory(rule=rule, at=NINE - MINUTE, until=NINE - MINUTE, value=100, state="inactive")
    for minute, value in zip((4, 6, 7.9), values, strict=False):
        at = NINE + minute * MINUTE
        data = json.dumps({"read": [[{"value": value}, {}, ""]]})
        SampleFactory(rule=rule, at=at, until=at, value=value, state="firing", data=data)
    ops.tick(8 * MINUTE - SECOND)
    assert "threatens" not in ops.prompts(incident)
    ops.tick(8 * MINUTE)
    assert ("threatens" in ops.prompts(incident)) is prompted
    assert bool(ops.said("start the bridge")) is prompted


@pytest.mark.parametrize(("lead", "minute"), [("5m", 5), ("30s", 9.5), ("", None)])
def test_how_long_before_the_bridge_is_prompted_is_a_parameter(ops, lead, minute):
    ops.policy.parameters.filter(key="BRIDGE_LEAD").update(default=lead)
    incident = ops.open("critical")
    if minute is None:
        ops.tick(12 * MINUTE)
        assert "threatens" not in ops.prompts(incident), "not set: off"
        return
    ops.tick(minute * MINUTE - SECOND)
    assert "threatens" not in ops.prompts(incident)
    ops.tick(minute * MINUTE)
    assert "threatens" in ops.prompts(incident)


def test_only_the_commander_activates_and_stands_down(ops, ada, grace):
    incident = ops.open("critical")
    ops.tick(11 * MINUTE)
    lifecycle.assign_role(incident, "commander", ada, by=ada, at=NINE)
    commander, other = signed_in(Client(), ada, "Incident Commander"), signed_in(Client(), grace, "Incident Commander")
    refused = do(other, incident, "activate", reason="Redis is gone")
    assert (refused.status_code, state(incident).state) == (403, "prompted")
    assert "Only the commander" in refused.content.decode()
    assert "Redis is gone" in refused.content.decode()  # what was typed is not lost
    assert do(commander, incident, "activate", reason=" ").status_code == 409
    assert do(commander, incident, "activate", reason="Redis is gone").status_code == 302
    recovery = Recovery.objects.get(incident=incident)
    assert (recovery.state, recovery.activated_by) == ("active", ada)
    assert set(recovery.prompts.filter(asks="activate").values_list("answer", flat=True)) == {"followed"}
    incident.refresh_from_db()
    assert incident.update_every == 15 * MINUTE
    assert do(commander, incident, "activate", reason="again").status_code == 409
    assert "dr_stood_down" in gates.CHECKS
    assert gates.CHECKS["dr_stood_down"](incident)
    assert do(commander, incident, "stand-down", reason="Redis is back").status_code == 302
    assert gates.CHECKS["dr_stood_down"](incident) is None


def test_a_policy_may_activate_by_itself(ops):
    RecoveryPlan.objects.update(automatic=True)
    incident = ops.open("critical")
    ops.tick(10 * MINUTE + SECOND)
    assert (state(incident).state, state(incident).activated_by) == ("active", None)


def test_a_prompt_may_be_declined_with_a_reason(ops, ada):
    incident = ops.open("critical")
    ops.tick(11 * MINUTE)
    lifecycle.assign_role(incident, "commander", ada, by=ada, at=NINE)
    client = signed_in(Client(), ada, "Responder")
    prompt = incident.dr.prompts.get(condition__startswith="active")
    assert do(client, incident, "decline", prompt=prompt.pk, reason="One tenant only").status_code == 302
    ops.tick(12 * MINUTE)
    assert state(incident).state == "standby"
    assert incident.timeline.filter(text__contains="One tenant only").exists()


@pytest.mark.req("DJ-37")
def test_the_bridge_is_asked_for_once_and_its_links_are_kept(ops, grace, monkeypatch):
    incident = ops.open("critical")
    client = signed_in(Client(), grace, "Responder")
    page = reverse("incident-recovery", args=[incident.pk])
    for label in ("Huddle", "Notes", "Incident channel"):
        assert label in client.get(page).content.decode()
    ops.sink.fault("/json/bridge", status=500)
    failed = do(client, incident, "bridge")
    assert failed.status_code == 409
    assert "Create DR Bridge answered 500" in failed.content.decode()
    assert do(client, incident, "bridge").status_code == 302
    assert do(client, incident, "bridge").status_code == 409  # it is open
    arrived = ops.sink.received("/json/bridge")
    assert [message.status for message in arrived] == [500, 200]
    assert arrived[1].json["incident_id"] == str(incident.pk)
    assert arrived[1].json["title"] == incident.title
    typed = {"link-huddle": "https://slack.example.org/huddle/1", "link-notes": "https://notes.example.org/1"}
    assert do(client, incident, "links", **typed).status_code == 302
    assert do(client, incident, "links", **{"link-channel": "javascript:alert(1)"}).status_code == 409
    shown = client.get(incident.get_absolute_url()).content.decode()
    assert 'href="https://slack.example.org/huddle/1"' in shown
    assert 'href="https://notes.example.org/1"' in shown


def test_without_a_webhook_the_links_are_typed(ops, grace, monkeypatch):
    monkeypatch.delenv("DR_BRIDGE_WEBHOOK_URL")
    incident = ops.open("critical")
    client = signed_in(Client(), grace, "Responder")
    assert "type the links" in client.get(reverse("incident-recovery", args=[incident.pk])).content.decode()
    assert do(client, incident, "bridge").status_code == 409
    assert not ops.sink.received("/json/bridge")
    assert do(client, incident, "links", **{"link-channel": "https://slack.example.org/c"}).status_code == 302


@pytest.mark.req("DJ-29")
def test_the_war_room_hears_who_leads_and_the_call_tree_is_worked_through(ops, grace):
    incident = ops.open("critical")
    ops.tick()
    (told,) = ops.said("@ic-oncall")
    assert "@comms-duty" in told
    client = signed_in(Client(), grace, "Responder")
    page = reverse("incident-recovery", args=[incident.pk])
    assert 'href="tel:+31205550100"' in client.get(incident.get_absolute_url()).content.decode()
    first = calls.following(incident.dr)
    assert do(client, incident, "call", call=first.pk, outcome="no_answer").status_code == 302
    assert str(calls.following(incident.dr).contact) == "Back-up"
    assert do(client, incident, "call", call=first.pk, outcome="reached").status_code == 409  # somebody was first
    assert do(client, incident, "call", call=calls.following(incident.dr).pk, outcome="reached").status_code == 302
    assert str(calls.following(incident.dr).contact) == "Communications Lead"
    assert "back-up of Incident Commander" in client.get(page).content.decode()
    do(client, incident, "call", call=calls.following(incident.dr).pk, outcome="reached")
    assert calls.following(incident.dr) is None
    assert ops.open("warning", key="w").timeline.filter(text__startswith="Call tree").count() == 0


def test_a_voice_gateway_rings_and_tells_how_it_went(ops, monkeypatch, client):
    monkeypatch.setenv("VOICE_GATEWAY_URL", ops.sink.address("json", "voice"))
    incident = ops.open("critical")
    ops.tick()
    (ring,) = ops.sink.received("/json/voice")
    assert ring.json["data"]["to"] == "+31205550100"
    callback = ring.json["data"]["callback"].removeprefix("https://ops.example.org")
    assert client.post(callback, {"outcome": "maybe"}).status_code == 422
    assert client.post("/callbacks/calls/forged/", {"outcome": "reached"}).status_code == 403
    told = client.post(callback, {"outcome": "no_answer"}, content_type="application/json")
    assert told.json() == {"taken": True, "next": "Back-up"}
    assert client.post(callback, {"outcome": "no_answer"}).json()["taken"] is False  # told twice
    ops.tick_now()
    assert [message.json["data"]["to"] for message in ops.sink.received("/json/voice")] == [
        "+31205550100", "+31205550101"]  # fmt: skip
    assert calls.following(incident.dr).number == "+31205550101"


@pytest.mark.req("DJ-42")
def test_the_checklist_is_signed_off_by_its_role_alone(ops, ada, grace):
    incident = ops.open("critical")
    lifecycle.assign_role(incident, "commander", ada, by=ada, at=NINE)
    lifecycle.assign_role(incident, "communications", grace, by=ada, at=NINE)
    commander, other = signed_in(Client(), ada, "Responder"), signed_in(Client(), grace, "Responder")
    page = commander.get(reverse("incident-recovery", args=[incident.pk])).content.decode()
    assert 'href="https://docs.example.org/activation"' in page
    assert "docs/disaster_recovery/activation.md" in page
    assert do(other, incident, "sign", item="Redis is reachable").status_code == 403
    assert state(incident).signed_at is None
    assert do(commander, incident, "sign").status_code == 409
    assert do(commander, incident, "sign", item="Redis is reachable", note="Followed").status_code == 302
    assert state(incident).signed_by == ada
    assert "Signed off by ada" in commander.get(reverse("incident-recovery", args=[incident.pk])).content.decode()


@pytest.mark.parametrize(
    "lines, words",
    [
        ("prompt_when: [{severity: P1}]", "says one thing"),
        ("prompt_when: [{active: 10m}]", "needs the level"),
        ("prompt_when: [{severity: P1, distinct: queue}]", "needs `gte`"),
        ("prompt_when: [{severity: P1, active: 10m}, {severity: P1, active: 10m, text: x}]", "stands there twice"),
        ("call_tree: [nobody]", "There is no contact 'nobody'"),
        ("bridge: {webhook: '${NO}'}", "There is no parameter 'NO'"),
    ],
)
def test_a_faulty_plan_is_refused_with_its_place(db, lines, words):
    text = (
        "pack: {key: x, name: X, version: 1}\nseverities: [{key: P1, label: P1}]\ncontacts: [{name: a}]\n"
        "destinations: [{key: ops, kind: json, address: 'https://x.test/'}]\nroutes: [{to: ops, default: true}]\n"
        f"dr:\n  {lines}\n"
    )
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(text, name="x.yaml", at=NINE)
    assert words in str(refused.value)
    assert "x.yaml:7" in str(refused.value)


@pytest.mark.req("DJ-25")
def test_a_warning_stays_on_standby_and_the_commander_hears_only_when_it_spreads(ops, grace):
    incident = ops.open("warning", queue="rentguy")
    client = signed_in(Client(), grace, "Responder")
    for after in (0, 16, 31):
        ops.tick(after * MINUTE)
    told = Delivery.objects.filter(to="Incident Commander")
    assert (state(incident).state, incident.dr.prompts.count(), told.count()) == ("standby", 0, 0)
    assert "Standby" in client.get(incident.get_absolute_url()).content.decode()
    for scope in ("one queue", "several queues"):
        client.post(reverse("incident-act", args=[incident.pk, "impact"]), {"scope": scope})
    assert told.count() == 1
    assert state(incident).state == "standby"


def test_an_export_says_the_same_and_a_shorter_pack_takes_the_plan_away(ops, pack):
    again = loader.load(dumper.dump("dj"), name="dj.yaml", at=NINE)
    assert [change for change in again.changes if change.section == "dr"] == []
    loader.load(pack[: pack.index("dr:\n")], name="dj.yaml", at=NINE)
    assert not RecoveryPlan.objects.exists()
