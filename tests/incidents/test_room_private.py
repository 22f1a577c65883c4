"""Private incidents: only those named, or with the right, meet them anywhere; no channel hears of them."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from incidents import escalation, lifecycle, seeing
from notifications.models import Delivery
from tests.accounts import account, signed_in
from tests.factories import (
    DestinationFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    RouteFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
TITLE = "Customer data on a public bucket"


@pytest.fixture
def incident(ada):
    level = SeverityFactory(key="P0", rank=0, page=True)
    RouteFactory(policy=level.policy, destinations=[DestinationFactory(policy=level.policy)])
    step = EscalationStepFactory(policy=EscalationPolicyFactory(policy=level.policy), position=0)
    step.contacts.add(ada)
    opening = lifecycle.Opening(policy=level.policy, severity=level, key="leak", title=TITLE, private=True)
    return lifecycle.open_incident(opening, at=timezone.now())


def faces(incident) -> list[str]:
    number = incident.pk
    pages = ["", "live/", "more/", "timeline.json"]
    return [f"/incidents/{number}/{page}" for page in pages] + [f"/incidents/?q={number}", "/incidents/?status=all"]


def meets(client, incident) -> list[bool]:
    return [TITLE in client.get(face).content.decode() for face in faces(incident)]


def test_somebody_who_is_not_named_meets_it_nowhere(client, incident, linus):
    signed_in(client, linus, "Incident Commander")
    assert not any(meets(client, incident))
    for action in ("acknowledge", "resolve", "note"):
        assert client.post(reverse("incident-act", args=[incident.pk, action]), {"text": "x"}).status_code == 404
    assert TITLE not in client.get("/").content.decode()
    assert TITLE not in client.get("/deliveries/").content.decode()
    incident.refresh_from_db()
    assert incident.status == "detected"


def test_whoever_is_named_has_a_role_or_the_right_sees_it(client, incident, ada, grace, linus):
    escalation.climb_due(at=timezone.now())
    signed_in(client, ada, "Responder")  # was paged
    assert all(meets(client, incident)[0:1]) and TITLE in client.get("/incidents/").content.decode()
    user = account(grace, "Viewer")
    client.force_login(user)
    assert not any(meets(client, incident))
    seeing.limit(incident, private=True, readers=[grace], by=ada, at=timezone.now())
    assert any(meets(client, incident))
    other = account(linus, "Viewer")
    other.user_permissions.add(Permission.objects.get(codename="see_private_incident"))
    client.force_login(other)
    assert any(meets(client, incident))


def test_no_channel_hears_of_it_and_persons_are_paged(incident, ada):
    escalation.climb_due(at=timezone.now())
    lifecycle.resolve(incident, by=ada, at=timezone.now())
    rows = Delivery.objects.filter(thread=incident.thread)
    assert {row.to for row in rows} == {"ada"}
    assert not rows.filter(destination__isnull=False).exists()


def test_the_api_shows_it_to_nobody_else(client, incident, linus, ada):
    client.force_login(account(linus, "Incident Commander"))
    number = incident.pk
    for path in (f"/incidents/{number}", f"/incidents/{number}/timeline", f"/incidents/{number}/similar"):
        assert client.get(f"/api/v1{path}").status_code == 404
    for path in ("/incidents", "/deliveries", f"/incidents?text={TITLE[:8]}"):
        assert TITLE not in client.get(f"/api/v1{path}").content.decode()
    seeing.limit(incident, private=True, readers=[linus], by=ada, at=timezone.now())
    assert TITLE in client.get(f"/api/v1/incidents/{number}").content.decode()
