"""The review editor: what happened, what the policy asks, what follows."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from incidents.models import OPEN, IllegalMove, Incident
from oncall.models import EscalationContact
from oncall.people import contact_of

from . import drafting
from .models import PostIncidentReview

PER_PAGE = 50


@login_required
@permission_required("reviews.view_postincidentreview", raise_exception=True)
def review_list(request):
    rows = PostIncidentReview.objects.select_related("incident__severity", "author")
    if (status := request.GET.get("status", "")) in PostIncidentReview.Status.values:
        rows = rows.filter(status=status)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "chosen": status, "statuses": PostIncidentReview.Status.choices}
    return render(request, "reviews/list.html", context)


@login_required
@permission_required("reviews.add_postincidentreview", raise_exception=True)
@require_POST
def begin(request, incident: int):
    """Draft the review of an incident that is over, required or not."""
    found = get_object_or_404(Incident, pk=incident)
    if found.status in OPEN:
        messages.warning(request, f"Incident #{found.pk} is still {found.get_status_display()}; resolve it first.")
        return redirect(found)
    return redirect("review", drafting.begin(found, at=timezone.now(), author=contact_of(request.user)).pk)


def _save(request, review) -> None:
    answers = {name.removeprefix("answer-"): text for name, text in request.POST.items() if name.startswith("answer-")}
    drafting.save_answers(
        review, answers, summary=request.POST.get("summary"), timeline=request.POST.get("timeline")
    )  # fmt: skip
    if title := request.POST.get("action_title", "").strip():
        owner = EscalationContact.objects.filter(pk=request.POST.get("action_owner") or 0).first()
        due = request.POST.get("action_due") or ""
        due_on = parse_date(due) if due else None
        if due and due_on is None:
            raise drafting.ReviewRefused(f"{due!r} is no date; write it as 2026-12-31.")
        review.actions.create(title=title[:250], owner=owner, due_on=due_on)


@login_required
@permission_required("reviews.view_postincidentreview", raise_exception=True)
def review(request, number: int):
    """Read it; write on it while it is a draft; submit, approve or send it back."""
    related = ("incident__severity", "incident__policy", "author", "approver")
    found = get_object_or_404(PostIncidentReview.objects.select_related(*related), pk=number)
    if request.method == "POST":
        do, at, by = request.POST.get("do", "save"), timezone.now(), contact_of(request.user)
        needed = "approve_postincidentreview" if do in ("approve", "send-back") else "change_postincidentreview"
        if not request.user.has_perm(f"reviews.{needed}"):
            raise PermissionDenied(f"This needs the right {needed}.")
        try:
            if do in ("save", "submit"):
                _save(request, found)
            if do == "submit":
                drafting.submit(found, by=by, at=at)
            elif do == "approve":
                drafting.approve(found, by=by, at=at)
            elif do == "send-back":
                drafting.send_back(found, by=by, at=at, reason=request.POST.get("reason", ""))
            messages.success(
                request, {"save": "Saved.", "submit": "Submitted.", "approve": "Approved."}.get(do, "Sent back.")
            )
        except IllegalMove as refusal:
            messages.warning(request, str(refusal))
        return redirect("review", found.pk)
    context = {
        "review": found,
        "incident": found.incident,
        "answers": found.answers.order_by("position"),
        "actions": found.actions.select_related("owner"),
        "people": EscalationContact.objects.filter(kind="person", active=True),
        "is_draft": found.status == PostIncidentReview.Status.DRAFT,
        "may_write": request.user.has_perm("reviews.change_postincidentreview"),
        "may_approve": request.user.has_perm("reviews.approve_postincidentreview"),
        "at": timezone.now(),
    }
    return render(request, "reviews/review.html", context)
