"""The admin's first page: what is open with its clocks, who is on call, what fires, what fails."""

from django.db.models import Count, Prefetch, Q
from django.utils import timezone

from alerts.models import AlertRule, Liveness
from incidents.models import ResponseTarget
from incidents.seeing import hidden, visible
from notifications.hidden import shown_to
from notifications.models import Delivery
from oncall.models import Schedule
from oncall.roster import responders
from policies.models import Parameter
from reviews.models import ActionItem
from reviews.seen import rows_for

SHOWN = 12
FAILING = [AlertRule.State.ERROR, AlertRule.State.NODATA]


def context(request, context: dict) -> dict:
    """Add the panels to the index page's context; every panel shows at most twelve rows and links to the full list."""
    at = timezone.now()
    pending = ResponseTarget.objects.filter(state="pending", due_at__isnull=False).order_by("due_at")
    incidents = visible(request.user).open().select_related("severity", "acknowledged_by", "service")
    incidents = incidents.order_by("severity__rank", "detected_at").prefetch_related(
        Prefetch("targets", pending, to_attr="clocks")
    )
    firing = Liveness.objects.filter(firing=True).filter(Q(ends_at=None) | Q(ends_at__gt=at))
    failed = shown_to(request.user, Delivery.objects.filter(status=Delivery.Status.FAILED))
    rules = AlertRule.objects.filter(enabled=True).aggregate(
        all=Count("pk"), failing=Count("pk", filter=Q(state__in=FAILING)), firing=Count("pk", filter=Q(state="firing"))
    )
    waiting = Delivery.objects.waiting()
    items = ActionItem.objects.exclude(incident__in=hidden(request.user)).overdue(at.date())
    late = rows_for(request.user).overdue(at).select_related("incident", "author")
    return {
        **context,
        "late_reviews": late[:SHOWN],
        "at": at,
        "open_incidents": incidents[:SHOWN],
        "open_count": visible(request.user).open().count(),
        "on_call": [(schedule, responders(schedule, at)) for schedule in Schedule.objects.all()[:SHOWN]],
        "firing_alerts": firing.select_related("alert", "incident").order_by("-starts_at")[:SHOWN],
        "firing_count": firing[:10_001].count(),
        "failing_rules": AlertRule.objects.filter(enabled=True, state__in=FAILING).select_related("policy")[:SHOWN],
        "rules": rules,
        "failed_deliveries": failed.order_by("-pk")[:SHOWN],
        "waiting_deliveries": waiting[:10_001].count(),
        "overdue_items": items.select_related("owner", "incident").order_by("due_on", "pk")[:SHOWN],
        "overdue_count": items[:10_001].count(),
        "unconfirmed": Parameter.objects.filter(origin=Parameter.Origin.OURS, confirmed_at=None).count(),
    }
