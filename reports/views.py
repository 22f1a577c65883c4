"""Reports of an incident: drafts of every kind as it is now, the versions stored, downloads, and mail."""

from datetime import datetime
from difflib import unified_diff

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from incidents import seeing
from incidents.models import Incident
from oncall.models import EscalationContact, Schedule
from oncall.people import contact_of

from . import formats, html, mailing, storing, writing
from .engine import BadTemplate
from .forms import LinkForm, MailForm, TextForm
from .models import Report

PER_PAGE = 50
view_permission = permission_required("reports.view_report", raise_exception=True)
sees_incidents = permission_required("incidents.view_incident", raise_exception=True)


def _incident(request: HttpRequest, number: int) -> Incident:
    related = ("policy", "severity", "service", "acknowledged_by")
    return get_object_or_404(seeing.visible(request.user).select_related(*related), pk=number)


def _kind(incident: Incident, key: str) -> writing.Kind:
    kind = writing.find(incident.policy, key)
    if kind is None:
        raise Http404(f"There is no kind of report {key!r} for {incident.policy}.")
    return kind


def _written(kind: writing.Kind, incident: Incident, at: datetime) -> writing.Document | str:
    """The document, or in words why its template cannot be filled."""
    try:
        return writing.write(kind, incident, at=at)
    except BadTemplate as fault:
        return f"The template of {kind.name} cannot be filled. {fault} Mend it in the policy's pack or in the admin."


@login_required
@view_permission
@sees_incidents
@never_cache
def of_incident(request, number: int):
    """What can be written of the incident, and what was stored of it, the latest first."""
    incident = _incident(request, number)
    context = {
        "incident": incident, "kinds": writing.kinds_of(incident.policy), "forms": formats.FORMS.items(),
        "reports": incident.reports.select_related("by"),  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "reports/of_incident.html", context)


@login_required
@view_permission
@sees_incidents
@never_cache
def draft(request, number: int, key: str):
    """GET shows the document as the incident is now; POST stores it, with `text` as a person changed it."""
    incident, at = _incident(request, number), timezone.now()
    kind = _kind(incident, key)
    document = _written(kind, incident, at)
    trouble = document if isinstance(document, str) else ""
    shown = "" if isinstance(document, str) else html.fragment(document.text)
    form = TextForm(request.POST if "text" in request.POST else None, initial={"text": getattr(document, "text", "")})
    status = 200
    if request.method == "POST":
        if not request.user.has_perm("reports.add_report"):
            raise PermissionDenied("Storing a report needs the right add_report.")
        status = 422
        if not trouble and (not form.is_bound or form.is_valid()):
            try:
                text = form.cleaned_data["text"] if form.is_bound else None
                row = storing.store(kind, incident, at=at, by=contact_of(request.user), text=text)
            except storing.ReportRefused as refusal:
                messages.warning(request, str(refusal))
                status = 409
            else:
                messages.success(request, f"Stored as version {row.number}.")
                return redirect(row)
    context = {
        "incident": incident, "kind": kind, "document": None if trouble else document, "trouble": trouble,
        "shown": mark_safe(shown),
        "form": form, "may_store": request.user.has_perm("reports.add_report"), "forms": formats.FORMS.items(),
        "versions": incident.reports.filter(key=key).select_related("by"),  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "reports/draft.html", context, status=status)


@login_required
@view_permission
@sees_incidents
def draft_file(request, number: int, key: str, form: str):
    """The document as the incident is now, as a file; `links=0` leaves out the numbers behind its figures."""
    incident = _incident(request, number)
    document = _written(_kind(incident, key), incident, timezone.now())
    if isinstance(document, str):
        return HttpResponse(document + "\n", status=409, content_type="text/plain; charset=utf-8")
    made = formats.make(form, formats.of_draft(document, number), links=request.GET.get("links") != "0")
    return formats.answer(made, inline="show" in request.GET)


def _report(request: HttpRequest, number: int) -> Report:
    """The stored report; 404 also when it is of a private incident that this user may not see."""
    found = get_object_or_404(Report.objects.select_related("incident__policy", "incident__severity", "by"), pk=number)
    if found.incident and not seeing.may_see(request.user, found.incident):
        raise Http404(f"There is no report {number} that you may see.")
    return found


