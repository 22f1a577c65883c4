"""Snapshots and the readiness checklist as pages, and the buttons that take, ask and tick."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from incidents import seeing
from incidents.models import Incident
from oncall.people import contact_of
from policies.models import Policy

from . import probing, readiness, snapshots
from .models import ReadinessItem, Snapshot

view_permission = permission_required("incidents.view_incident", raise_exception=True)
respond_permission = permission_required("incidents.respond_incident", raise_exception=True)
tick_permission = permission_required("checkup.tick_readinessitem", raise_exception=True)
FIRST = (
    "rule",
    "connection",
    "heartbeat",
    "job",
    "tenant",
    "channel",
    "event",
    "webhook",
    "card",
    "queue",
    "state",
    "status",
)
TITLES = {
    "probes": "Probes", "rules": "Rules", "jobs": "Jobs", "channels": "Channels", "events": "Last failed events",
    "queues": "Queues", "findings": "Findings",
}  # fmt: skip


def _incident(request: HttpRequest, number: int) -> Incident:
    found = get_object_or_404(Incident.objects.select_related("policy"), pk=number)
    if not seeing.may_see(request.user, found):
        raise Http404("There is no such incident.")
    return found


@login_required
@view_permission
def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    """One snapshot, part by part, and whether its text is what was hashed."""
    row = get_object_or_404(Snapshot.objects.select_related("incident", "by", "policy"), pk=pk)
    if row.incident and not seeing.may_see(request.user, row.incident):
        raise Http404("There is no such snapshot.")
    if "raw" in request.GET:
        answer = HttpResponse(row.body, content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="snapshot-{row.pk}.json"'
        return answer
    found = row.parts
    names = [*(name for name in TITLES if name in found), *(name for name in found if name not in TITLES)]
    parts = [(TITLES.get(name, name), [_line(entry) for entry in found[name]]) for name in names]
    return render(request, "checkup/snapshot.html", {"snapshot": row, "parts": parts, "at": timezone.now()})


def _line(entry: dict) -> list[tuple[str, str]]:
    """Names and values of an entry as text; what is empty is left out."""
    order = sorted(entry, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return [
        (name.replace("_", " "), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name in order
        if (value := entry[name]) not in (None, "", [], {})
    ]


@login_required
@respond_permission
@require_POST
def take(request: HttpRequest, number: int) -> HttpResponse:
    """Ask every source and freeze what is known."""
    incident, by = _incident(request, number), contact_of(request.user)
    made = snapshots.take(incident, at=timezone.now(), how=Snapshot.How.PERSON, by=by, ask=True)
    messages.success(request, f"The snapshot is taken: SHA-256 {made.digest[:12]}….")
    return redirect(incident)


@login_required
@respond_permission
@require_POST
def probe_now(request: HttpRequest, number: int) -> HttpResponse:
    """Ask every source of the incident's policy now; the answers are kept with it."""
    incident, at = _incident(request, number), timezone.now()
    asked = probing.ask(incident.policy, at=at)
    made = snapshots.keep(
        Snapshot.Kind.HEALTHCHECK, {"probes": [{**one.told(), "status": one.status} for one in asked]},
        incident=incident, policy=incident.policy, at=at, how=Snapshot.How.PERSON, by=contact_of(request.user),
    )  # fmt: skip
    messages.success(request, f"{len(asked)} probes were asked: {probing.worst(asked)}.")
    return redirect(made)


@login_required
@view_permission
def readiness_list(request: HttpRequest, policy: str) -> HttpResponse:
    """The checklist of a policy with its score; `ask` looks at the live items now."""
    found, at = get_object_or_404(Policy.objects.select_related("service"), key=policy), timezone.now()
    return _checklist(request, found, at)


def _checklist(request: HttpRequest, policy: Policy, at, *, refused: str = "", item: int = 0, note: str = "",
               status: int = 200) -> HttpResponse:  # fmt: skip
    context = {
        "policy": policy, "score": readiness.score(policy, at=at, ask="ask" in request.GET), "at": at,
        "missing": readiness.missing(policy), "refused": refused, "refused_item": item, "note": note,
        "drills": set(ReadinessItem.objects.filter(policy=policy, drills__ended_at=None, drills__isnull=False)
                      .values_list("pk", flat=True)),
    }  # fmt: skip
    return render(request, "checkup/readiness.html", context, status=status)


@login_required
@tick_permission
@require_POST
def tick(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that an item is done or not any more, or begin or end its drill."""
    item = get_object_or_404(ReadinessItem.objects.select_related("policy"), pk=pk)
    at, by, deed = timezone.now(), contact_of(request.user), request.POST.get("deed", "done")
    try:
        if deed == "begin":
            readiness.begin_drill(item, by=by, at=at)
        elif deed == "end":
            readiness.end_drill(item, by=by, at=at)
        else:
            readiness.tick(item, by=by, at=at, done=deed != "undo", note=request.POST.get("note", ""))
    except readiness.TickRefused as refusal:
        note = request.POST.get("note", "")
        return _checklist(request, item.policy, at, refused=str(refusal), item=item.pk, note=note, status=409)
    return redirect("readiness-list", item.policy.key)
