"""Updates by template over the API."""

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from notifications.models import Delivery
from tests.api.conftest import Api, problem
from tests.factories import ApiTokenFactory, DestinationFactory, IncidentFactory, UpdateTemplateFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def responder(grace):
    grace.user = UserFactory(username="grace")
    grace.save()
    grace.user.groups.add(Group.objects.get(name="Responder"))
    return Api(ApiTokenFactory(user=grace.user))


def test_an_update_by_template_goes_to_its_places_and_is_refused_for_want_of_a_field(responder):
    incident = IncidentFactory(detected_at=timezone.now())
    place = DestinationFactory(policy=incident.policy, key="chat:incident")
    UpdateTemplateFactory(policy=incident.policy, key="broadcast", fields=["impact", "region"], destinations=[place])
    path = f"/incidents/{incident.pk}/updates"
    refused = responder.post(path, {"template": "broadcast", "impact": "all shops"})
    assert "Fill in region" in problem(refused, 409)["detail"]
    incident.refresh_from_db()
    assert incident.impact == ""  # a refusal changes nothing
    body = {"template": "broadcast", "impact": "all shops", "fields": {"region": "Java"}, "text": "On it."}
    (update,) = responder.post(path, body).json()["updates"]
    assert (update["template"], update["closing"], update["published"]) == ("broadcast", False, False)
    assert Delivery.objects.get(purpose="update").to == "chat:incident"
    unknown = responder.post(path, {"template": "brodcast"})
    assert "there are: broadcast" in problem(unknown, 409)["detail"]
