"""Heartbeats for people: all of them, one with its pings and how long its runs took, and badges for anybody."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from .heartbeats import badges, chart, managing
from .heartbeats.standing import Standing, stand
from .models import Heartbeat


class Mark(Protocol):
    """A word that a rule puts on a job, such as stale, since when it does (None: it does not), and the rule."""

    @property
    def word(self) -> str: ...
    @property
    def since(self) -> datetime | None: ...
    @property
    def rule(self) -> object: ...


MARKS: list[Callable[[Heartbeat], Sequence[Mark]]] = []
"""What rules say of a heartbeat; rooms above register theirs."""
PER_PAGE, PINGS, CHARTED, COMING = 100, 50, 60, 5
SHOWS = {"all": "All", "trouble": "Down or late", **{str(word): str(word).capitalize() for word in Standing}}
see = permission_required("sources.view_heartbeat", raise_exception=True)
act = permission_required("sources.change_heartbeat", raise_exception=True)


@login_required
@see
def heartbeat_list(request: HttpRequest) -> HttpResponse:
    """All heartbeats, those in trouble first."""
    at = timezone.now()
    show, text = request.GET.get("show", "all"), request.GET.get("q", "").strip()
    show = show if show in SHOWS else "all"
    rows = Heartbeat.objects.all()
    if text:
        rows = rows.filter(name__icontains=text)
    stands = sorted((stand(row, at=at) for row in rows), key=lambda one: one.order)
    if show == "trouble":
        stands = [one for one in stands if one.standing in (Standing.DOWN, Standing.LATE)]
    elif show != "all":
        stands = [one for one in stands if one.standing == show]
    context = {
        "page": Paginator(stands, PER_PAGE).get_page(request.GET.get("page")),
        "show": show, "shows": SHOWS.items(), "q": text, "at": at, "any": bool(stands) or text or show != "all",
    }  # fmt: skip
    return render(request, "heartbeats/list.html", context)


@login_required
@see
def heartbeat(request: HttpRequest, id: UUID) -> HttpResponse:
    """One heartbeat: how it stands, what it waits for, its last pings and how long its runs took."""
    at = timezone.now()
    row = get_object_or_404(Heartbeat.objects.select_related("integration__policy", "project"), pk=id)
    pings = list(row.pings.all()[:PINGS])
    runs = list(row.pings.filter(duration__isnull=False)[:CHARTED])
    context = {
        "heartbeat": row,
        "stand": stand(row, at=at),
        "pings": pings,
        "chart": chart.of(runs),
        "marks": [mark for tell in MARKS for mark in tell(row)],
        "coming": [f"{when:%a %-d %b %H:%M:%S}" for when in managing.coming(row, at=at, count=COMING)],
        "ping_url": settings.BASE_URL + row.path,
        "badge_url": f"{settings.BASE_URL}/badge/{row.badge}",
        "at": at,
    }
    return render(request, "heartbeats/heartbeat.html", context)


@login_required
@act
@require_POST
def pause_or_resume(request: HttpRequest, id: UUID) -> HttpResponse:
    at = timezone.now()
    row = get_object_or_404(Heartbeat, pk=id)
    if request.POST.get("do") == "resume":
        managing.resume(row, at=at)
    else:
        managing.pause(row, at=at)
    return redirect("heartbeat", id)


@never_cache
def badge(request: HttpRequest, id: UUID, form: str) -> HttpResponse:
    """How it stands, for a README or a dashboard; whoever knows the badge's address may see it."""
    row = get_object_or_404(Heartbeat, badge=id)
    word = badges.word(stand(row, at=timezone.now()).standing)
    answer: HttpResponse
    if form == "svg":
        answer = HttpResponse(badges.svg(row.name, word), content_type="image/svg+xml")
    else:
        answer = JsonResponse(badges.shields(row.name, word))
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
