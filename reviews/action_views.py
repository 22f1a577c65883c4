"""The pages of action items: which there are, who has them, what is overdue; and of one all that was done with it."""

import csv
from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, F, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from incidents import seeing
from incidents.models import IllegalMove
from oncall.models import EscalationContact
from oncall.people import contact_of

from . import action_tickets, actions
from .action_forms import ActionForm, TicketForm, WatchForm
from .action_models import ActionItem

PER_PAGE, MOST_ROWS, ENTRIES = 50, 10_000, 100
SHOWS = {
    "open": "Open", "overdue": "Overdue", "mine": "Mine, open", "verify": "Done, to be verified",
    "back": "Came back", "verified": "Verified", "dropped": "Dropped", "all": "All",
}  # fmt: skip
NEEDS = {
    "done": "work_actionitem", "reopen": "work_actionitem", "comment": "work_actionitem", "verify": "verify_actionitem",
    "drop": "verify_actionitem", "ticket": "work_actionitem", "link": "work_actionitem", "again": "work_actionitem",
    "read": "work_actionitem",
}  # fmt: skip
SAID = {
    "done": "Done.", "reopen": "Open again.", "verify": "Verified.", "drop": "Dropped.", "comment": "Noted.",
    "ticket": "The ticket is on its way to the tracker.", "link": "Linked.", "again": "It is tried again.",
    "read": "The tracker was asked.",
}  # fmt: skip
view_permission = permission_required("reviews.view_postincidentreview", raise_exception=True)
work_permission = permission_required("reviews.work_actionitem", raise_exception=True)


def _rows(user):
    """The items that `user` may see."""
    hidden = seeing.hidden(user)
    rows = ActionItem.objects.exclude(incident__in=hidden) if hidden else ActionItem.objects.all()
    return rows.select_related("owner", "incident__severity", "review", "ticket")


def _today(user) -> date:
    return timezone.now().astimezone(actions.zone(getattr(user, "contact", None))).date()


@login_required
@view_permission
def action_list(request):
    """Items by what is asked for, the longest overdue first; as a page or as CSV."""
    today, at = _today(request.user), timezone.now()
    show = request.GET.get("show") if request.GET.get("show") in SHOWS else "open"
    rows = _shown(_rows(request.user), show, request.user, today)
    chosen = {name: request.GET.get(name, "").strip() for name in ("category", "owner", "incident", "q")}
    if chosen["category"] in ActionItem.Category.values:
        rows = rows.filter(category=chosen["category"])
    if chosen["owner"].isdecimal():
        rows = rows.filter(owner=int(chosen["owner"][:18]))
    if chosen["incident"].isdecimal():
        rows = rows.filter(incident=int(chosen["incident"][:18]))
    if chosen["q"]:
        rows = rows.filter(Q(title__icontains=chosen["q"]) | Q(service__name__icontains=chosen["q"]))
    rows = rows.order_by(F("due_on").asc(nulls_last=True), "priority", "pk")
    if request.GET.get("as") == "csv":
        return _csv(rows[:MOST_ROWS], today)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    for item in page.object_list:
        item.overdue = item.is_overdue(today)
    figures = _rows(request.user).aggregate(
        open=Count("pk", filter=Q(state="open")), overdue=Count("pk", filter=Q(state="open", due_on__lt=today)),
        verify=Count("pk", filter=Q(state="done")), back=Count("pk", filter=Q(state="open", reopened__gt=0)),
    )  # fmt: skip
    owners = EscalationContact.objects.filter(action_items__isnull=False).distinct().order_by("name")
    context = {
        "page": page, "at": at, "show": show, "shows": SHOWS.items(), "chosen": chosen, "figures": figures,
        "categories": ActionItem.Category.choices, "owners": owners, "today": today,
        "works": request.user.has_perm("reviews.work_actionitem"),
    }  # fmt: skip
    return render(request, "reviews/actions.html", context)


def _shown(rows, show: str, user, today: date):
    if show == "open":
        return rows.open()
    if show == "overdue":
        return rows.overdue(today)
    if show == "mine":
        return rows.open().filter(owner__user=user)
    if show == "back":
        return rows.open().filter(reopened__gt=0)
    state = {"verify": "done", "verified": "verified", "dropped": "dropped"}.get(show)
    return rows.filter(state=state) if state else rows


