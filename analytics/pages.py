"""The pages of objectives: which there are and how they stand, and of one all that was measured. Nothing is asked."""

from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Q, Value, When
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from alerts import rule_facts
from policies.models import Policy

from . import charts, history
from .goals import BadGoal, Goal
from .models import Objective, State
from .slo import window_begin, window_values, zone_of

PER_PAGE = 50
IN_LIST, SAMPLES = 14, 600
MAY = "analytics.view_objective"
ORDER = [State.MISSED, State.ERROR, State.WARNING, State.NODATA, State.UNKNOWN]


@login_required
@permission_required(MAY, raise_exception=True)
def objective_list(request):
    """Every objective, those that are missed first, then those whose sources give no answer."""
    show, policy, text = (request.GET.get(name, "").strip() for name in ("state", "policy", "q"))
    rows = Objective.objects.select_related("policy").prefetch_related("sources__connection")
    if policy:
        rows = rows.filter(policy__key=policy)
    if show == "off":
        rows = rows.filter(enabled=False)
    elif show in State.values:
        rows = rows.filter(enabled=True, state=show)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(key__icontains=text) | Q(description__icontains=text))
    places = [When(enabled=False, then=Value(9)), *(When(state=s, then=Value(n)) for n, s in enumerate(ORDER))]
    rows = rows.annotate(place=Case(*places, default=Value(8), output_field=IntegerField()))
    page = Paginator(rows.order_by("place", "policy__name", "key"), PER_PAGE).get_page(request.GET.get("page"))
    at = timezone.now()
    shown = list(page.object_list)
    found = history.records(shown, today={one.pk: _today(one, at) for one in shown})
    policies = Policy.objects.filter(objectives__isnull=False).distinct().order_by("name")
    context = {
        "page": page, "at": at, "cards": [_card(one, found[one.pk]) for one in shown],
        "policies": list(policies), "policy": policy, "show": show, "q": text,
        "shows": [("", "Every state"), *((s.value, s.label.capitalize()) for s in State), ("off", "Switched off")],
        "any": Objective.objects.exists(),
    }  # fmt: skip
    return render(request, "objectives/list.html", context)


@login_required
@permission_required(MAY, raise_exception=True)
def objective(request, policy: str, key: str):
    """One objective, with its days, its last measures and what it asks."""
    at = timezone.now()
    rows = Objective.objects.select_related("policy").prefetch_related("sources__connection")
    found = get_object_or_404(rows, policy__key=policy, key=key)
    record = history.records([found], today={found.pk: _today(found, at)})[found.pk]
    card = _card(found, record)
    kept = list(found.samples.all()[:SAMPLES])[::-1]
    days = [(day, charts.told(found, day, card["goal"])) for day in reversed(record.days) if day.row]
    window = window_values(window_begin(found, at), at)
    asked = [
        (way, way.source.get_role_display()) for way in rule_facts.asked_of(found.policy, found.sources.all(), **window)
    ]
    context = card | {
        "at": at, "record": record, "days": days, "kept": len(kept), "measures": sum(row.times for row in kept),
        "bars": charts.days(found, record, card["goal"], last=history.DAYS),
        "chart": charts.curve(card["goal"], kept), "asked": asked, "zone": zone_of(found),
    }  # fmt: skip
    return render(request, "objectives/objective.html", context)


def _today(objective: Objective, at: datetime):
    return at.astimezone(zone_of(objective)).date()


def _card(objective: Objective, record: history.Record) -> dict[str, Any]:
    """What both pages tell of an objective."""
    goal: Goal | None
    try:
        goal, problem = objective.aim, ""
    except BadGoal as error:
        goal, problem = None, f"The goal cannot be used: {error}"
    sources = objective.sources.all()
    ways = dict.fromkeys(f"{one.variant}{f' ({one.connection.key})' if one.connection else ''}" for one in sources)
    by = [one for one in sources if one.variant == objective.measured_by and one.connection]
    source = f"{objective.measured_by} ({by[0].connection.key})" if by and by[0].connection else objective.measured_by
    return {
        "objective": objective, "goal": goal, "problem": problem, "record": record,
        "figure": goal.told(objective.value) if goal and objective.value is not None else "",
        "aim": goal.words if goal else "", "source": source, "ways": list(ways),
        "band": _band(goal, objective.value), "bars": charts.days(objective, record, goal, last=IN_LIST),
    }  # fmt: skip


def _band(goal: Goal | None, value: float | None) -> str:
    if goal is None or not goal.bands or value is None:
        return ""
    return next(band.label for band in goal.bands if band.below is None or value < band.below.number)
