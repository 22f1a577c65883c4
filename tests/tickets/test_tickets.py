"""Tickets: made once, only if still active, told of what follows, tried until the tracker is back, read back."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.models import Liveness
from incidents import gates, lifecycle
from incidents.models import Status
from packs import dumper, loader
from policies.models import Severity
from tests.accounts import signed_in
from tests.factories import MINUTE, NINE, AlertFactory, LivenessFactory
from tickets import reading
from tickets.models import Ticket, TicketPlan

SECOND = timedelta(seconds=1)


@pytest.mark.req("DJ-38")
def test_a_critical_incident_has_one_ticket_however_often_it_is_tried(ops, grace):
    ops.sink.fault("/jira/x/rest/api/3/issue", status=503, times=3)
    incident = ops.open("critical", queue="rentguy")
    for after in (0, 6, 25):
        ops.tick(after * SECOND)
    assert not ops.issues  # the tracker is away: three tries
    client = signed_in(Client(), grace, "Responder")
    page = client.get(incident.get_absolute_url()).content.decode()
    assert "Jira answered 503" in page
    assert "Tried until it is back" in page
    ops.tick(2 * MINUTE)
    assert list(ops.issues) == ["OPS-1"]
    assert ops.issues["OPS-1"]["fields"]["project"] == {"key": "OPS"}
    alert = AlertFactory(labels={"queue": "rentguy"})
    LivenessFactory(alert=alert, incident=incident, assign_at=None, check_at=None)
    for after in (3, 4, 5):
        ops.tick(after * MINUTE)
    assert list(ops.issues) == ["OPS-1"]
    ticket = incident.tickets.get()
    assert (ticket.key, ticket.state, ticket.error) == ("OPS-1", "made", "")
    assert ticket.url == f"{ops.sink.url}/jira/x/browse/OPS-1"
    assert f'href="{ticket.url}"' in client.get(incident.get_absolute_url()).content.decode()


def test_a_lost_answer_makes_no_second_ticket(ops):
    """The tracker made the ticket, and its answer never came back."""
    incident = ops.open("critical", queue="rentguy")
    create = ops.sink.tracker.create
    lost = []

    def create_and_lose(issues, fields):
        answer = create(issues, fields)
        if not lost:
            lost.append(answer)
            return type(answer)(504, {})
        return answer

    ops.sink.tracker.create = create_and_lose
    ops.tick()
    assert (len(ops.issues), incident.tickets.get().key) == (1, "")
    ops.tick(10 * SECOND)
    assert incident.tickets.get().key == ""  # a search would not find it so soon
    ops.tick(31 * SECOND)
    assert (list(ops.issues), incident.tickets.get().key) == (["OPS-1"], "OPS-1")


@pytest.mark.req("DJ-39")
def test_a_warning_has_a_ticket_only_if_it_is_still_active_then(ops, grace):
    short = ops.open("warning", key="short", queue="rentguy")
    long = ops.open("warning", key="long", queue="rentguy")
    ops.tick(14 * MINUTE)
    lifecycle.edit(short, by=grace, at=NINE + 14 * MINUTE, cause="A slow disk")
    lifecycle.resolve(short, by=grace, at=NINE + 14 * MINUTE)
    ops.tick(15 * MINUTE - SECOND)
    assert not ops.issues
    ops.tick(15 * MINUTE)
    assert list(ops.issues) == ["OPS-1"]
    assert [ticket.state for ticket in Ticket.objects.order_by("pk")] == ["dropped", "making"] or long.tickets.get().key
    assert not short.tickets.get().key
    assert "before" in short.tickets.get().error


def test_a_level_that_rises_keeps_its_one_ticket(ops, ada):
    incident, early = ops.open("warning", queue="rentguy"), ops.open("warning", key="early", queue="sevensa")
    critical = Severity.objects.get(policy=ops.policy, key="critical")
    lifecycle.set_severity(early, critical, by=ada, at=NINE + 5 * MINUTE)
    ops.tick(15 * MINUTE)
    lifecycle.set_severity(incident, critical, by=ada, at=NINE + 20 * MINUTE)
    ops.tick(21 * MINUTE)
    assert len(ops.issues) == 2
    assert [ticket.plan_key for ticket in early.tickets.exclude(key="")] == ["ops"]
    assert [ticket.plan_key for ticket in incident.tickets.exclude(key="")] == ["later"]


def test_what_has_recovered_is_not_active(ops):
    incident = ops.open("warning", queue="rentguy")
    incident.quiet_until = NINE + 24 * MINUTE
    incident.save()
    ops.tick(15 * MINUTE)
    assert not ops.issues
    incident.quiet_until = None  # it fires again
    incident.save()
    incident.log("fires_again", "Fires again.", at=NINE + 20 * MINUTE)
    ops.tick(20 * MINUTE)
    assert len(ops.issues) == 1


@pytest.mark.req("DJ-40")
def test_a_ticket_says_queue_and_payload_at_once_and_the_rest_when_it_is_known(ops, ada):
    incident = ops.open("critical", queue="rentguy")
    alert = AlertFactory(labels={"queue": "rentguy"}, annotations={"summary": "backlog 612 jobs"})
    LivenessFactory(alert=alert, incident=incident, assign_at=None, check_at=None)
    ops.tick()
    text = ops.description("OPS-1")
    assert "Queue: rentguy" in text
    assert "backlog 612 jobs" in text
    assert "First responder: not known yet" in text
    assert ops.issues["OPS-1"]["fields"]["priority"] == {"name": "Highest"}
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    lifecycle.edit(incident, by=ada, at=NINE + 2 * MINUTE, eta="10:30 UTC")
    lifecycle.edit(incident, by=ada, at=NINE + 3 * MINUTE, summary="Words that change nothing there")
    ops.tick(5 * MINUTE)
    first, second = ops.comments("OPS-1")
    assert "First responder: ada" in first
    assert "First responder: ada\nExpected resolution: 10:30 UTC" in second
    assert ops.issues["OPS-1"]["fields"]["customfield_1"] == "ada"
    assert ops.issues["OPS-1"]["status"] == "21"


@pytest.mark.req("DJ-55")
def test_a_ticket_ends_with_the_root_cause_once_it_is_quiet_and_not_without(ops, ada):
    incident = ops.open("critical", queue="rentguy")
    last = LivenessFactory(incident=incident, firing=False, ends_at=NINE - 8 * MINUTE, assign_at=None, check_at=None)
    ops.tick()
    with pytest.raises(gates.GateShut, match="the last event is 9:59 min ago, 0:01 min left"):
        lifecycle.resolve(incident, by=ada, at=NINE + 2 * MINUTE - SECOND)
    Liveness.objects.filter(pk=last.pk).update(firing=True, ends_at=None)
    with pytest.raises(gates.GateShut, match="still fires"):
        lifecycle.resolve(incident, by=ada, at=NINE + 2 * MINUTE)
    Liveness.objects.filter(pk=last.pk).update(firing=False, ends_at=NINE - 8 * MINUTE)
    with pytest.raises(gates.GateShut, match="State the root cause: it goes into OPS-1"):
        lifecycle.resolve(incident, by=ada, at=NINE + 2 * MINUTE)
    lifecycle.edit(incident, by=ada, at=NINE + 2 * MINUTE, cause="Redis was full")
    lifecycle.resolve(incident, by=ada, at=NINE + 2 * MINUTE)
    ops.tick(3 * MINUTE)
    issue = ops.issues["OPS-1"]
    assert (issue["status"], issue["resolution"]) == ("41", "Done")
    assert "Root cause: Redis was full" in ops.comments("OPS-1")[-1]
    with pytest.raises(gates.GateShut, match="OPS-1 is not known to be done"):
        lifecycle.close(incident, by=ada, at=NINE + 4 * MINUTE)
    assert reading.read_due(at=NINE + 10 * MINUTE) == 1
    lifecycle.close(incident, by=ada, at=NINE + 11 * MINUTE)
    lifecycle.reopen(incident, by=ada, at=NINE + 12 * MINUTE, reason="again")
    ops.tick(13 * MINUTE)
    assert ops.issues["OPS-1"]["status"] == "11"
    assert len(ops.issues) == 1


def test_the_tracker_tells_its_state_by_webhook_and_may_end_the_incident(ops, client):
    incident = ops.open("critical", queue="rentguy")
    ops.tick()
    TicketPlan.objects.filter(key="ops").update(two_way=True)
    body = json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"key": "OPS-1", "fields": {
        "status": {"name": "Done", "statusCategory": {"key": "done"}}}}})  # fmt: skip
    url = reverse("ticket-webhook", args=["dj", "ops"])
    wrong = client.post(url, body, content_type="application/json", headers={"X-Hub-Signature": "sha256=00"})
    assert (wrong.status_code, incident.tickets.get().remote_status) == (403, "")
    proof = "sha256=" + hmac.new(b"jira-hook", body.encode(), hashlib.sha256).hexdigest()
    told = client.post(url, body, content_type="application/json", headers={"X-Hub-Signature": proof})
    assert told.json() == {"taken": True, "incident": incident.pk, "status": "Done"}
    incident.refresh_from_db()
    assert incident.status == Status.DETECTED  # the gate holds: no cause is stated
    assert incident.timeline.filter(text__contains="stays open").exists()
    lifecycle.edit(incident, by=None, at=NINE, cause="Redis was full")
    Ticket.objects.update(remote_status="", remote_done=False)
    client.post(url + "?token=jira-hook", body, content_type="application/json")
    incident.refresh_from_db()
    assert incident.status == Status.RESOLVED


def test_a_person_makes_and_links_tickets_and_has_a_refused_one_tried_again(ops, grace, linus):
    incident = ops.open("critical", queue="rentguy")
    ops.sink.fault("/jira/x/rest/api/3/issue", status=401)
    ops.tick()
    assert incident.tickets.get().state == "failed"
    commander = signed_in(Client(), grace, "Responder")
    page = reverse("incident-tickets", args=[incident.pk])
    assert "Jira refuses our account (401)" in commander.get(page).content.decode()
    viewer = signed_in(Client(), linus, "Viewer")
    again = reverse("ticket-do", args=[incident.pk, incident.tickets.get().pk, "again"])
    assert viewer.post(again).status_code == 403
    assert commander.post(again).status_code == 302
    ops.tick_now()
    assert list(ops.issues) == ["OPS-1"]
    plan = TicketPlan.objects.get(key="plain")
    for _ in range(2):  # a second press makes no second ticket
        commander.post(reverse("ticket-make", args=[incident.pk, plan.pk]))
    ops.tick_now()
    (kept,) = ops.sink.tickets.kept["dj"].values()
    assert (kept["key"], kept["project"], kept["title"]) == ("T-1", "dj", "[critical] backlog is critical")
    assert commander.post(reverse("ticket-link", args=[incident.pk]), {"url": "javascript:x"}).status_code == 422
    commander.post(reverse("ticket-link", args=[incident.pk]), {"key": "SUP-7", "url": "https://sup.example.org/7"})
    at = timezone.now()
    lifecycle.edit(incident, by=grace, at=at, cause="Redis was full")
    lifecycle.resolve(incident, by=grace, at=at)
    ops.tick_now()
    assert ops.sink.tickets.kept["dj"]["T-1"]["status"] == "resolved"
    assert "SUP-7" in commander.get(page).content.decode()


def test_without_an_endpoint_nothing_is_made_and_the_incident_says_what_to_set(ops, monkeypatch):
    monkeypatch.delenv("ALERT_JIRA_ENDPOINT")
    incident = ops.open("critical", queue="rentguy")
    ops.tick()
    ticket = incident.tickets.get()
    assert ticket.state == "failed"
    assert "ALERT_JIRA_ENDPOINT is not set" in ticket.error


@pytest.mark.parametrize(
    "entry, words",
    [
        ("{project: ops}", "needs the key of its project"),
        ("{tracker: json}", "needs its address"),
        ("{project: OPS, token: abc}", "A secret does not stand in a pack"),
        ('{project: OPS, fields: {x: "{{ 1 +"}}', "template"),
        ("{project: OPS, match: {severity: [P9]}}", "There is no severity 'P9'"),
        ("{project: OPS, transitions: {done: Done}}", "There is no 'done' here"),
        ("{project: OPS, account: nobody}", "There is no account 'nobody'"),
    ],
)
def test_a_faulty_ticket_entry_is_refused_with_its_place(db, entry, words):
    text = (
        "pack: {key: x, name: X, version: 1}\nseverities: [{key: P1, label: P1}]\ncontacts: [{name: a}]\n"
        "destinations: [{key: ops, kind: json, address: 'https://x.test/'}]\nroutes: [{to: ops, default: true}]\n"
        f"tickets:\n  - {entry}\n"
    )
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(text, name="x.yaml", at=NINE)
    assert words in str(refused.value)
    assert "x.yaml:7" in str(refused.value)


def test_the_ticket_of_a_private_incident_gives_nothing_away(ops, ada):
    incident = ops.open("critical", queue="rentguy")
    incident.private = True
    incident.save()
    ops.tick()
    lifecycle.acknowledge(incident, by=ada, at=NINE + MINUTE)
    ops.tick(2 * MINUTE)
    issue = json.dumps(ops.issues["OPS-1"])
    assert f"Private incident #{incident.pk}" in issue
    for secret in ("600 jobs wait", "rentguy", "ada"):
        assert secret not in issue


def test_an_export_says_the_same_and_a_shorter_pack_takes_the_plans_away(ops, pack):
    written = dumper.dump("dj")
    again = loader.load(written, name="dj.yaml", at=NINE)
    assert [change for change in again.changes if change.section == "tickets"] == []
    incident = ops.open("critical", queue="rentguy")
    ops.tick()
    loader.load(pack[: pack.index("tickets:\n")], name="dj.yaml", at=NINE)
    assert not TicketPlan.objects.exists()
    assert incident.tickets.get().key == "OPS-1"  # what was made stays
