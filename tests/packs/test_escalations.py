"""Who is asked when, as the packs say: their chains on virtual time, from the loaded file to the outbox."""

import pytest

from incidents import escalation, lifecycle
from incidents.models import Page
from notifications.models import Delivery
from oncall.models import EscalationContact, Schedule
from policies.models import Policy
from tests.factories import LayerFactory
from tests.packs.test_response import HOUR, MINUTE, SECOND, TEN, opened, run_timers

CHAIN = [
    ("On-Call Engineer", "primary-oncall@company.com", 0),
    ("Engineering Manager", "eng-manager@company.com", 15),
    ("CTO", "cto@company.com", 30),
]


def told(purpose: str = "page") -> list[tuple[str, str, int]]:
    """(whom, address, minutes after ten) of each message, in order."""
    rows = Delivery.objects.filter(purpose=purpose).order_by("pk")
    return [(row.to, row.address, int((row.created_at - TEN) / MINUTE)) for row in rows]


@pytest.mark.req("DX-77", "DX-78", "DX-79")
def test_the_three_of_deelrx_are_contacts_and_steps_of_the_chain(load):
    load("deelrx-crm")
    plan = Policy.objects.get(key="deelrx-crm").escalation_policies.get(key="deelrx")
    for (name, address, _), step in zip(CHAIN, plan.steps.all(), strict=False):
        contact = EscalationContact.objects.get(name=name)
        assert [method.address for method in contact.methods.all()] == [address]
        assert list(step.contacts.all()) == [contact]


@pytest.mark.req("DX-80", "DX-131")
def test_the_chain_climbs_while_nobody_answers(load):
    load("deelrx-crm")
    opened("deelrx-crm", "P0")
    for minute in (0, 1, 14, 15, 16, 29, 30, 31):
        run_timers(TEN + minute * MINUTE)
    assert told() == CHAIN


@pytest.mark.req("DX-80", "DX-131")
def test_an_acknowledgement_keeps_the_manager_out_of_it_and_an_assessment_the_cto(load):
    load("deelrx-crm")
    engineer = EscalationContact.objects.get(name="On-Call Engineer")
    for assessed in (False, True):
        incident = opened("deelrx-crm", "P0")
        run_timers(TEN)
        lifecycle.acknowledge(incident, by=engineer, at=TEN + 10 * MINUTE)
        if assessed:
            lifecycle.assess(incident, "One customer of forty.", by=engineer, at=TEN + 29 * MINUTE)
        for minute in (10, 15, 29, 30, 45):
            run_timers(TEN + minute * MINUTE)
        assert told() == ([CHAIN[0]] if assessed else [CHAIN[0], CHAIN[2]])
        Delivery.objects.all().delete()
        lifecycle.resolve(incident, by=engineer, at=TEN + HOUR)


@pytest.mark.req("DX-81")
def test_vendors_are_contacts_and_in_no_chain_and_are_written_to_by_a_person(load, client, admin_user):
    load("deelrx-crm")
    vendors = EscalationContact.objects.filter(kind="vendor")
    addresses = {vendor.name: vendor.methods.get().address for vendor in vendors}
    assert addresses == {
        "Sentry Support": "support@sentry.io", "Knock Support": "support@knock.app",
        "Resend Support": "support@resend.com", "Inngest Support": "support@inngest.com",
    }  # fmt: skip
    assert not vendors.exclude(escalationstep=None).exists()
    incident = opened("deelrx-crm", "P0")
    escalation.climb_due(at=TEN)
    assert not Delivery.objects.filter(to__in=addresses).exists()
    client.force_login(admin_user)
    page = f"/incidents/{incident.pk}/"
    assert "Knock Support" in client.get(page).content.decode()
    vendor = vendors.get(name="Knock Support")
    client.post(f"{page}vendor/", {"contact": vendor.pk, "text": "Is there an outage at your side?"})
    message = Delivery.objects.get(to="Knock Support")
    assert message.address == "support@knock.app" and "Is there an outage" in message.text
    assert not message.actions and message.purpose == "notice"
    assert Page.objects.filter(contact=vendor).count() == 0