@login_required
@view_permission
@never_cache
def stored(request, number: int):
    """A version as it was stored, what changed since the one before, where it was put, and to whom it can be sent."""
    return _page(request, _report(request, number))


def _page(request, found: Report, *, mail_form=None, link_form=None, status: int = 200):
    others = Report.objects.filter(incident=found.incident, key=found.key).select_related("by").order_by("-number")
    before = others.filter(number__lt=found.number).first()
    context = {
        "report": found, "incident": found.incident, "shown": mark_safe(html.fragment(found.text)),
        "others": others, "before": before, "changes": _changes(before, found) if before else [],
        "forms": formats.FORMS.items(), "may_store": request.user.has_perm("reports.add_report"),
        "mail_form": mail_form or MailForm(auto_id="mail-%s"),
        "link_form": link_form or LinkForm(initial={"link": found.link}, auto_id="link-%s"),
    }  # fmt: skip
    return render(request, "reports/report.html", context, status=status)


def _changes(before: Report, after: Report) -> list[tuple[str, str]]:
    """Lines that came and went, each with "+" or "-"; the addresses at the end are left out."""
    old, new = (writing.without_links(one.text).splitlines() for one in (before, after))
    rows = list(unified_diff(old, new, lineterm="", n=0))[2:]
    return [(row[0], row[1:]) for row in rows if row[:1] in "+-" and row[1:].strip()]


@login_required
@view_permission
def stored_file(request, number: int, form: str):
    """A stored version as a file."""
    made = formats.make(form, formats.of_report(_report(request, number)), links=request.GET.get("links") != "0")
    return formats.answer(made, inline="show" in request.GET)


def _may_store(request: HttpRequest) -> None:
    if not request.user.has_perm("reports.add_report"):
        raise PermissionDenied("This needs the right add_report.")


@login_required
@view_permission
@require_POST
def put_at(request, number: int):
    """Note where the report was put."""
    _may_store(request)
    found = _report(request, number)
    form = LinkForm(request.POST, auto_id="link-%s")
    if not form.is_valid():
        return _page(request, found, link_form=form, status=422)
    storing.put_at(found, form.cleaned_data["link"])
    messages.success(request, "Noted where it was put." if found.link else "The link was taken away.")
    return redirect(found)


@login_required
@view_permission
@require_POST
def mail(request, number: int):
    """Send the report with its PDF."""
    _may_store(request)
    found = _report(request, number)
    form = MailForm(request.POST, auto_id="mail-%s")
    if not form.is_valid():
        return _page(request, found, mail_form=form, status=422)
    data = form.cleaned_data
    people = EscalationContact.objects.filter(pk__in=data["contacts"])
    try:
        sent = mailing.send(
            found, contacts=people, addresses=data["addresses"], words=data["words"], by=contact_of(request.user),
            at=timezone.now(),
        )  # fmt: skip
    except storing.ReportRefused as refusal:
        messages.warning(request, str(refusal))
        return _page(request, found, mail_form=form, status=409)
    messages.success(request, f"On its way to {', '.join(row.to for row in sent)}.")
    return redirect(found)


@login_required
@view_permission
def all_reports(request):
    """Every stored report, the latest first; filter by kind and by part of the title."""
    rows = Report.objects.exclude(incident__in=seeing.hidden(request.user)).select_related("incident__severity", "by")
    asked = {name: request.GET.get(name, "").strip() for name in ("kind", "q")}
    if asked["kind"]:
        rows = rows.filter(key=asked["kind"])
    if asked["q"]:
        rows = rows.filter(title__icontains=asked["q"])
    page = Paginator(rows.defer("text"), PER_PAGE).get_page(request.GET.get("page"))
    kinds = Report.objects.order_by("key").values_list("key", flat=True).distinct()
    schedules = Schedule.objects.order_by("key") if request.user.has_perm("oncall.view_schedule") else []
    context = {"page": page, "asked": asked, "kinds": list(kinds), "schedules": schedules}
    return render(request, "reports/list.html", context)
