"""Updates by template: whom they are offered for, what they demand, who may send them, and when they are due."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from incidents import lifecycle, seeing, update_approval, update_items, update_sending, updates
from incidents.models import ProposedUpdate, UpdateTemplate
from notifications.models import Delivery
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import MINUTE, NINE

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
PACK = """
pack: {key: shop, version: 1, service: shop}
severities:
  - {key: P0, label: Critical}
  - {key: P1, label: High}
  - {key: P2, label: Medium}
contacts:
  - {name: finance, kind: team, methods: [{kind: email, address: finance@example.org}]}
  - {name: Knock Support, kind: vendor, methods: [{kind: email, address: support@knock.app}]}
destinations:
  - {key: "chat:incident", kind: json, address: "http://127.0.0.1:9/incident"}
  - {key: "chat:slack", kind: slack, address: "http://127.0.0.1:9/slack"}
  - {key: "whatsapp:ops", kind: json, address: "http://127.0.0.1:9/whatsapp"}
  - {key: "chat:internal", kind: json, address: "http://127.0.0.1:9/internal"}
  - {key: "chat:team", kind: json, address: "http://127.0.0.1:9/team"}
routes:
  - {default: true, to: ["chat:team"]}
cadence:
  - {severity: P0, every: 10m}
  - {severity: P1, every: 10m}
comms:
  - key: broadcast
    match: {severity: [P0, P1]}
    to: ["chat:incident", "chat:slack", "whatsapp:ops"]
    fields: [status, start, impact, eta]
  - key: cause
    name: Cause and estimate
    match: {severity: [P2]}
    on: cause_identified
    audience: internal
    to: ["chat:internal"]
    fields: [cause, estimate]
  - key: finance
    name: Payment delays
    match: {labels: {payments: late}}
    contacts: [finance]
    required: true
    text: "Payments of {{ service }} are late: {{ impact }}"
    fields: [impact]
  - key: vendor
    contacts: [Knock Support]
    text: "We see late notifications since {{ start }}."
  - key: led
    name: Led
    match: {severity: [P0]}
    to: ["chat:internal"]
    text: On it.
    by: [commander, communications]
    approval: 15m
