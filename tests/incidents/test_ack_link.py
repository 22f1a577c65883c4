"""The link that acknowledges from a phone without a login: looking changes nothing, pressing acts, and only in time."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from incidents import escalation, lifecycle, links
from incidents.models import Incident, Status
from tests.factories import (
    MINUTE,
    NINE,
    EscalationPolicyFactory,
    EscalationStepFactory,
    IncidentFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def incident(ada, grace):
    """An open incident whose escalation will ask ada, then grace."""
    level = SeverityFactory(key="P1", rank=1)
    plan = EscalationPolicyFactory(policy=level.policy)
    EscalationStepFactory(policy=plan, contacts=[ada])
    EscalationStepFactory(policy=plan, after=10 * MINUTE, contacts=[grace], position=1)
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="checkout", title="Checkout is down")
    return lifecycle.open_incident(opening, at=NINE)


def path(incident, contact, at=NINE) -> str:
    return links.ack_url(incident, contact, at=at).removeprefix(settings.BASE_URL)


def stored(incident) -> tuple:
    fresh = Incident.objects.get(pk=incident.pk)
    return fresh.status, fresh.acknowledged_by, fresh.acknowledged_at, fresh.timeline.count()


@pytest.fixture
def phone():
    """A browser that has never been here, and whose requests are checked for forgery."""
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(phone, incident, ada, method):
    before = stored(incident)
    with time_machine.travel(NINE + MINUTE, tick=False):
        response = getattr(phone, method)(path(incident, ada))
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert stored(incident) == before
    if method == "get":
        assert "Acknowledge as ada" in response.content.decode()


def test_pressing_acknowledges_and_stops_the_escalation(phone, incident, ada):
    with time_machine.travel(NINE + MINUTE, tick=False):
        response = phone.post(path(incident, ada))
    assert response.status_code == 200
    assert "Acknowledged, ada. You have it." in response.content.decode()
    assert "Nobody else will be paged" in response.content.decode()
    assert stored(incident)[:3] == (Status.ACKNOWLEDGED, ada, NINE + MINUTE)
    escalation.climb_due(at=NINE + 20 * MINUTE)
    assert not incident.page_rows.exists()
    assert incident.timeline.get(kind="acknowledged").by == ada


def test_pressing_twice_is_one_acknowledgement(phone, incident, ada):
    with time_machine.travel(NINE + MINUTE, tick=False):
        assert [phone.post(path(incident, ada)).status_code for _ in range(2)] == [200, 200]
    assert incident.timeline.filter(kind="acknowledged").count() == 1


@pytest.mark.parametrize(("late", "status"), [(-SECOND, 200), (timedelta(0), 200), (SECOND, 410)])
def test_a_link_holds_for_three_days(phone, incident, ada, late, status):
    with time_machine.travel(NINE + links.VALID_FOR + late, tick=False):
        assert phone.get(path(incident, ada)).status_code == status


def test_an_expired_link_says_so_and_changes_nothing(phone, incident, ada):
    before = stored(incident)
    with time_machine.travel(NINE + timedelta(days=4), tick=False):
        response = phone.post(path(incident, ada))
    assert response.status_code == 410
    assert "This link expired on 2026-11-26 at 09:00 UTC. Log in to act" in response.content.decode()
    assert stored(incident) == before


@pytest.mark.parametrize(
    "harm", [lambda t: t[:-3] + "abc", lambda t: t[3:], lambda t: "x", lambda t: t.replace(":", "")]
)
def test_a_damaged_link_says_so_and_changes_nothing(phone, incident, ada, harm):
    before = stored(incident)
    token = path(incident, ada).split("/")[2]
    with time_machine.travel(NINE + MINUTE, tick=False):
        response = phone.post(reverse("acknowledge-link", args=[harm(token)]))
    assert response.status_code == 410
    assert "damaged or was not made by this Opscenter" in response.content.decode()
    assert stored(incident) == before


def test_a_link_of_another_secret_key_is_refused_until_that_key_is_a_fallback(phone, incident, ada, settings):
    with time_machine.travel(NINE + MINUTE, tick=False):
        address, old = path(incident, ada), settings.SECRET_KEY
        settings.SECRET_KEY = "another key altogether, and long enough"
        assert phone.post(address).status_code == 410
        settings.SECRET_KEY_FALLBACKS = [old]
        assert phone.post(address).status_code == 200


def test_who_comes_second_is_told_who_has_it(phone, incident, ada, grace):
    lifecycle.acknowledge(incident, by=grace, at=NINE + MINUTE)
    before = stored(incident)
    with time_machine.travel(NINE + 2 * MINUTE, tick=False):
        assert "grace has it since" in phone.get(path(incident, ada)).content.decode()
        response = phone.post(path(incident, ada))
    assert response.status_code == 409
    assert "already acknowledged by grace" in response.content.decode()
    assert stored(incident) == before


def test_an_incident_that_is_over_cannot_be_acknowledged(phone, incident, ada, grace):
    lifecycle.resolve(incident, by=grace, at=NINE + MINUTE)
    before = stored(incident)
    with time_machine.travel(NINE + 2 * MINUTE, tick=False):
        page = phone.get(path(incident, ada)).content.decode()
        response = phone.post(path(incident, ada))
    assert "nothing to acknowledge any more" in page
    assert "<button" not in page
    assert response.status_code == 409
    assert "Resolved by grace. (09:01:00 UTC)" in response.content.decode()
    assert stored(incident) == before


def test_the_link_of_somebody_who_has_left_does_not_act(phone, incident, ada):
    ada.active = False
    ada.save()
    before = stored(incident)
    with time_machine.travel(NINE + MINUTE, tick=False):
        response = phone.post(path(incident, ada))
    assert response.status_code == 410
    assert "no longer active" in response.content.decode()
    assert stored(incident) == before


def test_a_link_opens_no_other_page(phone, incident, ada):
    with time_machine.travel(NINE + MINUTE, tick=False):
        phone.post(path(incident, ada))
        assert phone.get(incident.get_absolute_url()).status_code == 302


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(phone, incident, ada, method):
    with time_machine.travel(NINE + MINUTE, tick=False):
        response = getattr(phone, method)(path(incident, ada))
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST"


def test_the_page_does_not_promise_quiet_while_later_steps_still_wait(phone, ada, grace):
    level = SeverityFactory()
    plan = EscalationPolicyFactory(policy=level.policy)
    EscalationStepFactory(policy=plan, contacts=[ada])
    EscalationStepFactory(policy=plan, after=MINUTE, contacts=[grace], position=1, condition="unmitigated")
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="mail", title="Mail is late")
    incident = lifecycle.open_incident(opening, at=NINE)
    with time_machine.travel(NINE + SECOND, tick=False):
        text = phone.post(path(incident, ada)).content.decode()
    assert "You have it." in text
    assert "Nobody else will be paged" not in text


def test_a_title_from_outside_is_shown_as_text(phone, ada):
    incident = IncidentFactory(title="<script>alert(1)</script>")
    with time_machine.travel(NINE, tick=False):
        assert b"<script>alert" not in phone.get(path(incident, ada)).content
