"""Signed links that act without a login: who may do what until when stands in the link itself."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from oncall.models import EscalationContact

from .models import Incident

VALID_FOR = timedelta(days=3)
SALT = "opscenter.acknowledge"


class LinkInvalid(Exception):
    """The link cannot be used; the text says why and what to do instead."""


def ack_url(incident: Incident, contact: EscalationContact, *, at: datetime) -> str:
    """The address at which `contact` acknowledges `incident`, for three days from `at`."""
    until = int((at + VALID_FOR).timestamp())
    token = signing.dumps([incident.pk, contact.pk, until], salt=SALT, compress=True)
    return settings.BASE_URL + reverse("acknowledge-link", args=[token])


def read_token(token: str, *, at: datetime) -> tuple[Incident, EscalationContact]:
    """The incident and person a link was made for."""
    try:
        incident_id, contact_id, until = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid("This link is damaged or was not made by this Opscenter. Open the message again.") from error
    if at.timestamp() > until:
        expired = datetime.fromtimestamp(until, UTC)
        raise LinkInvalid(f"This link expired on {expired:%Y-%m-%d at %H:%M} UTC. Log in to act on the incident.")
    incident = Incident.objects.select_related("policy", "severity", "acknowledged_by").filter(pk=incident_id).first()
    contact = EscalationContact.objects.filter(pk=contact_id, active=True).first()
    if incident is None:
        raise LinkInvalid("The incident of this link no longer exists.")
    if contact is None:
        raise LinkInvalid("The person this link was made for is no longer active here. Log in to act on the incident.")
    return incident, contact
