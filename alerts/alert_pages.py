"""The page of one alert: how it stands, and why it did not act when it did not."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from incidents import seeing
from incidents.models import HeldNotice
from runbooks import guide

from .firing_models import Firing, Mark
from .models import Hold, Liveness

SHOWN = 200
FIRINGS = 10


@dataclass(frozen=True)
class Entry:
    """One thing that held the alert or a message about it back."""

    since: datetime
    kind: str
    by: str
    until: datetime | None
    ended_at: datetime | None
    outcome: str
    would_have: str
    times: int = 1


@login_required
@permission_required("alerts.view_liveness", raise_exception=True)
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    """Why was I not paged? An alert is for everybody; a private incident it is in is not told of."""
    rows = Liveness.objects.select_related("alert__rule", "alert__integration", "incident__severity", "silence")
    row, at = get_object_or_404(rows, pk=pk), timezone.now()
    hidden = seeing.hidden(request.user)
    if row.incident_id in hidden:
        row.incident = None
    entries = [
        Entry(one.since, one.get_kind_display(), one.by, one.until, one.ended_at, one.outcome, one.would_have)
        for one in Hold.objects.filter(alert=pk)[:SHOWN]
    ]
    if row.incident_id:
        held = HeldNotice.objects.filter(incident=row.incident_id).select_related("destination")
        for one in held[:SHOWN]:
            told = f"told {one.destination}" if one.destination else ""
            until = one.look_at if one.kind == HeldNotice.Kind.THROTTLE else None
            entries.append(
                Entry(one.held_at, one.get_kind_display(), one.by, until, one.ended_at, one.outcome, told, one.times)
            )
    entries.sort(key=lambda entry: entry.since, reverse=True)
    rule = row.alert.rule
    books = guide.of_rules(rule.policy_id, [rule.key]) if rule else []
    fired = Firing.objects.judged().filter(alert=pk).select_related("marked_by", "incident")[:FIRINGS]
    for one in fired:
        if one.incident_id in hidden:
            one.incident = None
    context = {
        "row": row, "books": books, "fires": row.fires_at(at), "entries": entries, "at": at,
        "firings": fired, "marks": Mark.choices, "verdicts": dict(Mark.choices),
    }  # fmt: skip
    return render(request, "alerts/alert.html", context)
