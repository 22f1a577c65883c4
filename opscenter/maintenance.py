"""Housekeeping: removes records of passage that nobody needs any more.

Incidents, their timelines, their reviews and the deliveries themselves are kept for good.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet

from alerts.models import Alert, AlertRule, Firing, RuleChange, Sample
from analytics.models import ObjectiveDay, ObjectiveSample
from api.models import Answered
from dashboards.models import PanelSample
from incidents.models import OPEN
from notifications.models import DeliveryAttempt
from sources.models import Event, Heartbeat, Ping, WebhookLog
from status.models import Subscriber

KEEP_UNCONFIRMED_DAYS = 7
"""An address that somebody entered on the status page and whose owner did not want it."""
BATCH = 1000
"""Rows removed in one transaction, so that the intake never waits long for it on SQLite."""


def prune(*, at: datetime) -> dict[str, int]:
    """Remove what is older than the settings keep it; return how many rows of each kind went."""

    def before(days: int) -> datetime:
        return at - timedelta(days=days)

    # an alert that fires, waits for its judgement or belongs to open work stays, however old it is
    ended = Alert.objects.filter(
        Q(liveness__incident=None) | ~Q(liveness__incident__status__in=OPEN),
        liveness__firing=False,
        liveness__assign_at=None,
        liveness__last_seen_at__lt=before(settings.KEEP_ALERTS_DAYS),
    )
    return {
        "ended alerts": remove(ended),
        "webhook logs": remove(WebhookLog.objects.filter(at__lt=before(settings.KEEP_WEBHOOK_LOGS_DAYS))),
        "events": remove(Event.objects.filter(received_at__lt=before(settings.KEEP_EVENTS_DAYS))),
        "pings": remove(Ping.objects.filter(at__lt=before(settings.KEEP_PINGS_DAYS))) + remove_surplus_pings(),
        "delivery attempts": remove(
            DeliveryAttempt.objects.filter(at__lt=before(settings.KEEP_DELIVERY_ATTEMPTS_DAYS))
        ),
        "samples of rules": remove_samples(before(settings.KEEP_SAMPLES_DAYS)),
        "measures of objectives": remove(ObjectiveSample.objects.filter(at__lt=before(settings.KEEP_SAMPLES_DAYS))),
        "samples of panels": remove(PanelSample.objects.filter(at__lt=before(settings.KEEP_SAMPLES_DAYS))),
        "days of objectives": remove(ObjectiveDay.objects.filter(day__lt=before(settings.KEEP_OBJECTIVE_DAYS).date())),
        "firings of rules": remove(Firing.objects.filter(began_at__lt=before(settings.KEEP_FIRINGS_DAYS))),
        "changes of rules": remove(RuleChange.objects.filter(at__lt=before(settings.KEEP_ALERTS_DAYS))),
        "answered requests": remove(Answered.objects.filter(at__lt=before(1))),
        "addresses that never confirmed": remove(
            Subscriber.objects.filter(confirmed_at=None, asked_at__lt=before(KEEP_UNCONFIRMED_DAYS))
        ),
        "sessions": remove(Session.objects.filter(expire_date__lt=at)),
    }


def remove_surplus_pings() -> int:
    """Delete the pings beyond the newest of each heartbeat; return how many there were."""
    gone = 0
    for id in Heartbeat.objects.filter(ping_count__gt=settings.KEEP_PINGS).values_list("pk", flat=True):
        pings = Ping.objects.filter(heartbeat=id)
        first = pings.order_by("-at", "-pk").values_list("at", "pk")[settings.KEEP_PINGS : settings.KEEP_PINGS + 1]
        for at, pk in first:
            gone += remove(pings.filter(Q(at__lt=at) | Q(at=at, pk__lte=pk)))
    return gone


def remove_samples(before: datetime) -> int:
    """Delete what rules read before that; return how many rows. Rule by rule, as the rows are indexed by it."""
    rules = AlertRule.objects.order_by().values_list("pk", flat=True)
    return sum(remove(Sample.objects.filter(rule=rule, at__lt=before)) for rule in rules)


def remove(rows: QuerySet) -> int:
    """Delete `rows` batch by batch; return how many there were."""
    gone = 0
    while True:
        with transaction.atomic():
            keys = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
            rows.model.objects.filter(pk__in=keys).delete()
        gone += len(keys)
        if len(keys) < BATCH:
            return gone


def words(removed: dict[str, int]) -> str:
    """`12 webhook logs, 3 sessions`; what had none is left out."""
    return ", ".join(f"{count} {kind}" for kind, count in removed.items() if count) or "nothing"
