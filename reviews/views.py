"""The review editor: what happened, what the policy asks, what follows; and the list of reviews."""

import csv

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from incidents import seeing
from incidents.models import IllegalMove
from oncall.people import contact_of
from opscenter.admin import CappedPaginator

from . import actions, deeds, drafting, exports, gate, people, proposing
from .action_forms import ActionItemForm
from .forms import MeetingForm, PeopleForm, ReviewForm
from .models import JoinedIncident, PostIncidentReview, Reviewer
from .seen import rows_for

PER_PAGE, MOST_ROWS = 50, 10_000
STALE = (
    "Somebody else has saved this draft since you opened it. Your text is still below and not saved: compare it with \
theirs (open this review in another tab), then save again to keep yours."
)
SHOWS = {"due": "Due", "overdue": "Overdue", "mine": "Mine", "asked": "I am asked"}
ADD = "reviews.add_postincidentreview"
REASONED = {"send-back": PostIncidentReview.Status.SUBMITTED, "skip": PostIncidentReview.Status.DRAFT}
"""Deeds that ask for a reason, and the status in which the page has a form for it."""
view_permission = permission_required("reviews.view_postincidentreview", raise_exception=True)
Status = PostIncidentReview.Status


@login_required
@view_permission
def review_list(request):
    """Newest first; by status, or those that are due, overdue, mine, or wait for me."""
    at = timezone.now()
    joined = (
        JoinedIncident.objects.filter(review=OuterRef("pk")).order_by().values("review")
    )  # for the rows shown alone
    rows = (
        rows_for(request.user)
        .select_related("incident__severity", "author")
        .annotate(more=Coalesce(Subquery(joined.annotate(n=Count("pk")).values("n")), 0))
        .order_by("-created_at", "-pk")
    )
    status, show = request.GET.get("status", ""), request.GET.get("show", "")
    if status in Status.values:
        rows = rows.filter(status=status)
    if show == "due":
        rows = rows.owed().filter(due_at__isnull=False).order_by("due_at", "pk")
    elif show == "overdue":
        rows = rows.overdue(at)
    elif show == "mine":
        rows = rows.owed().filter(author__user=request.user).order_by("due_at", "pk")
    elif show == "asked":
        mine = Reviewer.objects.filter(contact__user=request.user).exclude(verdict=Reviewer.Verdict.APPROVED)
        rows = rows.filter(status=Status.SUBMITTED, pk__in=mine.values("review"))
    page = CappedPaginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page, "chosen": status, "show": show, "shows": SHOWS, "statuses": Status.choices, "at": at,
        "overdue": rows_for(request.user).overdue(at).count(),
    }  # fmt: skip
    return render(request, "reviews/list.html", context)


@login_required
@view_permission
def violations(request):
    """The reviews whose deadline was missed, the latest first; as a page or as CSV."""
    at = timezone.now()
    related = ("incident__severity", "incident__policy", "author", "approver")
    rows = rows_for(request.user).violations(at).select_related(*related)
    if request.GET.get("as") == "csv":
        return _csv(rows[:MOST_ROWS], at)
    page = CappedPaginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    for review in page.object_list:
        review.late_by = (review.approved_at or at) - review.due_at
    return render(request, "reviews/violations.html", {"page": page, "at": at})


def _csv(rows, at) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="late-reviews.csv"'
    write = csv.writer(response)
    write.writerow(["review", "incident", "level", "policy", "state", "author", "due", "approved", "hours late"])
    for review in rows:
        late = (review.approved_at or at) - review.due_at
        write.writerow([
            review.pk, review.incident_id, review.incident.severity.key, review.incident.policy.key, review.status,
            _plain(str(review.author or "")), review.due_at.isoformat(),
            review.approved_at.isoformat() if review.approved_at else "", round(late.total_seconds() / 3600, 1),
        ])  # fmt: skip
    return response


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@login_required
@permission_required(ADD, raise_exception=True)
@require_POST
def begin(request, incident: int):
    """Draft the review of an incident that is over, required or not."""
    found = get_object_or_404(seeing.visible(request.user), pk=incident)
    if found.is_open:
        messages.warning(request, f"Incident #{found.pk} is still {found.get_status_display()}; resolve it first.")
        return redirect(found)
    try:
        begun = drafting.begin(found, at=timezone.now(), author=contact_of(request.user))
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
        return redirect(PostIncidentReview.of(found) or found)
    if begun.status == Status.SKIPPED:
        why = begun.skip_reason.rstrip(".")
        messages.warning(request, f"Its review was left out: {why}. It can be written after all.")
    return redirect(begun)


@login_required
@never_cache
def plan(request, incident: int):
    """Before or after an incident is over: set the date of its review, or leave the review out with a reason.

    Who may only approve reviews can leave it out and no more.
    """
    may_write, skips = request.user.has_perm(ADD), request.POST.get("do") == "skip"
    if not may_write and not (request.user.has_perm(deeds.APPROVE) and (skips or request.method != "POST")):
        raise PermissionDenied("This needs the right add_postincidentreview.")
    rows = seeing.visible(request.user).select_related("policy", "severity", "acknowledged_by")
    found = get_object_or_404(rows, pk=incident)
    review, at = PostIncidentReview.of(found), timezone.now()
    form = MeetingForm(None if skips else request.POST or None, initial=_meeting(review))
    if request.method == "POST":
        by = contact_of(request.user)
        try:
            if skips:
                with transaction.atomic():
                    review = drafting.of(found, at=at, by=by)
                    reason = request.POST.get("reason", "")
                    deeds.skip(review, request.user, by=by, at=at, reason=reason)
                messages.success(request, deeds.DEEDS["skip"].done)
                return redirect(found)
            if form.is_valid():
                data = form.cleaned_data
                if data["meeting_at"] is None:
                    form.add_error("meeting_at", "Choose a date.")
                else:
                    with transaction.atomic():
                        review = drafting.of(found, at=at, by=by)
                        people.meet(review, data["meeting_at"], place=data["meeting_place"], by=by, at=at)
                    messages.success(request, deeds.DEEDS["meeting"].done)
                    return redirect(found)
        except IllegalMove as refusal:
            messages.warning(request, str(refusal))
    status = 409 if request.method == "POST" and not form.errors else 422 if form.errors else 200
    context = {
        "incident": found, "review": review, "form": form, "at": at, "demanded": gate.plan_for(found) is not None,
        "reason": request.POST.get("reason", ""), "may_write": may_write,
    }  # fmt: skip
    return render(request, "reviews/plan.html", context, status=status)


