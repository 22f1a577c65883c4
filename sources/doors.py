"""What a sender has to be told of its door: where it is, and how to prove itself."""

from django.conf import settings

from .inbound import INBOUND, PATHS
from .models import Integration

PROOFS = {
    "generic": "X-Opscenter-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of t.body>, or X-Hub-Signature-256",
    "github": "the secret goes into the webhook's form at GitHub, which signs with it",
    "whatsapp": "the secret is the Meta app's secret; the verify token is the one of the options, else the key",
    "uptime-kuma": 'additional headers of the notification: {"Authorization": "Bearer <secret>"}',
    "otlp": "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20<secret>, the key in the address",
    "logs": "Authorization: Bearer <secret>, the key in the address",
    "sns": "Amazon signs with its own certificate; a secret is needed only as password in the address as well",
    "channels": "Authorization: Bearer <secret>, the key in the address; or X-Opscenter-Signature",
}


OF_EVERY_KIND = {"layer": "what it watches, shown among the sources"}
"""Options that do not depend on the kind."""


class UnknownOption(ValueError):
    """An option that this kind of door does not have; the text names those there are."""


def options_of(kind: str) -> dict[str, str]:
    """The options a kind of door reads, and what each means."""
    inbound = INBOUND.get(kind)
    return {**(inbound.options if inbound else {}), **OF_EVERY_KIND}


def check_options(kind: str, options: dict) -> None:
    """Raise UnknownOption when a kind of webhook does not read one of `options`."""
    unknown = [name for name in options if name not in options_of(kind)]
    if unknown and kind in INBOUND:
        raise UnknownOption(f"This kind has no option {', '.join(unknown)}; it has: {', '.join(options_of(kind))}.")


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
