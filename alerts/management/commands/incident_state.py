"""`manage.py incident_state --key KEY`: prints `STATE COUNT` for scripts."""

import re

from django.core.management.base import BaseCommand
from django.db.models import Q, QuerySet

from alerts.fingerprint import fingerprint
from alerts.models import Alert
from incidents.models import Incident, Status

STATES = {
    Status.DETECTED: "triggered", Status.ACKNOWLEDGED: "acknowledged", Status.MITIGATED: "acknowledged",
    Status.RESOLVED: "resolved", Status.CLOSED: "resolved", Status.FALSE_POSITIVE: "resolved",
    Status.MERGED: "resolved",
}  # fmt: skip
FINGERPRINT = re.compile("[0-9a-f]{16}")


class Command(BaseCommand):
    help = (
        "Print the state of the newest incident or alert with a key (triggered, acknowledged, resolved or none), and "
        "how many incidents it ever made. The key is an incident's, an alert's own, its name, or its fingerprint."
    )

    def add_arguments(self, parser):
        parser.add_argument("--key", required=True, metavar="DEDUP_KEY")

    def handle(self, *, key: str, **_) -> None:
        self.stdout.write("{} {}".format(*state_of(key)))


def state_of(key: str) -> tuple[str, int]:
    """State, and number of incidents; an alert that fires but was suppressed counts as triggered."""
    alerts = _alerts(key)
    incidents = _incidents(key, alerts)
    if newest := incidents.order_by("-detected_at", "-pk").first():
        return STATES[Status(newest.status)], incidents.count()
    if not alerts.exists():
        return "none", 0
    return "triggered" if alerts.filter(liveness__firing=True).exists() else "resolved", 0


def _alerts(key: str) -> QuerySet[Alert]:
    """Alerts with this key, or else this name, or else this fingerprint."""
    for found in (Alert.objects.filter(key=key), Alert.objects.filter(key="", name=key)):
        if found.exists():
            return found
    if FINGERPRINT.fullmatch(key):
        for pk, labels in Alert.objects.order_by("-pk").values_list("pk", "labels").iterator():
            if fingerprint(labels) == key:
                return Alert.objects.filter(pk=pk)
    return Alert.objects.none()


def _incidents(key: str, alerts: QuerySet[Alert]) -> QuerySet[Incident]:
    """Incidents with this key, and all those with scope and key of the incident that one of the alerts joined."""
    wanted = Q(key=key)
    joined = Incident.objects.filter(alerts__alert__in=alerts)
    for scope, incident_key in joined.order_by().values_list("scope", "key").distinct()[:100]:
        wanted |= Q(scope=scope, key=incident_key)
    return Incident.objects.filter(wanted)
