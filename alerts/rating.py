"""Whether an alert was worth the trouble: said with one press, on the alert's page or on its incident's."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from incidents.deeds import BEFORE_CLOSE, OVER, Action
from incidents.forms import IncidentForm
from incidents.models import IllegalMove
from oncall.people import contact_of

from . import firings
from .firing_models import Firing, Mark
from .models import Alert


class RateForm(IncidentForm):
    """A word on all alerts of an incident."""

    mark = forms.ChoiceField(label="They were", choices=[(Mark.NOT_ACTIONABLE, "not actionable: nothing to do"),
                             (Mark.ACTIONABLE, "actionable: something had to be done")])  # fmt: skip
    reason = forms.CharField(max_length=500, required=False, label="Why?")


RATE = Action(
    lambda incident, form, *, by, at: firings.mark_incident(
        incident, form.cleaned_data["mark"], by=by, at=at, reason=form.cleaned_data["reason"]
    ),
    "Noted; whoever tunes the rule sees it.", RateForm, "Was it worth a page?", "Note it", lazy=True,
    hint="Counts in the figures by which the rule is tuned. The incident stays as it is.",
    when=BEFORE_CLOSE | OVER,
)  # fmt: skip


@require_POST
@login_required
@permission_required("incidents.respond_incident", raise_exception=True)
def mark(request: HttpRequest, pk: int, firing: int) -> HttpResponse:
    """Note what the person thinks of one time that the alert fired; an empty word takes back what was said."""
    alert, at = get_object_or_404(Alert, pk=pk), timezone.now()
    rows = Firing.objects.filter(alert=alert, pk=firing)
    word, reason = request.POST.get("mark", ""), request.POST.get("reason", "")
    if not word:
        rows.update(mark="", mark_reason="", marked_by=None, marked_at=None)
        messages.success(request, "Taken back.")
    elif word not in Mark.values:
        messages.warning(request, f"There is no mark {word!r}; choose one of {', '.join(Mark.values)}.")
    else:
        try:
            firings.mark(rows, word, by=contact_of(request.user), at=at, reason=reason)
            messages.success(request, f"Noted as {Mark(word).label}.")
        except IllegalMove as refusal:
            messages.warning(request, str(refusal))
    return redirect("alert", pk=pk)
