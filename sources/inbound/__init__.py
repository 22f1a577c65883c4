"""They tell us: one file a kind of door; each turns a request into signals, events or changes, or says what is wrong.

`alertmanager` and `heartbeat` have doors of their own (alerts.door, sources.pinging), since they are hot; the others
are `Inbound` kinds, served by alerts.views.ingest.
"""

from datetime import timedelta

from ..models import Integration
from .alertmanager_v4 import AlertmanagerWebhook
from .base import Inbound
from .channels import Channels
from .deploys import Deploys
from .generic import Generic
from .github import GitHub
from .grafana import Grafana
from .inngest import Inngest
from .knock import Knock
from .logs import Logs
from .oncall_formatted import OnCallFormatted
from .otlp import Otlp
from .pagerduty import PagerDuty
from .resend import Resend
from .sentry import Sentry
from .sns import Sns
from .stripe import Stripe
from .uptime_kuma import UptimeKuma
from .whatsapp import WhatsApp

ALL: tuple[Inbound, ...] = (
    Generic(),
    Channels(),
    GitHub(),
    Logs(),
    Otlp(),
    Sns(),
    UptimeKuma(),
    WhatsApp(),
    PagerDuty(),
    Deploys(),
    OnCallFormatted(),
    Sentry(),
    Grafana(),
    AlertmanagerWebhook(),
    Inngest(),
    Knock(),
    Resend(),
    Stripe(),
)

INBOUND: dict[str, Inbound] = {inbound.kind: inbound for inbound in ALL}
"""Every kind that is told by a webhook; a new one is one line here."""

OWN_PATHS = {
    "alertmanager": "/api/v2/alerts?key={key}",
    "heartbeat": "/ping/{key}",
    "heartbeats": "/ping/{key}/SLUG",
}
PATHS = OWN_PATHS | {kind: inbound.path for kind, inbound in INBOUND.items()}
"""Where the doors of each kind are; Alertmanager's also takes the key as bearer token or basic password."""

OWN_LABELS = {
    "alertmanager": "Alertmanager API",
    "heartbeat": "heartbeat",
    "heartbeats": "heartbeats, pinged by a common key and their slugs",
}
LABELS = OWN_LABELS | {kind: inbound.label for kind, inbound in INBOUND.items()}

END_AT_ONCE = {"heartbeat", "heartbeats"} | {kind for kind, inbound in INBOUND.items() if inbound.ends_at_once}


def quiet_time(door: Integration) -> timedelta | None:
    """How long nothing of the door may fire until its incidents are resolved; None: as the policy says."""
    if door.resolve_after is None and door.kind in END_AT_ONCE:
        return timedelta()
    return door.resolve_after


ALIASES = {"prometheus": "alertmanager", "healthchecks": "heartbeat", "ping": "heartbeat"} | {
    alias: kind for kind, inbound in INBOUND.items() for alias in inbound.aliases
}
"""Other words people have for a kind, as `integration add` takes them."""
