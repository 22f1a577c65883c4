"""What a sender has to be told of its door: where it is, and how to prove itself."""

from django.conf import settings

from .inbound import PATHS
from .models import Integration

PROOFS = {
    "generic": "X-Opscenter-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of t.body>, or X-Hub-Signature-256",
    "github": "the secret goes into the webhook's form at GitHub, which signs with it",
    "whatsapp": "the secret is the Meta app's secret; the verify token is the one of the options, else the key",
    "uptime-kuma": 'additional headers of the notification: {"Authorization": "Bearer <secret>"}',
    "otlp": "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20<secret>, the key in the address",
    "sns": "Amazon signs with its own certificate; a secret is needed only as password in the address as well",
    "channels": "Authorization: Bearer <secret>, the key in the address; or X-Opscenter-Signature",
}


def address(door: Integration) -> str:
    """The address to give the sender; empty for a kind that has none."""
    path = PATHS.get(door.kind, "")
    return settings.BASE_URL + path.format(key=door.key) if path else ""


def how_it_proves(door: Integration) -> str:
    """How the sender of this kind uses the secret, and whether there is one."""
    how = PROOFS.get(door.kind, "see docs/webhooks.md")
    if not door.pk:
        return "With a secret every request has to be signed; docs/webhooks.md says how for each kind."
    if not door.secrets:
        return f"No secret: the key alone lets in. With one: {how}."
    return f"Signed: {how}." + (
        " Two secrets are good now; drop the old one when the sender has the new." if door.old_secret else ""
    )
