"""Shift reviews as pages: the list with what was missed, and the one that the people on shift go through and sign."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from oncall.people import contact_of

from . import capturing, muted, showing, signing
from .models import ShiftPlan, ShiftReview
from .typed import Typed

PER_PAGE = 50
view_permission = permission_required("shifts.view_shiftreview", raise_exception=True)
sign_permission = permission_required("shifts.sign_shiftreview", raise_exception=True)
MAY_SIGN = "shifts.sign_shiftreview"
SHOWS = {"": "All", **{value: label.capitalize() for value, label in ShiftReview.State.choices}}


@login_required
@view_permission
def review_list(request: HttpRequest) -> HttpResponse:
    """The latest first; those missed counted, and each a link away."""
    at, show, policy = timezone.now(), request.GET.get("show", ""), request.GET.get("policy", "")
    rows = ShiftReview.objects.select_related("plan__policy", "schedule", "signed_by").prefetch_related("people")
    plans = list(ShiftPlan.objects.select_related("policy", "schedule"))
    if policy:
        rows = rows.filter(plan__policy__key=policy)
    counts = ShiftReview.objects.aggregate(
        **{name: Count("pk", filter=Q(state=name)) for name in ShiftReview.State.values}
    )
    rows = rows.filter(state=show) if show in ShiftReview.State.values else rows
    context = {
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")), "at": at, "show": show,
        "shows": SHOWS.items(), "policy": policy, "plans": plans, "counts": counts,
    }  # fmt: skip
    return render(request, "shifts/list.html", context)


@login_required
@view_permission
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """One review. Posted, its notes and ticks are kept; with the deed `sign` it is signed as well."""
    found = get_object_or_404(ShiftReview.objects.select_related("plan__policy", "schedule", "signed_by"), pk=pk)
    if request.method == "POST":
        return _write(request, found)
    return _page(request, found)


@sign_permission
def _write(request: HttpRequest, found: ShiftReview) -> HttpResponse:
    at, by, said = timezone.now(), contact_of(request.user), request.POST
    typed = Typed.of({name: str(text) for name, text in said.items()})
    try:
        signing.write(found, typed, by=by, at=at)
        if said.get("deed") == "sign":
            signing.sign(found, by=by, user=request.user, at=at, instead=said.get("instead", ""))
            messages.success(request, "The shift review is signed.")
        else:
            messages.success(request, "What you wrote is kept.")
    except signing.SignRefused as refusal:
        found.refresh_from_db()
        return _page(request, found, refused=refusal.sentences, typed=typed, status=409)
    return redirect(found)


@login_required
@sign_permission
@require_POST
def look_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Read all figures of an open review anew."""
    found = get_object_or_404(ShiftReview.objects.select_related("plan__policy"), pk=pk)
    if found.state != ShiftReview.State.OPEN:
        messages.warning(request, f"This review is {found.get_state_display()}; its figures stay as they were.")
    else:
        capturing.capture(found, at=timezone.now())
        messages.success(request, "The figures were read again.")
    return redirect(found)


def _page(
    request: HttpRequest, found: ShiftReview, *, refused: list[str] | None = None, typed: Typed | None = None,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    """The page; with what was `typed` where it was refused, to send again or, when that is too late, to copy."""
    at, typed, said = timezone.now(), typed or Typed(), request.POST
    instead = said.get("instead", "")
    open_now = found.state == ShiftReview.State.OPEN
    off = muted.now(found.plan.policy) if open_now else []
    may = open_now and request.user.has_perm(MAY_SIGN)
    context: dict[str, Any] = {
        "review": found, "at": at, "values": showing.values(found, typed),
        "checks": showing.checks(found, off, typed), "people": list(found.people.all()), "may": may,
        "refused": refused or [], "deed": said.get("deed", ""), "instead": instead, "whole": signing.WHOLE,
        "note": typed.shown(signing.field_of(), found.note), "longest": signing.LONGEST_REASON,
        "lost": [] if open_now else signing.unkept(found, typed, instead),
        "theirs": may and signing.on_shift(found, contact_of(request.user), at=at),
        "zone": showing.zone_of(found),
    }  # fmt: skip
    return render(request, "shifts/review.html", context, status=status)
