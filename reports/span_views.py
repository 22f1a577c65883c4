"""Documents about a stretch of time on pages: the executive summary of some days, the hand-off of a schedule."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache

from analytics.response_forms import PeriodForm
from oncall.models import Schedule
from oncall.people import contact_of
from policies.models import Policy

from . import formats, html, spans
from .languages import LANGUAGES
from .views import sees_incidents, view_permission
from .writing import Document

sees_schedules = permission_required("oncall.view_schedule", raise_exception=True)


class SpanForm(PeriodForm):
    """Which days, of which policy, in which language."""

    policy = forms.ModelChoiceField(Policy.objects.all(), required=False, to_field_name="key", empty_label="Every one")
    language = forms.ChoiceField(choices=[("", "As the policy")] + [(one, one) for one in LANGUAGES], required=False)


def _asked(request, at: datetime) -> tuple[SpanForm, Document | None]:
    form = SpanForm(request.GET.dict(), at=at)
    if not form.is_valid():
        return form, None
    policy = form.cleaned_data["policy"]
    language = form.cleaned_data["language"] or (policy.language if policy else "en")
    return form, spans.executive(form.period, policy, request.user, language=language, at=at)


@login_required
@view_permission
@sees_incidents
@never_cache
def executive(request):
    """GET shows the summary of the days that are asked for, the last 30 unless told; POST stores it."""
    at = timezone.now()
    form, document = _asked(request, at)
    if document is None:
        return render(request, "reports/span.html", {"form": form, "name": "Executive summary"}, status=422)
    if request.method == "POST":
        return _store(request, document, since=form.period.begin, until=form.period.end)
    return _page(request, document, form=form)


@login_required
@view_permission
@sees_incidents
def executive_file(request, form: str):
    asked, document = _asked(request, timezone.now())
    if document is None:
        said = " ".join(str(fault) for faults in asked.errors.values() for fault in faults)
        return HttpResponse(said + "\n", status=422, content_type="text/plain; charset=utf-8")
    return _file(request, document, form, f"executive-summary-{asked.period.first}-{asked.period.last}")


@login_required
@view_permission
@sees_schedules
@never_cache
def hand_off(request, key: str):
    """GET shows what the running shift leaves to the next; POST stores it."""
    schedule, at = get_object_or_404(Schedule, key=key), timezone.now()
    document = spans.hand_off(schedule, at=at)
    if request.method == "POST":
        return _store(request, document, since=None, until=at)
    return _page(request, document)


@login_required
@view_permission
@sees_schedules
def hand_off_file(request, key: str, form: str):
    document = spans.hand_off(get_object_or_404(Schedule, key=key), at=timezone.now())
    return _file(request, document, form, f"hand-off-{key}")


def _page(request, document: Document, *, form: SpanForm | None = None) -> HttpResponse:
    address, query = request.path.rstrip("/"), request.GET.urlencode()
    context = {
        "form": form, "document": document, "name": document.kind.name, "language": document.kind.language,
        "shown": mark_safe(html.fragment(document.text)), "may_store": request.user.has_perm("reports.add_report"),
        "files": [(label, f"{address}.{one}{'?' + query if query else ''}") for one, label in formats.FORMS.items()],
    }  # fmt: skip
    return render(request, "reports/span.html", context)


def _store(request, document: Document, *, since, until) -> HttpResponse:
    if not request.user.has_perm("reports.add_report"):
        raise PermissionDenied("Storing a report needs the right add_report.")
    row = spans.store(document, since=since, until=until, by=contact_of(request.user))
    messages.success(request, f"Stored as version {row.number}.")
    return redirect(row)


def _file(request, document: Document, form: str, name: str) -> HttpResponse:
    sheet = formats.of_draft(document, 0)
    sheet = formats.Sheet(name, sheet.title, sheet.text, sheet.language, sheet.foot, sheet.at)
    return formats.answer(formats.make(form, sheet, links=request.GET.get("links") != "0"))
