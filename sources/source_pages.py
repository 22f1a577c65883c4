"""Sources for people: what receives and what is silent, and what senders forget to tell."""

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from . import overview, privacy, quality
from .overview import Life

SHOWS = {"all": "All", **{str(life): str(life).capitalize() for life in Life}}
see = permission_required("sources.view_event", raise_exception=True)


@login_required
@see
def source_list(request: HttpRequest) -> HttpResponse:
    """Every door, connection and heartbeat, those in trouble first."""
    at = timezone.now()
    show, text = request.GET.get("show", "all"), request.GET.get("q", "").strip().lower()
    show = show if show in SHOWS else "all"
    found = overview.places(at=at)
    counts = {life: sum(place.life == life for place in found) for life in Life}
    if show != "all":
        found = [place for place in found if place.life == show]
    if text:
        found = [place for place in found if text in f"{place.name} {place.kind} {place.layer} {place.policy}".lower()]
    context = {
        "places": found, "counts": [(life, count) for life, count in counts.items() if count], "show": show,
        "shows": SHOWS.items(), "q": text, "at": at,
    }  # fmt: skip
    return render(request, "sources/list.html", context)


@login_required
@see
def data_quality(request: HttpRequest) -> HttpResponse:
    """What required context is missing, counted over a week, with the newest events that lack any."""
    at = timezone.now()
    since, whole = at - quality.WEEK, request.user.has_perm(privacy.SEE)
    context = {
        "streams": quality.streams(since=since), "examples": quality.examples(since=since, whole=whole),
        "whole": whole, "at": at,
    }  # fmt: skip
    return render(request, "sources/quality.html", context)
