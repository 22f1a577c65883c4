"""The pages of dashboards: which there are, one with all its panels, one panel alone. No source is asked."""

from itertools import groupby

from django.contrib.auth.decorators import login_required, permission_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from incidents.seeing import visible
from policies.durations import format_duration
from policies.models import Policy

from . import chart, counted, marks, panels, spans
from .models import Dashboard, Panel
from .spans import Span

MAY = "dashboards.view_dashboard"
LISTED = 60


@login_required
@permission_required(MAY, raise_exception=True)
def dashboard_list(request):
    """Every dashboard, by policy."""
    rows = Dashboard.objects.select_related("policy").prefetch_related("panels").order_by("policy__name", "position")
    policies = [(policy, list(own)) for policy, own in groupby(rows, key=lambda row: row.policy)]
    return render(request, "dashboards/list.html", {"policies": policies, "at": timezone.now()})


def _span(request, usual) -> tuple[Span, str]:
    """The time to show, and why it is not the one that was asked for."""
    at = timezone.now()
    try:
        return spans.read(request.GET, usual, at=at), ""
    except spans.BadSpan as error:
        return spans.of(usual, at=at), str(error)


def _marks(request, policy: Policy, span: Span) -> list[marks.Mark]:
    return marks.of_policy(policy, visible(request.user), begin=span.begin, end=span.end)


def _choices(span: Span) -> list[tuple[str, bool]]:
    return [(said, said == span.said) for said in spans.CHOICES]


@login_required
@permission_required(MAY, raise_exception=True)
@never_cache
def dashboard(request, policy: str, key: str):
    """One dashboard; with `?format=json` as data."""
    rows = Dashboard.objects.select_related("policy__service")
    found = get_object_or_404(rows, policy__key=policy, key=key)
    span, refused = _span(request, found.range)
    values, told = panels.values_of(found.policy), _marks(request, found.policy, span)
    of_it = found.panels.select_related("dashboard__policy")  # type: ignore[attr-defined]
    kept: counted.Fetched = {}
    comparing = sorted(of_it, key=lambda panel: not panel.compare)  # they fetch most, which the others can share
    found_for = {
        panel.pk: panels.show(panel, span, values=values, marks=told, width=chart.MEDIUM, kept=kept)
        for panel in comparing
    }
    shown = [found_for[panel.pk] for panel in of_it]
    if request.GET.get("format") == "json":
        return JsonResponse(
            {"policy": policy, "key": key, "name": found.name, **span.facts,
             "panels": [panels.as_json(one) for one in shown], "annotations": [mark.annotation() for mark in told]}
        )  # fmt: skip
    context = {
        "dashboard": found, "span": span, "refused": refused, "choices": _choices(span), "at": timezone.now(),
        "parts": [(part, list(own)) for part, own in groupby(shown, key=lambda one: one.panel.part)],
        "links": [panels.link_of(said, span, values) for said in found.links],
        "marks": told[-LISTED:], "length": format_duration(span.length), "usual": format_duration(found.range),
    }  # fmt: skip
    return render(request, "dashboards/dashboard.html", context)


@login_required
@permission_required(MAY, raise_exception=True)
@never_cache
def panel(request, policy: str, key: str, panel: str):
    """One panel alone: larger, with the marks of the time it shows, and all its rows."""
    rows = Panel.objects.select_related("dashboard__policy__service").prefetch_related("sources__connection")
    found = get_object_or_404(rows, dashboard__policy__key=policy, dashboard__key=key, key=panel)
    span, refused = _span(request, found.dashboard.range)
    told = _marks(request, found.dashboard.policy, span)
    shown = panels.show(found, span, values=panels.values_of(found.dashboard.policy), marks=told, numbered=True)
    if request.GET.get("format") == "json":
        return JsonResponse({**span.facts, **panels.as_json(shown)})
    context = {
        "shown": shown, "panel": found, "dashboard": found.dashboard, "span": span, "refused": refused, "marks": told,
        "choices": _choices(span), "at": timezone.now(), "length": format_duration(span.length),
        "usual": format_duration(found.dashboard.range),
    }  # fmt: skip
    return render(request, "dashboards/panel.html", context)
