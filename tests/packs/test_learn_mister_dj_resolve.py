"""Mister DJ: the Incident Commander declares resolved, once actions are verified and the post-mortem has a date."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle, roles
from incidents.models import Status
from policies.models import Policy
from reviews import actions, followup
from reviews.models import PostIncidentReview
from tests.accounts import signed_in

PACK = "mister-dj"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pack_of_module")]


@pytest.fixture
def incident(grace):
    policy, at = Policy.objects.get(key=PACK), timezone.now() - timedelta(hours=1)
    level = policy.severities.get(key="critical")
    opening = lifecycle.Opening(policy=policy, severity=level, key="backlog", title="Backlog critical")
    opened = lifecycle.open_incident(opening, at=at)
    lifecycle.acknowledge(opened, by=grace, at=at)
    roles.assign(opened, "commander", grace, by=grace, at=at)
    lifecycle.edit(opened, by=grace, at=at, cause="Redis was full.")
    return opened


def resolve(client, incident) -> tuple[int, str]:
    address = reverse("incident-act", args=[incident.pk, "resolve"])
    response = client.post(address)
    incident.refresh_from_db()
    page = client.get(incident.get_absolute_url()).content.decode()
    return response.status_code, page


@pytest.mark.req("DJ-57")
def test_only_the_commander_declares_it_resolved_with_actions_verified_and_a_date_set(incident, grace, ada):
    responder = signed_in(Client(), ada, "Responder")
    commander = signed_in(Client(), grace, "Incident Commander")
    item = actions.add(incident=incident, title="Give Redis more memory", by=grace, at=timezone.now())
    when = timezone.now() + timedelta(days=3)

    code, page = resolve(responder, incident)
    assert code == 409
    assert "Only the commander may do this." in page

    code, page = resolve(commander, incident)  # what is missing is listed
    assert code == 409
    assert "Action items must be verified: Give Redis more memory" in page
    assert "Set the date of the post-mortem." in page
    assert "Only the commander" not in page

    plan = reverse("review-plan", args=[incident.pk])
    assert plan in page
    assert responder.get(plan).status_code == 403
    assert commander.post(plan, {"meeting_at": ""}).status_code == 422
    assert commander.post(plan, {"meeting_at": "2020-01-01T10:00"}).status_code == 409
    assert (
        commander.post(plan, {"meeting_at": f"{when:%Y-%m-%dT%H:%M}", "meeting_place": "War room"}).status_code == 302
    )
    assert PostIncidentReview.objects.get(incident=incident).meeting_at == when.replace(second=0, microsecond=0)
    code, page = resolve(commander, incident)
    assert code == 409
    assert "Set the date of the post-mortem." not in page
    assert "Action items must be verified: Give Redis more memory" in page

    actions.done(item, by=ada, at=timezone.now())
    assert resolve(commander, incident)[0] == 409  # done is not verified
    actions.verify(item, by=grace, at=timezone.now())
    assert incident.status == Status.ACKNOWLEDGED
    code, page = resolve(responder, incident)
    assert code == 409
    assert "Only the commander may do this." in page
    assert resolve(commander, incident)[0] == 302
    assert incident.status == Status.RESOLVED


def test_the_early_review_is_filled_in_when_the_incident_is_over(incident, grace):
    commander = signed_in(Client(), grace, "Incident Commander")
    when = timezone.now() + timedelta(days=3)
    commander.post(reverse("review-plan", args=[incident.pk]), {"meeting_at": f"{when:%Y-%m-%dT%H:%M}"})
    review = PostIncidentReview.objects.get(incident=incident)
    assert review.filled_at is None
    assert "once incident" in commander.get(review.get_absolute_url()).content.decode()
    lifecycle.resolve(incident, by=grace, at=timezone.now(), override_reason="Not what is tested here.")
    followup.remind_due(at=timezone.now())
    review.refresh_from_db()
    assert review.filled_at is not None
    assert review.answers.get(key="root_cause").text == "Redis was full."
    assert "Acknowledged by grace" in review.timeline
    calendar = commander.get(reverse("review-calendar", args=[review.pk])).content.decode()
    assert f"DTSTART:{when:%Y%m%dT%H%M}00Z" in calendar
