"""The alerts page: what fires now, newest first, where it went, and why it did not act."""

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Q
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from incidents import seeing
from incidents.models import HeldNotice

from . import since_deploy
from .alertmanager.filters import written
from .maintenance_now import active
from .models import AlertRule, Liveness

SHOWN = 100
SHOWS = {"firing": "Firing", "suppressed": "Firing but suppressed", "ended": "Ended", "all": "All"}
UNANSWERED = [AlertRule.State.ERROR, AlertRule.State.NODATA]


@login_required
@permission_required("alerts.view_liveness", raise_exception=True)
def alert_list(request):
    """At most 100 alerts, never counted: a list of a million opens as quickly as a short one."""
    at = timezone.now()
    show = request.GET.get("show", "firing")
    show = show if show in SHOWS else "firing"
    rows = Liveness.objects.select_related("alert__rule__policy", "alert__integration", "incident__severity", "silence")
    fires = Q(firing=True) & (Q(ends_at=None) | Q(ends_at__gt=at))
    if show == "ended":
        rows = rows.exclude(fires)
    elif show != "all":
        rows = rows.filter(fires)
    if show == "suppressed":
        rows = rows.filter(verdict=Liveness.Verdict.SUPPRESSED)
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(
            Q(alert__name__icontains=text) | Q(alert__labels__icontains=text) | Q(severity_key__iexact=text)
        )
    since = None
    if request.GET.get("since") == "deploy":
        since = since_deploy.look(request.GET.get("service", "").strip(), at=at)
        rows = rows & since_deploy.alerts_since(since.deploy, since.service) if since.deploy else rows.none()
    found = list(rows.order_by("-starts_at", "-pk")[: SHOWN + 1])
    hidden = seeing.hidden(request.user)
    for row in found:
        if row.incident_id in hidden:  # the alert is for everybody, a private incident is not
            row.incident = None
    muted = _muted({row.incident_id for row in found if row.incident_id})
    silencer = request.user.is_staff and request.user.has_perm("alerts.add_silence")
    context = {
        "rows": [
            (row, row.fires_at(at), _silence_url(row) if silencer else "", muted.get(row.incident_id, []))
            for row in found[:SHOWN]
        ],
        "windows": active(at),
        "more": len(found) > SHOWN,
        "shown": SHOWN,
        "show": show,
        "shows": SHOWS.items(),
        "q": text,
        "unanswered": AlertRule.objects.filter(enabled=True, state__in=UNANSWERED).select_related("policy"),
        "at": at,
        "since": since,
        "service": request.GET.get("service", ""),
    }
    return render(request, "alerts/list.html", context)


def _muted(incidents: set[int]) -> dict[int | None, list[str]]:
    """What holds back messages about these incidents now, in words, by incident."""
    words: dict[int | None, list[str]] = {}
    for held in HeldNotice.objects.waiting().filter(incident__in=incidents).select_related("destination"):
        to = f"{held.destination} is not told" if held.destination else "not told"
        verb = "muted by" if held.kind == HeldNotice.Kind.TOGGLE else "held back by"
        words.setdefault(held.incident_id, []).append(f"{to}: {verb} {held.by}")
    return words


def _silence_url(row: Liveness) -> str:
    """The form for a silence of this very alert; whoever opens it takes matchers away until it fits. Empty: it is."""
    if row.verdict == Liveness.Verdict.SUPPRESSED:
        return ""
    matchers = [
        written({"name": name, "value": str(value), "isRegex": False, "isEqual": True})
        for name, value in row.alert.labels.items()
    ]
    return f"{reverse('admin:alerts_silence_add')}?{urlencode({'matchers': chr(10).join(matchers)})}"
