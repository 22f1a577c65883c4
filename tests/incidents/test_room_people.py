"""Roles, tasks and impact: who is appointed, who is brought in, and what the page offers for it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents import impact, lifecycle, roles, targets
from incidents.models import ImpactAsk
from notifications.models import Delivery
from packs import dumper, loader
from policies.models import Severity
from tests.accounts import signed_in
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    ContactFactory,
    ContactMethodFactory,
    ImpactPromptFactory,
    RolePlanFactory,
    SeverityFactory,
    TargetPlanFactory,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def level():
    return SeverityFactory(key="critical", rank=0, page=False)


def opened(level, at=NINE, **kwargs):
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout", **kwargs)
    return lifecycle.open_incident(opening, at=at)


def act(client, incident, action, **data):
    return client.post(reverse("incident-act", args=[incident.pk, action]), data)


@pytest.fixture
def backup():
    contact = ContactFactory(name="hedy")
    ContactMethodFactory(contact=contact, kind="email", address="hedy@example.org")
    return contact


def test_nobody_appointed_in_time_alerts_the_back_up_once(level, ada, backup):
    TargetPlanFactory(policy=level.policy, severity=level, kind="appoint", role="commander", within=10 * MINUTE)
    RolePlanFactory(policy=level.policy).backups.add(backup)
    incident = opened(level)
    for late in (10 * MINUTE, 10 * MINUTE + SECOND, 11 * MINUTE):
        targets.check_due(at=NINE + late)
    assert [page.contact for page in incident.page_rows.all()] == [backup]
    assert incident.targets.get().owed_by == "nobody was appointed commander"
    other = opened(level, at=NINE + HOUR) if not incident.is_open else incident
    roles.assign(other, "commander", ada, by=ada, at=NINE + HOUR)
    assert other.targets.get().late_by == 50 * MINUTE


def test_a_role_in_time_meets_the_target_and_brings_its_tasks(client, level, ada, grace):
    RolePlanFactory(policy=level.policy, tasks=["Open the bridge", "Name a communications lead"], label="Commander")
    TargetPlanFactory(policy=level.policy, severity=level, kind="appoint", role="commander", within=10 * MINUTE)
    incident = opened(level)
    roles.assign(incident, "commander", ada, by=ada, at=NINE + 9 * MINUTE)
    assert incident.targets.get().state == "met"
    signed_in(client, grace, "Incident Commander")
    assert "Open the bridge" in client.get(incident.get_absolute_url()).content.decode()
    task = incident.tasks.get(text="Open the bridge")
    for _ in range(2):  # a lost answer, sent again
        act(client, incident, "tick", task=task.pk)
    task.refresh_from_db()
    assert (task.done_by, incident.timeline.filter(kind="task_done").count()) == (grace, 1)
    act(client, incident, "task", text="Ring the bank", role="")
    assert incident.tasks.filter(text="Ring the bank", done_at=None).exists()
    act(client, incident, "role", role="commander", contact=grace.pk)
    assert [(r.contact, r.until is None) for r in incident.roles.order_by("pk")] == [(ada, False), (grace, True)]


def test_roles_go_to_who_is_named_at_the_opening_and_to_who_acknowledges_first(level, ada, grace):
    named = RolePlanFactory(policy=level.policy, key="communications", assign="on_call")
    named.contacts.add(ada)
    RolePlanFactory(policy=level.policy, key="first responder", assign="first_ack")
    incident = opened(level)
    lifecycle.acknowledge(incident, by=grace, at=NINE + MINUTE)
    assert roles.holders(incident) == {"communications": ada, "first responder": grace}


def test_the_commander_is_prompted_after_thirty_minutes_of_impact_and_one_click_tells_the_contact(
    client, level, ada, grace, backup
):
    prompt = ImpactPromptFactory(policy=level.policy, role="commander", text="Bring in the product owner")
    prompt.contacts.add(backup)
    now = timezone.now() - HOUR
    incident = opened(level, at=now)
    roles.assign(incident, "commander", ada, by=ada, at=now)
    impact.begin(incident, by=ada, at=now)
    impact.end(incident, by=ada, at=now + 20 * MINUTE)
    impact.prompt_due(at=now + 40 * MINUTE)
    assert not ImpactAsk.objects.filter(prompted_at__isnull=False).exists()  # the clock stood
    impact.begin(incident, by=ada, at=now + 40 * MINUTE)
    impact.prompt_due(at=now + 50 * MINUTE)
    assert not Delivery.objects.filter(data__event="prompt").exists()
    for _ in range(2):
        impact.prompt_due(at=now + 50 * MINUTE + SECOND)
    assert [d.to for d in Delivery.objects.filter(data__event="prompt")] == ["ada"]
    signed_in(client, grace, "Incident Commander")
    page = client.get(incident.get_absolute_url()).content.decode()
    assert "Tell hedy now" in page and "Customers are affected" in page
    assert not Delivery.objects.filter(to="hedy").exists()  # never by itself
    ask = ImpactAsk.objects.get()
    assert act(client, incident, "bring-in", ask=ask.pk).status_code == 302
    assert act(client, incident, "bring-in", ask=ask.pk).status_code == 409
    assert Delivery.objects.filter(to="hedy").count() == 1
    assert impact.total(incident, at=now + HOUR) == 40 * MINUTE


def test_a_wider_scope_tells_once_and_the_first_word_does_not(client, level, grace, backup):
    level.policy.impact_scopes = ["one customer", "all customers"]
    level.policy.save()
    prompt = ImpactPromptFactory(policy=level.policy, when="widened", after=timedelta(0))
    prompt.tells.add(backup)
    incident = opened(level)
    signed_in(client, grace, "Responder")
    act(client, incident, "impact", scope="one customer", users="3")
    assert not Delivery.objects.filter(to="hedy").exists()
    for _ in range(2):
        act(client, incident, "impact", scope="all customers", users="120")
    assert Delivery.objects.filter(to="hedy").count() == 1
    incident.refresh_from_db()
    assert (incident.impact_scope, incident.affected) == ("all customers", {"users": 120})
    assert "120 users" in client.get(incident.get_absolute_url()).content.decode()


def test_impact_has_its_own_times_and_what_overlaps_is_refused(client, level, grace):
    now = timezone.now().replace(microsecond=0)
    incident = opened(level, at=now - 2 * HOUR)
    signed_in(client, grace, "Responder")
    began, ended = now - 2 * HOUR, now - HOUR
    act(client, incident, "impact", affected="on", when=f"{began:%Y-%m-%d %H:%M:%S}")
    act(client, incident, "impact", affected="off", when=f"{ended:%Y-%m-%d %H:%M:%S}")
    assert impact.total(incident, at=now) == HOUR
    refused = act(client, incident, "impact", affected="on", when=f"{began:%Y-%m-%d %H:%M:%S}")
    assert refused.status_code == 409 and "An earlier stretch lasted until" in refused.content.decode()
    act(client, incident, "impact-on")
    lifecycle.resolve(incident, by=grace, at=timezone.now())
    assert not incident.impact_stretches.filter(end_at=None).exists()  # it is over for them, too


def test_a_pack_says_roles_and_impact_and_the_page_follows(client, grace):
    text = """
pack: {key: mine, version: 1}
severities: [{key: high, page: true}]
contacts: [{name: po, methods: [{kind: email, address: po@example.org}]}]
destinations: [{key: mail, kind: email, address: ops@example.org}]
routes: [{to: mail}]
gates: [{to: resolved, severities: [high], require: [impact_ended]}]
roles:
  - {key: scribe, label: Scribe, severities: [high], tasks: [Write down what happens]}
impact:
  scopes: [some, all]
  prompts: [{after: 30m, contacts: [po], text: Bring in the owner}]
"""
    loader.load(text, name="mine.yaml", at=NINE)
    loaded = loader.load(text, name="mine.yaml", at=NINE)
    assert not loaded.changes
    assert "Write down what happens" in dumper.dump("mine")
    incident = opened(Severity.objects.get(key="high"))
    signed_in(client, grace, "Responder")
    act(client, incident, "impact-on")
    page = client.get(incident.get_absolute_url()).content.decode()
    assert "Scribe" in page and "Commander" not in page
    assert "People are still affected" in page
    loader.load(text.split("roles:")[0], name="mine.yaml", at=NINE)
    assert not incident.policy.role_plans.exists() and not incident.policy.impact_prompts.exists()
