"""What the library's packs say of updates: how often, by when, and who may choose."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from incidents import lifecycle, targets, updates
from notifications.models import Delivery
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import HOUR, MINUTE, NINE

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def loaded(pack: str) -> Policy:
    loader.load_file(loader.find(pack), at=NINE)
    return Policy.objects.get(key=pack)


def opened(policy: Policy, level: str, key: str = "down"):
    severity = policy.severities.get(key=level)
    opening = lifecycle.Opening(policy=policy, severity=severity, key=key, title="The queues do not drain")
    return lifecycle.open_incident(opening, at=NINE)


@pytest.mark.req("DJ-43")
def test_mister_djs_commander_chooses_at_most_fifteen_minutes(client, ada):
    incident = opened(loaded("mister-dj"), "critical")
    lifecycle.assign_role(incident, "commander", ada, by=ada, at=NINE)
    web, choose = signed_in(client, ada, "Incident Commander"), reverse("incident-cadence", args=[incident.pk])
    with time_machine.travel(NINE, tick=False):
        refused = web.post(choose, {"every": "20"})
        assert refused.status_code == 409
        assert "At most 15m may lie between two updates" in refused.content.decode()
        incident.refresh_from_db()
        assert incident.update_due_at == NINE + 15 * MINUTE
    Delivery.objects.all().delete()
    updates.remind_due(at=NINE + 15 * MINUTE)
    assert not Delivery.objects.filter(purpose="reminder").exists()
    updates.remind_due(at=NINE + 15 * MINUTE + SECOND)
    assert Delivery.objects.get(purpose="reminder").to == "ada"
    assert incident.timeline.filter(kind="update_overdue").count() == 1
    with time_machine.travel(NINE + 16 * MINUTE, tick=False):
        assert web.post(choose, {"every": "10"}).status_code == 302
        web.post(reverse("incident-act", args=[incident.pk, "update"]), {"text": "We drain it by hand."})
    incident.refresh_from_db()
    assert incident.update_due_at == NINE + 26 * MINUTE


@pytest.mark.req("DX-85")
def test_deelrx_stakeholders_hear_within_an_hour_of_the_first_notice(client, ada):
    policy, web = loaded("deelrx-crm"), signed_in(client, ada, "Responder")
    for after, state in ((59 * MINUTE, "met"), (61 * MINUTE, "breached")):
        incident = opened(policy, "P1", key=state)
        incident.first("notified_at", NINE + HOUR)
        targets.anchor(incident, "notified", at=NINE + HOUR)
        targets.check_due(at=NINE + HOUR + after - SECOND)
        with time_machine.travel(NINE + HOUR + after, tick=False):
            answer = web.post(
                reverse("incident-tell", args=[incident.pk, "stakeholders"]), {"impact": "Mails are late"}
            )
        assert answer.status_code == 302
        assert incident.targets.get(kind="update").state == state