def _csv(rows, today: date) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="action-items.csv"'
    write = csv.writer(response)
    write.writerow(["number", "title", "state", "overdue", "category", "priority", "owner", "due", "incident",
                    "ticket", "times reopened"])  # fmt: skip
    for item in rows:
        ticket = getattr(item, "ticket", None)
        write.writerow([
            item.pk, _plain(item.title), item.state, "yes" if item.is_overdue(today) else "no", item.category,
            item.get_priority_display(), _plain(str(item.owner or "")), item.due_on or "", item.incident_id or "",
            _plain(ticket.key if ticket else ""), item.reopened,
        ])  # fmt: skip
    return response


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _get(request, number: int) -> ActionItem:
    related = ("incident__policy", "incident__service", "review__author", "service", "run__runbook__policy", "done_by",
               "verified_by", "ticket__plan__policy")  # fmt: skip
    return get_object_or_404(_rows(request.user).select_related(*related), pk=number)


@login_required
@work_permission
@never_cache
def action_new(request):
    """Add an item to an incident, whether it has a review already or not."""
    number = request.GET.get("incident", "")
    incidents = seeing.visible(request.user).select_related("severity", "policy", "service")
    incident = get_object_or_404(incidents, pk=int(number[:18]) if number.isdecimal() else 0)
    form = ActionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            item = actions.add(incident=incident, by=contact_of(request.user), at=timezone.now(), **form.cleaned_data)
        except IllegalMove as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Added.")
            return redirect(item)
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "reviews/action_new.html", {"incident": incident, "form": form}, status=status)


@login_required
@view_permission
@never_cache
def action(request, number: int):
    """One item: its facts, what was done with it, its ticket, and what would show that it did not work."""
    item = _get(request, number)
    if request.method != "POST":
        return _page(request, item)
    if not request.user.has_perm("reviews.work_actionitem"):
        raise PermissionDenied("This needs the right work_actionitem.")
    kind: type[ActionForm] | type[WatchForm] = WatchForm if request.POST.get("form") == "watch" else ActionForm
    form = kind(request.POST)
    if not form.is_valid():
        return _page(request, item, form=form, status=422)
    try:
        told = actions.edit(item, by=contact_of(request.user), at=timezone.now(), **form.cleaned_data)
    except IllegalMove as refusal:
        form.add_error(None, str(refusal))
        return _page(request, item, form=form, status=409)
    messages.success(request, "Saved." if told else "Nothing was changed.")
    return redirect(item)


def _page(request, item: ActionItem, *, form=None, ticket_form=None, status: int = 200):
    names = {name: getattr(item, name) for name in (*ActionForm.base_fields, *WatchForm.base_fields)}
    works = request.user.has_perm("reviews.work_actionitem")
    ticket = getattr(item, "ticket", None)
    plans = action_tickets.plans_for(item) if works and ticket is None else []
    seen = {entry.incident_id for entry in item.entries.all()} - seeing.hidden(request.user) - {None}
    context = {
        "item": item, "incident": item.incident, "ticket": ticket, "plans": plans, "works": works,
        "verifies": request.user.has_perm("reviews.verify_actionitem"),
        "entries": item.entries.select_related("by").order_by("-pk")[:ENTRIES], "seen": seen,
        "form": form if isinstance(form, ActionForm) else ActionForm(initial=names),
        "watch": form if isinstance(form, WatchForm) else WatchForm(initial=names),
        "ticket_form": ticket_form or TicketForm(plans=plans),
        "overdue": item.is_overdue(actions.today(item, at=timezone.now())), "at": timezone.now(),
    }  # fmt: skip
    return render(request, "reviews/action.html", context, status=status)


@login_required
@view_permission
@require_POST
def action_do(request, number: int, deed: str):
    """Done, verified, dropped, open again, a comment; or something about its ticket."""
    item = _get(request, number)
    if deed not in NEEDS:
        raise Http404(f"There is nothing called {deed!r} to do with an action item.")
    if not request.user.has_perm(f"reviews.{NEEDS[deed]}"):
        raise PermissionDenied(f"This needs the right {NEEDS[deed]}.")
    by, at, why = contact_of(request.user), timezone.now(), request.POST.get("why", "")
    try:
        if deed == "comment":
            actions.comment(item, why, by=by, at=at)
        elif deed in ("done", "verify", "reopen", "drop"):
            getattr(actions, deed)(item, by=by, at=at, why=why)
        elif deed == "link":
            form = TicketForm(request.POST, plans=action_tickets.plans_for(item))
            if not form.is_valid():
                return _page(request, item, ticket_form=form, status=422)
            plan = form.plans.get(form.cleaned_data["plan"])
            action_tickets.link(item, form.cleaned_data["key"], form.cleaned_data["url"], plan=plan, by=by, at=at)
        else:
            action_tickets.do(item, deed, request.POST.get("plan", ""), by=by, at=at)
    except IllegalMove as refusal:
        messages.warning(request, str(refusal))
        return _page(request, _get(request, number), status=409)
    messages.success(request, SAID[deed])
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, None) else item)