"""


@pytest.fixture
def policy(db):
    loader.load(PACK, name="shop.yaml", at=NINE)
    return Policy.objects.get(key="shop")


def opened(policy, level="P1", **kwargs):
    severity = policy.severities.get(key=level)
    opening = lifecycle.Opening(policy=policy, severity=severity, key="checkout", title="Checkout is down", **kwargs)
    incident = lifecycle.open_incident(opening, at=NINE)
    Delivery.objects.all().delete()
    return incident


def template(policy, key):
    return UpdateTemplate.objects.get(policy=policy, key=key)


def told() -> list[str]:
    return sorted(row.to for row in Delivery.objects.filter(purpose="update"))


def page(incident, key) -> str:
    return reverse("incident-tell", args=[incident.pk, key])


@pytest.fixture
def web(client, ada):
    return signed_in(client, ada, "Responder")


def send(web, incident, key, at=NINE, **typed):
    with time_machine.travel(at, tick=False):
        return web.post(page(incident, key), typed)


@pytest.mark.req("RB-46")
def test_a_broadcast_reaches_each_of_its_places_once_and_is_offered_for_its_levels_only(policy, web):
    incident = opened(policy, "P1")
    assert "Broadcast" in web.get(incident.get_absolute_url()).content.decode()
    answer = send(web, incident, "broadcast", impact="Nobody can pay", eta="10:00")
    assert answer.status_code == 302
    assert told() == ["chat:incident", "chat:slack", "whatsapp:ops"]
    lower = lifecycle.open_incident(
        lifecycle.Opening(policy=policy, severity=policy.severities.get(key="P2"), key="other", title="Slow"), at=NINE
    )
    assert "Broadcast" not in web.get(lower.get_absolute_url()).content.decode()
    assert send(web, lower, "broadcast", impact="x", eta="y").status_code == 409
    assert len(told()) == 3


@pytest.mark.req("RB-47")
@pytest.mark.parametrize(("typed", "missing"), [({"eta": "10:00"}, "impact"), ({"impact": "Nobody can pay"}, "eta")])
def test_a_broadcast_carries_status_start_impact_and_eta(policy, web, typed, missing):
    incident = opened(policy)
    form = web.get(page(incident, "broadcast")).content.decode()
    assert "Detected" in form and "2026-11-23 09:00 UTC" in form  # prefilled from the incident
    refused = send(web, incident, "broadcast", status="Detected", start="2026-11-23 09:00 UTC", **typed)
    assert refused.status_code == 409
    assert f"Fill in {missing} before you post" in refused.content.decode()
    assert told() == []
    whole = {"status": "We work on it", "start": "2026-11-23 08:55 UTC", "impact": "Nobody can pay", "eta": "10:00"}
    send(web, incident, "broadcast", **whole)
    message = Delivery.objects.filter(to="chat:incident").get()
    assert all(value in message.text for value in whole.values())
    incident.refresh_from_db()
    assert (incident.impact, incident.eta) == ("Nobody can pay", "10:00")  # known everywhere from now on


def overdue(incident) -> int:
    return incident.timeline.filter(kind="update_overdue").count()


@pytest.mark.req("RB-48")
def test_an_update_every_ten_minutes_until_it_is_over(policy, web, grace):
    incident = opened(policy)
    lifecycle.assign_role(incident, "communications", grace, by=None, at=NINE)
    send(web, incident, "broadcast", impact="Nobody can pay", eta="10:00")
    incident.refresh_from_db()
    assert incident.update_due_at == NINE + 10 * MINUTE
    updates.remind_due(at=NINE + 10 * MINUTE)
    assert overdue(incident) == 0
    updates.remind_due(at=NINE + 10 * MINUTE + SECOND)
    assert overdue(incident) == 1
    assert Delivery.objects.filter(purpose="reminder", to="grace").count() == 1
    send(web, incident, "broadcast", at=NINE + 18 * MINUTE)
    incident.refresh_from_db()
    assert incident.update_due_at == NINE + 28 * MINUTE
    web.post(reverse("incident-act", args=[incident.pk, "resolve"]))
    closing = incident.updates.filter(closing=True)
    assert closing.count() == 1
    assert Delivery.objects.filter(once__startswith=f"update:{closing.get().pk}:").count() == 3
    updates.remind_due(at=NINE + timedelta(days=1))
    assert overdue(incident) == 1


def test_an_update_in_time_moves_the_next_one_on(policy, web):
    incident = opened(policy)
    send(web, incident, "broadcast", at=NINE + 8 * MINUTE, impact="Nobody can pay", eta="10:00")
    incident.refresh_from_db()
    assert incident.update_due_at == NINE + 18 * MINUTE


@pytest.mark.req("RB-49")
def test_an_identified_cause_makes_the_internal_update_due_at_once(policy, web):
    incident = opened(policy, "P2")
    for hours in (1, 5):
        updates.remind_due(at=NINE + hours * 60 * MINUTE)
        update_items.remind_due(at=NINE + hours * 60 * MINUTE)
    assert not Delivery.objects.filter(purpose="reminder").exists()
    assert "once the cause is identified" in web.get(incident.get_absolute_url()).content.decode()
    assert send(web, incident, "cause", estimate="Noon").status_code == 409
    with time_machine.travel(NINE + MINUTE, tick=False):
        web.post(
            reverse("incident-act", args=[incident.pk, "facts"]), {"title": incident.title, "cause": "A full disk"}
        )
    assert incident.update_items.get().due_at == NINE + MINUTE
    update_items.remind_due(at=NINE + MINUTE + SECOND)
    assert Delivery.objects.filter(purpose="reminder").count() == 1
    assert "is due</strong>" in web.get(incident.get_absolute_url()).content.decode()
    refused = send(web, incident, "cause", at=NINE + 2 * MINUTE, cause="A full disk", estimate="")
    assert "Fill in estimate" in refused.content.decode()
    send(web, incident, "cause", at=NINE + 2 * MINUTE, cause="A full disk", estimate="Noon")
    assert told() == ["chat:internal"]
    message = Delivery.objects.get(purpose="update")
    assert "A full disk" in message.text and "Noon" in message.text
    update_items.remind_due(at=NINE + 60 * MINUTE)
    assert Delivery.objects.filter(purpose="reminder").count() == 1
    assert "is due</strong>" not in web.get(incident.get_absolute_url()).content.decode()


def test_a_team_is_told_at_its_own_address_and_its_update_has_to_be_sent_before_the_end(policy, web):
    incident = opened(policy, labels={"payments": "late"})
    shut = web.post(reverse("incident-act", args=[incident.pk, "resolve"]))
    assert shut.status_code == 409 and "Send “Payment delays” first." in shut.content.decode()
    send(web, incident, "finance", impact="Charges wait for an hour")
    mail = Delivery.objects.get(purpose="update")
    assert (mail.to, mail.address) == ("finance", "finance@example.org")
    assert "Payments of shop are late: Charges wait for an hour" in mail.text
    web.post(reverse("incident-act", args=[incident.pk, "resolve"]))
    incident.refresh_from_db()
    assert incident.status == "resolved"


def test_a_vendor_is_written_to_by_a_person_with_the_facts_and_it_is_recorded(policy, web, ada):
    incident = opened(policy)
    form = web.get(page(incident, "vendor")).content.decode()
    assert "mailto:support@knock.app?subject=" in form and "late%20notifications" in form
    send(web, incident, "vendor")
    mail = Delivery.objects.get(to="Knock Support")
    assert mail.address == "support@knock.app" and "We see late notifications since 2026-11-23 09:00 UTC" in mail.text
    send(web, incident, "vendor", by_hand="1", text="I called them.")
    entries = list(incident.timeline.filter(kind="vendor").order_by("pk"))
    assert [entry.data["by_hand"] for entry in entries] == [False, True]
    assert all(entry.by == ada and entry.data["escalation"] for entry in entries)
    assert Delivery.objects.filter(to="Knock Support").count() == 1


def test_only_the_roles_of_a_template_send_it_and_a_second_person_approves_it(policy, web, ada, grace):
    incident = opened(policy, "P0")
    assert send(web, incident, "led").status_code == 409
    lifecycle.assign_role(incident, "communications", ada, by=ada, at=NINE)
    assert send(web, incident, "led").status_code == 302
    assert told() == []
    proposed = ProposedUpdate.objects.get()
    own = web.post(reverse("incident-decide", args=[incident.pk, proposed.pk, "approve"]))
    assert own.status_code == 409 and "a second person has to approve it" in own.content.decode()
    with time_machine.travel(NINE + 15 * MINUTE, tick=False):
        signed_in(web, grace, "Responder").post(reverse("incident-decide", args=[incident.pk, proposed.pk, "approve"]))
    assert told() == ["chat:internal"]
    update = incident.updates.get()
    assert update.by == ada
    assert "approved by grace" in incident.timeline.get(kind="update").text


@pytest.mark.parametrize(("after", "state"), [(15 * MINUTE, "waiting"), (15 * MINUTE + SECOND, "lapsed")])
def test_what_nobody_approves_in_time_lapses_and_says_so(policy, ada, grace, after, state):
    incident = opened(policy, "P0")
    lifecycle.assign_role(incident, "commander", ada, by=ada, at=NINE)
    proposed = update_sending.send(incident, template(policy, "led"), by=ada, at=NINE)
    update_approval.lapse_due(at=NINE + after)
    proposed.refresh_from_db()
    assert proposed.state == state
    assert incident.timeline.filter(kind="update_lapsed").exists() == (state == "lapsed")
    if state == "lapsed":
        with pytest.raises(updates.UpdateRefused, match="was lapsed"):
            update_approval.approve(proposed, by=grace, at=NINE + after)
        assert Delivery.objects.filter(purpose="reminder", to="ada", text__contains="lapsed").exists()
    assert told() == []


def test_a_rejected_update_is_not_sent_and_its_author_learns_why(policy, ada, grace):
    incident = opened(policy, "P0")
    lifecycle.assign_role(incident, "commander", ada, by=ada, at=NINE)
    proposed = update_sending.send(incident, template(policy, "led"), by=ada, at=NINE)
    update_approval.reject(proposed, by=grace, at=NINE + MINUTE, reason="Name the shops.")
    with pytest.raises(updates.UpdateRefused, match="rejected by grace"):
        update_approval.approve(proposed, by=grace, at=NINE + MINUTE)
    assert "Name the shops." in incident.timeline.get(kind="update_rejected").text
    assert told() == []


@pytest.mark.parametrize(
    ("given", "status", "due"), [("5m", 302, 5), ("10", 302, 10), ("11m", 409, 10), ("soon", 422, 10)]
)
def test_a_shorter_time_between_updates_may_be_chosen_never_a_longer_one(policy, web, given, status, due):
    incident = opened(policy)
    with time_machine.travel(NINE, tick=False):
        answer = web.post(reverse("incident-cadence", args=[incident.pk]), {"every": given})
    assert answer.status_code == status
    incident.refresh_from_db()
    assert incident.update_due_at == NINE + due * MINUTE


def test_a_chosen_time_outlives_updates_and_gives_way_to_a_stricter_level(policy, ada):
    incident = opened(policy, "P2")
    updates.choose_cadence(incident, 30 * MINUTE, by=ada, at=NINE)
    updates.post(incident, by=ada, at=NINE + MINUTE, text="On it.")
    assert incident.update_due_at == NINE + 31 * MINUTE
    lifecycle.set_severity(incident, policy.severities.get(key="P1"), by=ada, at=NINE + 2 * MINUTE)
    assert incident.update_due_at == NINE + 12 * MINUTE


def test_no_place_hears_of_a_private_incident(policy, web, ada):
    incident = opened(policy, private=True)
    seeing.limit(incident, private=True, readers=[ada], by=ada, at=NINE)
    send(web, incident, "broadcast", impact="A person's data", eta="10:00")
    assert told() == []
    assert "since the incident is private" in incident.timeline.get(kind="update_untold").text


def test_a_faulty_template_is_refused_with_its_place(db):
    wrong = PACK.replace("on: cause_identified", "on: cause_found").replace("{{ impact }}", "{{ impct }}")
    with pytest.raises(loader.PackRefused) as refusal:
        loader.load(wrong, name="shop.yaml", at=NINE)
    told = "\n".join(refusal.value.problems)
    assert "comms.cause.on: There is no 'cause_found' here" in told
    assert "comms.finance.text" in told and "impct" in told


def test_a_pack_loads_its_templates_once_and_takes_them_away(policy):
    assert not loader.load(PACK, name="shop.yaml", at=NINE).changed_anything
    less = PACK[: PACK.index("  - key: finance")]
    loader.load(less, name="shop.yaml", at=NINE)
    assert list(policy.update_templates.values_list("key", flat=True)) == ["broadcast", "cause"]
