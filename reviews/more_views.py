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
DRAFTED = "This is drafted anew from the review, and not saved: read it, then save it. Until then nothing has changed."


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
    """The public version beside what it is drafted from: write it, let anybody read it, withdraw it.

    Drafting it anew stores nothing: the fresh draft stands in the form, to be read and saved.
    """
    review, at = review_for(number, request.user), timezone.now()
    if not request.user.has_perm(deeds.PUBLISH):
        raise PermissionDenied("This needs the right publish_postincidentreview.")
    title, text = redacting.draft(review, at=at)
    do = request.POST.get("do")
    begun = {"title": review.public_title or title, "text": review.public_text or text}
    if do == "draft":
        begun = {"title": title, "text": text}
        messages.info(request, DRAFTED)
    form = PublicForm(request.POST if do in ("save", "show") else None, initial=begun)
    status = 200
    if request.method == "POST" and do != "draft":
        try:
            done = _public(request, review, form, do=do, at=at)
        except IllegalMove as refusal:
            messages.warning(request, str(refusal))
            status, done = 409, ""
            review.refresh_from_db()
        if done:
            messages.success(request, done)
            return redirect("review-public", review.pk)
        status = 422 if form.errors else status
    shown = form["text"].value() or ""
    context = {
        "review": review, "incident": review.incident, "form": form, "at": at, "draft": html(text),
        "leaks": redacting.leaks(f"{form['title'].value() or ''}\n{shown}"),
        "preview": html(shown), "url": public_url(review), "private": review.is_private,
        "stored": (form["title"].value(), shown) == (review.public_title, review.public_text),
    }  # fmt: skip
    return render(request, "reviews/public_edit.html", context, status=status)


def _public(request, review: PostIncidentReview, form: PublicForm, *, do: str | None, at) -> str:
    """Do what was asked; what is said of it, or nothing when the form is not right."""
    by = contact_of(request.user)
    if do == "withdraw":
        redacting.withdraw(review, by=by, at=at)
        return "Withdrawn: nobody from outside reads it any more."
    if not form.is_valid():
        return ""
    anyway = request.POST.get("anyway") == "yes"
    redacting.write(review, title=form.cleaned_data["title"], text=form.cleaned_data["text"], anyway=anyway)
    if do == "show":
        redacting.show(review, by=by, at=at, anyway=anyway)
        return "Published: anybody with the address reads it."
    return "Saved."


def public_url(review: PostIncidentReview) -> str:
    """The address at which anybody reads it; empty while nobody from outside does."""
    shown = PostIncidentReview.objects.public().filter(pk=review.pk).exists()
    return f"{settings.BASE_URL}/postmortems/{review.public_key}/" if shown else ""


@never_cache
def public(request, key: str):
    """What anybody may read; no account is needed. Withdrawn or private since, it is as if it had never been there."""
    review = get_object_or_404(PostIncidentReview.objects.public(), public_key=key)
    context = {"title": review.public_title, "text": html(review.public_text), "at": review.public_at}
    return render(request, "reviews/public.html", context)
