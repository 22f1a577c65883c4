"""Beside a review: what changed between its versions, its meeting for calendars, and its public version."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from markdown_it import MarkdownIt

from incidents.models import IllegalMove
from oncall.people import contact_of

from . import deeds, people, redacting, versions
from .forms import PublicForm
from .models import PostIncidentReview
from .views import review_for, view_permission

MOST_VERSIONS = 200


def html(text: str) -> SafeString:
    """Markdown as HTML; HTML in it stays text, and links lead to web addresses only."""
    return SafeString(MarkdownIt("commonmark", {"html": False}).enable(["table"]).render(text))


@login_required
@view_permission
def changes(request, number: int):
    """What changed between two versions; the latest and the one before unless others are chosen."""
    review = review_for(number, request.user)
    rows = list(review.versions.select_related("by").defer("content")[:MOST_VERSIONS])
    known = {row.number: row for row in rows}
    new = _number(request.GET.get("to"), known) or (rows[0].number if rows else 0)
    old = _number(request.GET.get("from"), known)
    if old is None:
        old = max((number for number in known if number < new), default=0)
    context = {
        "review": review, "incident": review.incident, "rows": rows, "old": known.get(old), "new": known.get(new),
        "parts": versions.changes(known.get(old), known[new]) if new in known else [], "at": timezone.now(),
    }  # fmt: skip
    return render(request, "reviews/versions.html", context)


def _number(text: str | None, known) -> int | None:
    if text == "0":
        return 0
    return int(text) if text and text.isdecimal() and int(text[:9]) in known else None


@login_required
@view_permission
def calendar(request, number: int):
    """The meeting as a file that a calendar takes."""
    review = review_for(number, request.user)
    try:
        text = people.calendar(review, url=settings.BASE_URL + review.get_absolute_url(), at=timezone.now())
    except IllegalMove as refusal:
        raise Http404(str(refusal)) from None
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="review-{review.pk}.ics"'
    return response


@login_required
@view_permission
@never_cache
def public_edit(request, number: int):
    """The public version beside what it is drafted from: write it, let anybody read it, withdraw it."""
    review, at = review_for(number, request.user), timezone.now()
    if not request.user.has_perm(deeds.PUBLISH):
        raise PermissionDenied("This needs the right publish_postincidentreview.")
    title, text = redacting.draft(review, at=at)
    begun = {"title": review.public_title or title, "text": review.public_text or text}
    form = PublicForm(request.POST if request.POST.get("do") in ("save", "show") else None, initial=begun)
    status = 200
    if request.method == "POST":
        try:
            done = _public(request, review, form, fresh=(title, text), at=at)
        except IllegalMove as refusal:
            messages.warning(request, str(refusal))
            status, done = 409, ""
        if done:
            messages.success(request, done)
            return redirect("review-public", review.pk)
        status = 422 if form.errors else status
    shown = form["text"].value() or ""
    context = {
        "review": review, "incident": review.incident, "form": form, "at": at, "draft": html(text),
        "leaks": redacting.leaks(f"{form['title'].value() or ''}\n{shown}"),
        "preview": html(shown), "url": public_url(review),
    }  # fmt: skip
    return render(request, "reviews/public_edit.html", context, status=status)


def _public(request, review: PostIncidentReview, form: PublicForm, *, fresh: tuple[str, str], at) -> str:
    """Do what was asked; what is said of it, or nothing when the form is not right."""
    do, by = request.POST.get("do"), contact_of(request.user)
    if do == "withdraw":
        redacting.withdraw(review, by=by, at=at)
        return "Withdrawn: nobody from outside reads it any more."
    if do == "draft":
        redacting.write(review, title=fresh[0], text=fresh[1])
        return "Drafted anew from the review."
    if not form.is_valid():
        return ""
    title, text = form.cleaned_data["title"], form.cleaned_data["text"]
    anyway = request.POST.get("anyway") == "yes"
    if review.public_at and not anyway and (left := redacting.leaks(f"{title}\n{text}")):
        raise redacting.ReviewRefused(f"This may not be meant for everybody: {'; '.join(left)}. Nothing was changed.")
    redacting.write(review, title=title, text=text)
    if do == "show":
        redacting.show(review, by=by, at=at, anyway=anyway)
        return "Published: anybody with the address reads it."
    return "Saved."


def public_url(review: PostIncidentReview) -> str:
    return f"{settings.BASE_URL}/postmortems/{review.public_key}/" if review.public_at else ""


def public(request, key: str):
    """What anybody may read; no account is needed."""
    review = get_object_or_404(PostIncidentReview.objects.exclude(public_key=""), public_key=key)
    if review.public_at is None:
        raise Http404("It was withdrawn.")
    context = {"title": review.public_title, "text": html(review.public_text), "at": review.public_at}
    return render(request, "reviews/public.html", context)
