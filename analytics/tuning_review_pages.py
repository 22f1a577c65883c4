"""The pages of the monthly review and of proposed changes: what there is to decide, and the decision."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from oncall.people import contact_of
from policies.models import Policy

from . import proposals, threshold_reviews, tuning
from .tuning_models import Proposal, ThresholdReview
from .tuning_pages import DECIDES, MAY, PER_PAGE

SHOWS = [("", "Every review"), ("unsigned", "Not signed"), ("odd", "Something odd"), ("signed", "Signed")]


@login_required
@permission_required(MAY, raise_exception=True)
def review_list(request: HttpRequest) -> HttpResponse:
    """The reviews of a month, what is odd and not signed first; without a month the latest."""
    show, policy, month = (request.GET.get(name, "").strip() for name in ("show", "policy", "month"))
    rows = ThresholdReview.objects.select_related("rule__policy", "rule__severity", "signed_by")
    months = list(ThresholdReview.objects.order_by("-month").values_list("month", flat=True).distinct()[:24])
    first = _month(month) or (months[0] if months else None)
    rows = rows.filter(month=first) if first else rows.none()
    if policy:
        rows = rows.filter(rule__policy__key=policy)
    counts = rows.aggregate(all=Count("pk"), open=Count("pk", filter=Q(signed_at=None)))
    if show == "unsigned":
        rows = rows.filter(signed_at=None)
    elif show == "signed":
        rows = rows.filter(signed_at__isnull=False)
    elif show == "odd":
        rows = rows.exclude(signs=[])
    rows = rows.annotate(proposed=Count("proposals"))
    order = ("-proposed", "-false_positives", "-not_actionable", "-fired", "rule__policy__name", "rule__key")
    page = Paginator(rows.order_by(*order), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page, "months": months, "month": first, "show": show, "shows": SHOWS, "policy": policy,
        "policies": Policy.objects.filter(rules__threshold_reviews__isnull=False).distinct().order_by("name"),
        "counts": counts, "at": timezone.now(), "tab": "reviews",
    }  # fmt: skip
    return render(request, "tuning/reviews.html", context)


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


def _review(pk: int) -> ThresholdReview:
    rows = ThresholdReview.objects.select_related("rule__policy", "rule__severity", "signed_by")
    return get_object_or_404(rows, pk=pk)


@login_required
@permission_required(MAY, raise_exception=True)
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """One rule's month: the evidence, what is proposed, what was decided and what came of the decision before."""
    return _review_page(request, _review(pk))


def _review_page(request: HttpRequest, found: ThresholdReview, status: int = 200) -> HttpResponse:
    last = threshold_reviews.before(found)
    after = ThresholdReview.objects.filter(rule=found.rule_id, month__gt=found.month).order_by("month").first()
    context = {
        "review": found, "rule": found.rule, "at": timezone.now(), "before": last, "after": after,
        "proposals": found.proposals.select_related("by", "decided_by", "reverted_by"),
        "decisions": ThresholdReview.Decision.choices, "signers": threshold_reviews.signers(found),
        "changed": found.condition != found.rule.condition, "decision": request.POST.get("decision", ""),
        "note": request.POST.get("note", ""), "median": found.ack_median,
    }  # fmt: skip
    return render(request, "tuning/review.html", context, status=status)


@require_POST
@login_required
@permission_required(DECIDES, raise_exception=True)
def sign(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide on the rule for this month."""
    found = _review(pk)
    try:
        threshold_reviews.sign(
            found, request.POST.get("decision", ""), by=contact_of(request.user), at=timezone.now(),
            note=request.POST.get("note", ""),
        )  # fmt: skip
    except threshold_reviews.CannotSign as refusal:
        messages.warning(request, str(refusal))
        return _review_page(request, found, 409)
    messages.success(request, f"Signed: {found.get_decision_display()}.")
    return redirect(found)


@login_required
@permission_required(MAY, raise_exception=True)
def proposal_list(request: HttpRequest) -> HttpResponse:
    """Proposed changes, those that wait for a decision first."""
    show = request.GET.get("state", "")
    rows = Proposal.objects.select_related("rule__policy", "by", "decided_by", "review", "threshold_review")
    if show in Proposal.State.values:
        rows = rows.filter(state=show)
    page = Paginator(rows.order_by("-made_at", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page, "show": show, "at": timezone.now(), "tab": "proposals",
        "shows": [("", "Every proposal"), *((value, str(label)) for value, label in Proposal.State.choices)],
    }  # fmt: skip
    return render(request, "tuning/proposals.html", context)


def _proposal(pk: int) -> Proposal:
    rows = Proposal.objects.select_related("rule__policy", "rule__severity", "by", "decided_by", "reverted_by",
                                           "review", "threshold_review")  # fmt: skip
    return get_object_or_404(rows, pk=pk)


@login_required
@permission_required(MAY, raise_exception=True)
def proposal(request: HttpRequest, pk: int) -> HttpResponse:
    """One proposed change: what it is, what it would have done, and the buttons that decide."""
    return _proposal_page(request, _proposal(pk))


def _proposal_page(request: HttpRequest, found: Proposal, status: int = 200) -> HttpResponse:
    try:
        now = Proposal(field=found.field, old=proposals.present(found.rule, found.field)).shown_old
    except proposals.BadProposal as error:
        now = str(error)
    context: dict[str, Any] = {
        "proposal": found, "rule": found.rule, "at": timezone.now(), "now": now,
        "stale": found.state == Proposal.State.OPEN and now != found.shown_old, "note": request.POST.get("note", ""),
        "since": _since(found),
    }  # fmt: skip
    return render(request, "tuning/proposal.html", context, status=status)


def _since(found: Proposal) -> tuple[tuning.Figures, tuning.Figures] | None:
    """The rule's figures for as long before it was applied as since; None while it is not."""
    if found.state != Proposal.State.APPLIED or found.decided_at is None:
        return None
    at = timezone.now()
    length = at - found.decided_at
    begins = found.decided_at - length
    return (
        tuning.figures([found.rule], since=begins, until=found.decided_at)[found.rule_id],
        tuning.figures([found.rule], since=found.decided_at, until=at)[found.rule_id],
    )


def _apply(found: Proposal, request: HttpRequest) -> str:
    by, at = contact_of(request.user), timezone.now()
    proposals.apply(found, by=by, at=at, note=request.POST.get("note", ""))
    return f"Applied: {found.field} of {found.rule} is {found.shown_new}. It is checked by it from now on."


def _refuse(found: Proposal, request: HttpRequest) -> str:
    proposals.refuse(found, by=contact_of(request.user), at=timezone.now(), note=request.POST.get("note", ""))
    return "Refused; the rule stays as it is."


def _revert(found: Proposal, request: HttpRequest) -> str:
    proposals.revert(found, by=contact_of(request.user), at=timezone.now())
    return f"Reverted: {found.field} of {found.rule} is {found.shown_old} again."


DEEDS: dict[str, Callable[[Proposal, HttpRequest], str]] = {"apply": _apply, "refuse": _refuse, "revert": _revert}


@require_POST
@login_required
@permission_required(DECIDES, raise_exception=True)
def decide(request: HttpRequest, pk: int, deed: str) -> HttpResponse:
    """Apply, refuse or revert a proposed change."""
    found = _proposal(pk)
    try:
        told = DEEDS[deed](found, request)
    except proposals.CannotApply as refusal:
        messages.warning(request, str(refusal))
        return _proposal_page(request, _proposal(pk), 409)
    messages.success(request, told)
    return redirect(found)
