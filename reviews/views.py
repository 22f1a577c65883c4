"""The review editor: what happened, what the policy asks, what follows."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from incidents import seeing
from incidents.models import OPEN, IllegalMove
from oncall.people import contact_of

from . import drafting
from .forms import ActionItemForm, ReviewForm
from .models import PostIncidentReview

PER_PAGE = 50
DONE = {"save": "Saved.", "submit": "Submitted.", "approve": "Approved.", "send-back": "Sent back to draft."}
NEEDS = {
    "save": "change_postincidentreview",
    "submit": "change_postincidentreview",
    "approve": "approve_postincidentreview",
    "send-back": "approve_postincidentreview",
    "item": "change_postincidentreview",
}
STALE = (
    "Somebody else has saved this draft since you opened it. Your text is still below and not saved: compare it with \
theirs (open this review in another tab), then save again to keep yours."
)
view_permission = permission_required("reviews.view_postincidentreview", raise_exception=True)


@login_required
@view_permission
def review_list(request):
    """Newest first; filter by status."""
    rows = PostIncidentReview.objects.exclude(incident__in=seeing.hidden(request.user))
    rows = rows.select_related("incident__severity", "author")
    if (status := request.GET.get("status", "")) in PostIncidentReview.Status.values:
        rows = rows.filter(status=status)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "chosen": status, "statuses": PostIncidentReview.Status.choices, "at": timezone.now()}
    return render(request, "reviews/list.html", context)


@login_required
@permission_required("reviews.add_postincidentreview", raise_exception=True)
@require_POST
def begin(request, incident: int):
    """Draft the review of an incident that is over, required or not."""
    found = get_object_or_404(seeing.visible(request.user), pk=incident)
    if found.status in OPEN:
        messages.warning(request, f"Incident #{found.pk} is still {found.get_status_display()}; resolve it first.")
        return redirect(found)
    return redirect("review", drafting.begin(found, at=timezone.now(), author=contact_of(request.user)).pk)


def _get(number: int, user) -> PostIncidentReview:
    related = ("incident__severity", "incident__policy", "author", "approver")
    rows = PostIncidentReview.objects.exclude(incident__in=seeing.hidden(user))
    return get_object_or_404(rows.select_related(*related), pk=number)


@login_required
@view_permission
@never_cache
def review(request, number: int):
    """Read it; write on it while it is a draft; submit, approve or send it back."""
    found = _get(number, request.user)
    if request.method != "POST":
        return _page(request, found)
    do = request.POST.get("do", "save")
    if do not in NEEDS:
        do = "save"
    if not request.user.has_perm(f"reviews.{NEEDS[do]}"):
        raise PermissionDenied(f"This needs the right {NEEDS[do]}.")
    writes = do in ("save", "submit")
    form = ReviewForm(request.POST, review=found, answers=found.answers.order_by("position")) if writes else None
    item = ActionItemForm(request.POST) if writes else None
    if form and item and not (form.is_valid() and item.is_valid()):
        messages.warning(request, "Nothing was saved: see what is missing below.")
        return _page(request, found, form=form, item=item, status=422)
    if form and form.is_stale and found.status == PostIncidentReview.Status.DRAFT:
        messages.warning(request, STALE)
        return _page(request, found, form=form.again(), item=item, status=409)
    try:
        _do(do, request, found, form, item)
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
        found = _get(number, request.user)
        # a draft was saved before it was refused; what was written on a review that is none any more can be copied
        saved = found.status == PostIncidentReview.Status.DRAFT
        return _page(request, found, form=None if saved else form, item=None if saved else item, status=409)
    if do in DONE:
        messages.success(request, DONE[do])
    return redirect("review", found.pk)


def _do(do: str, request, found: PostIncidentReview, form: ReviewForm | None, item: ActionItemForm | None) -> None:
    at, by = timezone.now(), contact_of(request.user)
    if form and item:
        with transaction.atomic():
            texts = form.cleaned_data
            drafting.save_answers(found, form.answers, summary=texts["summary"], timeline=texts["timeline"])
            if title := item.cleaned_data["action_title"]:
                owner, due = item.cleaned_data["action_owner"], item.cleaned_data["action_due"]
                found.actions.create(title=title, owner=owner, due_on=due)
    if do == "submit":
        drafting.submit(found, by=by, at=at)
    elif do == "approve":
        drafting.approve(found, by=by, at=at)
    elif do == "send-back":
        drafting.send_back(found, by=by, at=at, reason=request.POST.get("reason", ""))
    elif do == "item":
        task = get_object_or_404(found.actions, pk=request.POST.get("item") or 0)
        task.done_at = None if task.done_at else at
        task.save(update_fields=["done_at"])


def _page(request, found: PostIncidentReview, *, form=None, item=None, status: int = 200):
    answers = list(found.answers.order_by("position"))
    may_write = request.user.has_perm("reviews.change_postincidentreview")
    context = {
        "review": found,
        "incident": found.incident,
        "answers": answers,
        "actions": found.actions.select_related("owner"),
        "may_write": may_write,
        "writes": may_write and (form is not None or found.status == PostIncidentReview.Status.DRAFT),
        "may_approve": request.user.has_perm("reviews.approve_postincidentreview"),
        "form": form or ReviewForm(review=found, answers=answers),
        "item": item or ActionItemForm(),
        "at": timezone.now(),
    }
    return render(request, "reviews/review.html", context, status=status)
