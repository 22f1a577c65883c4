"""A warning of Mister DJ that was a false positive: its first responder closes it, and it counts against its rule."""

from datetime import timedelta

import pytest
from django.urls import reverse

from analytics import tuning
from incidents.models import Incident, Status
from notifications.models import Delivery
from targets.misterdj import MisterDJ
from tests.accounts import signed_in
from tests.packs.mister_dj import LIMITS, Stage

PACK = "mister-dj"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def stage(pack_of_module, db, monkeypatch):
    with MisterDJ() as backend:
        for name, value in {**LIMITS, "MISTER_DJ_BASE_URL": backend.url}.items():
            monkeypatch.setenv(name, value)
        stage = Stage(monkeypatch, backend)
        stage.trace()
        stage.look()
        yield stage


@pytest.mark.req("DJ-22")
def test_the_first_responder_closes_a_warning_as_false_and_the_rule_counts_one_more(stage, client, ada):
    stage.go_on(30 * SECOND)
    stage.trace()
    stage.backend.queue(backlog=100)
    stage.look()
    incident = Incident.objects.latest("pk")
    assert incident.severity.key == "warning" and incident.is_open
    rule = incident.policy.rules.get(key="queue-backlog")

    began = stage.at

    def counted():
        found = tuning.figures([rule], since=began, until=began + timedelta(days=1))[rule.pk]
        return found.fired, found.false_positives

    assert counted() == (1, 0)
    signed_in(client, ada, "Responder")
    act = "incident-act"
    stage.go_on(MINUTE)
    client.post(reverse(act, args=[incident.pk, "acknowledge"]))
    assert incident.roles.get(role="first responder", until=None).contact == ada
    client.post(reverse(act, args=[incident.pk, "mitigate"]))  # the limited mitigation that is begun meanwhile
    incident.refresh_from_db()
    assert incident.status == Status.MITIGATED
    place = reverse(act, args=[incident.pk, "false-positive"])
    assert client.post(place, {"reason": ""}).status_code == 422  # without a reason nothing is closed
    incident.refresh_from_db()
    assert incident.status == Status.MITIGATED and counted() == (1, 0)
    client.post(place, {"reason": "De teller telde dubbel."})
    incident.refresh_from_db()
    assert incident.status == Status.FALSE_POSITIVE and not incident.is_open
    assert incident.timeline.get(kind="false_positive").text == "False positive, says ada: De teller telde dubbel."
    assert not Delivery.objects.waiting().filter(thread=incident.thread, purpose="page").exists()
    assert counted() == (1, 1)
    shown = client.get(reverse("tuning-rule", args=["mister-dj", "queue-backlog"])).content.decode()
    assert "<dd>100 % <small>1 of 1</small></dd>" in shown
    client.post(reverse(act, args=[incident.pk, "reopen"]), {"reason": "Toch niet."})
    assert counted() == (1, 0)  # it was no false positive after all
