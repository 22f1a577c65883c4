"""Tickets of action items: made with the item, told of what becomes of it, and told by the tracker when it is done."""

import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from policies.models import Severity
from reviews import action_tickets, actions
from reviews.models import ActionItem, ActionTicket
from tests.accounts import signed_in
from tests.factories import HOUR, MINUTE, NINE, TicketPlanFactory
from tickets import keeping
from tickets.models import Ticket, TicketPlan

DONE = {"name": "Done", "statusCategory": {"key": "done"}}
TO_DO = {"name": "To Do", "statusCategory": {"key": "new"}}


@pytest.fixture
def plan(policy) -> TicketPlan:
    return TicketPlanFactory(
        policy=policy, key="actions", when="action", project="WORK", endpoint="${ALERT_JIRA_ENDPOINT}",
        token="${JIRA_TOKEN}", webhook_secret="${JIRA_WEBHOOK_SECRET}", match={"labels": {"queue": "rentguy"}},
        fields={"duedate": "{{ due }}", "labels_owner": "{{ owner }}"}, resolution="Done", poll=5 * MINUTE,
    )  # fmt: skip


def told(client, status: dict) -> int:
    """The tracker's webhook says that the ticket has this status."""
    body = json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"key": "WORK-1", "fields": {"status": status}}})
    url = reverse("ticket-webhook", args=["dj", "actions"]) + "?token=jira-hook"
    return client.post(url, body, content_type="application/json").json()["taken"]


def test_a_ticket_is_in_step_both_ways(ops, plan, ada, grace, client):
    incident = ops.open("warning", queue="rentguy")
    item = actions.add(incident=incident, title="Alert before Redis is full", text="At 80 %.", owner=ada,
                       due_on=NINE.date(), by=grace, at=NINE)  # fmt: skip
    ops.tick()
    assert incident.tickets.count() == 1  # its own, of another plan
    ticket = ActionTicket.objects.get()
    assert (ticket.key, ticket.state) == ("WORK-1", "made")
    issue = ops.issues["WORK-1"]
    assert issue["summary"] == "Alert before Redis is full" and issue["fields"]["duedate"] == "2026-11-23"
    assert "At 80 %.\nKind: Long-term improvement" in ops.description("WORK-1")
    lifecycle.acknowledge(incident, by=ada, at=NINE)  # is no concern of the item's ticket
    actions.done(item, by=ada, at=NINE + MINUTE)
    ops.tick(2 * MINUTE)
    assert issue["status"] in ("31", "41") and issue["resolution"] == "Done"
    assert ops.comments("WORK-1") == [f"Done, says ada.\nhttps://ops.example.org/actions/{item.pk}/"]
    actions.reopen(item, by=grace, at=NINE + 3 * MINUTE, why="not on the second node")
    ops.tick(4 * MINUTE)
    assert issue["status"] == "11" and "not on the second node" in ops.comments("WORK-1")[-1]
    assert told(client, DONE)
    item.refresh_from_db()
    assert item.state == "done" and "WORK-1 is Done in its tracker" in item.entries.latest("pk").text
    ops.tick_now()
    assert len(ops.comments("WORK-1")) == 2  # the tracker is not told what it told
    assert told(client, TO_DO)
    item.refresh_from_db()
    assert item.state == "open"
    issue["status"] = "41"
    assert action_tickets.read_due(at=timezone.now() + HOUR) == 1
    item.refresh_from_db()
    assert item.state == "done"


def test_only_incidents_that_fit_and_never_twice(ops, plan, ada, grace, linus):
    item = actions.add(incident=ops.open("warning", queue="x"), title="Watch it", by=ada, at=NINE)
    assert not ActionTicket.objects.exists()
    page = f"/actions/{item.pk}/"
    responder = signed_in(Client(), grace, "Responder")
    plans = {one.key: one for one in TicketPlan.objects.all()}
    assert responder.post(f"{page}ticket/", {"plan": plans["ops"].pk}).status_code == 409  # one for incidents alone
    ops.sink.fault("/jira/x/rest/api/3/issue", status=401)
    assert responder.post(f"{page}ticket/", {"plan": plan.pk}).status_code == 302
    ops.tick_now()
    assert "Jira refuses our account (401)" in responder.get(page).content.decode()
    assert signed_in(Client(), linus, "Viewer").post(f"{page}again/").status_code == 403
    assert responder.post(f"{page}again/").status_code == 302
    ops.tick_now()
    assert list(ops.issues) == ["WORK-1"]
    assert responder.post(f"{page}ticket/", {"plan": plan.pk}).status_code == 409
    assert responder.post(f"{page}link/", {"key": "WORK-9"}).status_code == 409
    incident_page = responder.get(reverse("incident-tickets", args=[item.incident_id])).content.decode()
    assert "WORK" not in incident_page  # a plan of action items is none of incidents


def test_one_that_is_there_is_linked_and_kept_in_step(ops, plan, ada, grace):
    item = actions.add(incident=ops.open("warning", queue="x"), title="Watch it", by=ada, at=NINE)
    ops.sink.tracker.sites.setdefault("x", {})
    responder = signed_in(Client(), grace, "Responder")
    page = f"/actions/{item.pk}/link/"
    assert responder.post(page, {"key": "", "url": ""}).status_code == 409
    assert responder.post(page, {"key": "WORK-4", "url": "javascript:x"}).status_code == 422
    assert responder.post(page, {"key": "WORK-4", "plan": plan.pk}).status_code == 302
    assert item.ticket.key == "WORK-4" and item.ticket.read_at
    assert ActionItem.objects.get().entries.filter(text="grace linked WORK-4.").exists()


def test_a_private_incident_gives_nothing_away(ops, plan, ada):
    incident = ops.open("warning", queue="rentguy")
    incident.private = True
    incident.save()
    item = actions.add(incident=incident, title="Dismiss Bob", text="He sold the keys.", by=ada, at=NINE)
    actions.comment(item, "Bob knows", by=ada, at=NINE)
    ops.tick()
    issue = json.dumps(ops.issues["WORK-1"])
    assert "Action item" in issue and "Bob" not in issue and "keys" not in issue


def test_a_ticket_that_a_person_linked_or_made_is_the_one_of_a_level_that_rises(ops, ada):
    linked, made = ops.open("warning", queue="a"), ops.open("warning", key="made", queue="b")
    keeping.link_by_hand(linked, "OPS-77", "", plan=None, by=ada, at=NINE)
    by_hand = TicketPlanFactory(policy=ops.policy, key="hand", when="by_hand", project="OPS",
                                endpoint="${ALERT_JIRA_ENDPOINT}", token="${JIRA_TOKEN}")  # fmt: skip
    keeping.make_by_hand(made, by_hand, by=ada, at=NINE)
    ops.tick(20 * MINUTE)  # what waited a quarter of an hour is not made beside it
    critical = Severity.objects.get(policy=ops.policy, key="critical")
    for incident in (linked, made):
        lifecycle.set_severity(incident, critical, by=ada, at=NINE + 21 * MINUTE)
    ops.tick(22 * MINUTE)
    assert list(ops.issues) == ["OPS-1"]
    assert [ticket.plan_key for ticket in Ticket.objects.exclude(key="").order_by("pk")] == ["linked-1", "hand"]