def review_for(number: int, user) -> PostIncidentReview:
    related = ("incident__severity", "incident__policy", "incident__service", "author", "approver", "skipped_by")
    return get_object_or_404(rows_for(user).select_related(*related), pk=number)


@login_required
@view_permission
@never_cache
def review(request, number: int):
    """Read it; write on it while it is a draft; and all that people do with it (`deeds.DEEDS`)."""
    found = review_for(number, request.user)
    if request.method != "POST":
        return _page(request, found)
    do = request.POST.get("do", "save")
    do = do if do in deeds.DEEDS else "save"
    deed = deeds.DEEDS[do]
    if not deed.may(request.user):
        raise PermissionDenied(deed.needs)
    writes = do in ("save", "submit")
    form = _form(found, request.POST) if writes else None
    item = ActionItemForm(request.POST) if writes else None
    if form and item and not (form.is_valid() and item.is_valid()):
        messages.warning(request, "Nothing was saved: see what is missing below.")
        return _page(request, found, form=form, item=item, status=422)
    if form and form.is_stale and found.status == Status.DRAFT:
        messages.warning(request, STALE)
        return _page(request, found, form=form.again(), item=item, status=409)
    at, by = timezone.now(), contact_of(request.user)
    try:
        if form and item:
            _save(found, form, item, by=by, at=at)
        said = deed.act(request, found, by=by, at=at)
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
        found = review_for(number, request.user)
        # a draft was saved before it was refused; what was written on a review that is none any more can be copied
        saved = found.status == Status.DRAFT
        reasons = {do: request.POST.get("reason", "")}
        return _page(
            request, found, form=None if saved else form, item=None if saved else item, status=409, reasons=reasons
        )
    messages.success(request, said or deed.done)
    return redirect(found)


def _form(found: PostIncidentReview, data=None) -> ReviewForm:
    answers = list(found.answers.order_by("position"))
    wanted = found.status == Status.DRAFT and any(answer.kind == "threshold" for answer in answers)
    return ReviewForm(data, review=found, answers=answers, settings=proposing.settings(found) if wanted else ())


@transaction.atomic
def _save(found: PostIncidentReview, form: ReviewForm, item: ActionItemForm, *, by, at) -> None:
    texts = form.cleaned_data
    drafting.save_answers(found, form.answers, summary=texts["summary"], timeline=texts["timeline"], by=by, at=at)
    if item.facts:
        actions.add(review=found, by=by, at=at, **item.facts)


def _meeting(found: PostIncidentReview | None) -> dict:
    if found is None:
        return {}
    return {"meeting_at": deeds.moment_of(found.meeting_at), "meeting_place": found.meeting_place}


def _page(request, found: PostIncidentReview, *, form=None, item=None, status: int = 200, reasons=None):
    """The page; `reasons` are the words that came with a refused deed, by its name: they are not to be typed twice."""
    reasons = reasons or {}
    user = request.user
    may_write = user.has_perm(deeds.CHANGE)
    draft = found.status == Status.DRAFT
    remarks = list(found.comments.select_related("by", "settled_by", "answer"))
    reviewers = list(found.reviewers.select_related("contact"))
    shown = form or _form(found)
    for answer in shown.rows:
        answer.remarks = [remark for remark in remarks if remark.answer_id == answer.pk]
    me = getattr(user, "contact", None)
    context = {
        "review": found,
        "incident": found.incident,
        "incidents": found.incidents,
        "answers": shown.rows,
        "actions": found.actions.select_related("owner"),
        "may_write": may_write,
        "writes": may_write and (form is not None or draft),
        "may_approve": user.has_perm(deeds.APPROVE),
        "may_skip": deeds.DEEDS["skip"].may(user),
        "skip_reason": reasons.get("skip", ""),
        "send_back_reason": reasons.get("send-back", ""),
        "kept_reason": next(
            (said for do, said in reasons.items() if do in REASONED and REASONED[do] != found.status), ""
        ),
        "may_publish": user.has_perm(deeds.PUBLISH),
        "may_say": user.has_perm(deeds.SAY),
        "form": shown,
        "item": item or ActionItemForm(),
        "meeting": MeetingForm(initial=_meeting(found)),
        "people": PeopleForm(initial={"author": found.author, "reviewers": [row.contact_id for row in reviewers]}),
        "reviewers": reviewers,
        "asked": any(me and row.contact_id == me.pk for row in reviewers),
        "remarks": [remark for remark in remarks if remark.answer_id is None],
        "lacking": drafting.lacking(found) if draft else [],
        "demanded": gate.plan_for(found.incident) is not None,
        "versions": found.versions.count(),
        "exports": exports.links(found, user),
        "at": timezone.now(),
    }
    return render(request, "reviews/review.html", context, status=status)
