"""Grafana OnCall's addresses, /integrations/v1/<type>/<token>/: whoever leaves OnCall changes the host alone.

Source: grafana/oncall, engine/apps/integrations/urls.py.
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sources.inbound import ALIASES, INBOUND, LABELS
from sources.inbound.base import Inbound
from sources.models import Integration

from . import receiving
from .views import ANY, Shut, answer, opened

RECEIVER = "alertmanager-webhook"
RECEIVERS = frozenset([RECEIVER, "alertmanager"])  # a door of the Alertmanager API lends its key to this address
GRAFANA = frozenset(["grafana"])
TYPES: dict[str, frozenset[str]] = {
    "alertmanager": RECEIVERS, "alertmanagerv2": RECEIVERS, "legacy-alertmanager": RECEIVERS,
    "grafana": GRAFANA, "grafana-alerting": GRAFANA, "legacy-grafana-alerting": GRAFANA,
    "adaptive-grafana-alerting": GRAFANA, "webhook": frozenset(["generic"]), "formatted-webhook": frozenset(["oncall"]),
    "amazon-sns": frozenset(["sns"]),
}  # fmt: skip
"""OnCall's word for a type -> our kinds, where they differ."""
RAW = frozenset([
    "appdynamics", "curler", "datadog", "elastalert", "fabric", "jira", "kapacitor", "newrelic", "pingdom", "prtg",
    "stackdriver", "uptimerobot", "zabbix", "zendesk",
])  # fmt: skip
"""Types whose payload OnCall takes as it is, with templates: here a JSON webhook with a mapping."""


@csrf_exempt
@require_http_methods(["GET", "POST"])
def take(request: HttpRequest, type: str, token: str) -> HttpResponse:
    """Take a webhook at OnCall's address: the door is found by its token, and the type must fit its kind."""

    def opens(door: Integration | None) -> Inbound:
        if door is not None and not fits(type, door.kind):
            told = f"kind {door.kind} ({LABELS.get(door.kind, door.kind)})"
            raise Shut(400, f"This address is for {type[:60]!r}, and the token is of {door.name}, a door of {told}.")
        if door is not None and door.enabled and receiving.inbound_of(door) is None:
            return INBOUND[RECEIVER]
        return opened(door)

    return answer(request, token, ANY, opens=opens)


def fits(type: str, kind: str) -> bool:
    """Whether an address of OnCall's `type` may lead to a door of our `kind`."""
    word = type.strip().lower().replace("_", "-")
    if kinds := TYPES.get(word):
        return kind in kinds
    return ALIASES.get(word, word) == kind or (word in RAW and kind == "generic")
