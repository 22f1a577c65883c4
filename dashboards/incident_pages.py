"""An incident's chart as a page, as a part of the incident's own page, and its marks as annotations for Grafana."""

from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from incidents.views import incident_for

from . import chart, incident_chart, marks, spans

MAY = "incidents.view_incident"


@login_required
@permission_required(MAY, raise_exception=True)
@never_cache
def page(request, number: int):
    """The whole chart with its list of marks."""
    incident, at = incident_for(request, number), timezone.now()
    usual, refused = incident_chart.span_of(incident, at=at), ""
    span = usual
    if {"range", "from", "to"} & request.GET.keys():
        try:
            span = spans.read(request.GET, usual.length, at=at)
        except spans.BadSpan as error:
            refused = str(error)
    whole = incident_chart.of(incident, at=at, span=span)
    context = {"incident": incident, "whole": whole, "span": span, "refused": refused, "at": at, "marks": whole.marks}
    return render(request, "dashboards/incident.html", context)


@never_cache
def part(request, number: int):
    """The chart as the incident's page shows it: small, and without the list."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)  # a redirect to the login page would be followed in silence
    if not request.user.has_perm(MAY):
        raise PermissionDenied("This needs the right to view incidents.")
    incident = incident_for(request, number)
    whole = incident_chart.of(incident, at=timezone.now(), width=chart.NARROW)
    return render(request, "dashboards/_incident_part.html", {"incident": incident, "whole": whole})


@login_required
@permission_required(MAY, raise_exception=True)
@never_cache
def annotations(request, number: int):
    """The marks of the chart, in the form of Grafana's annotations."""
    incident, at = incident_for(request, number), timezone.now()
    span = incident_chart.span_of(incident, at=at)
    base = request.build_absolute_uri("/").rstrip("/")
    told = marks.of_incident(incident, begin=span.begin, end=span.end)
    return JsonResponse([mark.annotation(base) for mark in told], safe=False)