@pytest.mark.req("DX-95")
@pytest.mark.parametrize(("rule", "level"), [("database-connection", "P0"), ("query-time", "P2")])
@pytest.mark.parametrize("resolved", [False, True])
def test_a_database_not_resolved_in_half_an_hour_prompts_to_contact_its_provider(
    load, rule, level, resolved, monkeypatch
):
    monkeypatch.setenv("DATABASE_PROVIDER_CONTACT", "support@db.example, contract 42")
    load("deelrx-crm")
    policy = Policy.objects.get(key="deelrx-crm")
    incident = lifecycle.open_incident(
        lifecycle.Opening(
            policy=policy, severity=policy.severities.get(key=level), key=rule, title=rule, labels={"alertname": rule}
        ),
        at=TEN,
    )
    other = opened("deelrx-crm", level)
    engineer = EscalationContact.objects.get(name="On-Call Engineer")
    lifecycle.acknowledge(incident, by=engineer, at=TEN + MINUTE)
    run_timers(TEN + 30 * MINUTE - SECOND)
    if resolved:
        lifecycle.resolve(incident, by=engineer, at=TEN + 29 * MINUTE)
    assert not incident.timeline.filter(kind="prompt").exists()
    run_timers(TEN + 30 * MINUTE)
    run_timers(TEN + 31 * MINUTE)
    words = "Contact the database provider: support@db.example, contract 42"
    assert [entry.text for entry in incident.timeline.filter(kind="prompt")] == ([] if resolved else [words])
    to_owner = Delivery.objects.filter(to="On-Call Engineer", text__contains=words, thread=incident.thread)
    assert to_owner.count() == (0 if resolved else 1)
    assert not Delivery.objects.filter(thread=other.thread, text__contains=words).exists()


@pytest.mark.req("DJ-24")
@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_warning_of_mister_dj_that_nobody_takes_reaches_the_ops_group_once(load, ada, monkeypatch, acknowledged):
    monkeypatch.setenv("MISTER_DJ_OPS_WEBHOOK_URL", "http://127.0.0.1:9/slack/oncall-ops")
    load("mister-dj")
    incident = opened("mister-dj", "warning")
    run_timers(TEN + 5 * MINUTE - SECOND)
    if acknowledged:
        lifecycle.acknowledge(incident, by=ada, at=TEN + 5 * MINUTE - SECOND)
    ops = Delivery.objects.filter(to="oncall-ops", data__event="escalated")
    assert ops.count() == 0
    told = [] if acknowledged else ["http://127.0.0.1:9/slack/oncall-ops"]
    for moment in (5 * MINUTE, 6 * MINUTE, HOUR):  # at once, and never again
        run_timers(TEN + moment)
        assert [message.address for message in ops.all()] == told
    assert not Delivery.objects.filter(purpose="page").exists()


@pytest.mark.req("DJ-31")
def test_the_commander_of_mister_dj_has_a_number_a_handle_and_a_back_up_who_is_asked_when_he_is_silent(load, ada):
    load("mister-dj")
    commander = EscalationContact.objects.get(name="Incident Commander")
    assert [method.address for method in commander.methods.all()] == ["+31-20-555-0100", "@ic-oncall"]
    assert [method.address for method in commander.backup.methods.all()] == ["@ic-backup"]
    LayerFactory(schedule=Schedule.objects.get(key="mr-dj-prod"), members=[ada], first_handoff_at=TEN - HOUR)
    incident = opened("mister-dj", "critical")
    names = ["ada", commander.name, commander.backup.name]
    for minute in (0, 2, 4):
        escalation.climb_due(at=TEN + minute * MINUTE)
        assert [str(page.contact) for page in incident.page_rows.order_by("pk")] == names[: 1 + minute // 2]
