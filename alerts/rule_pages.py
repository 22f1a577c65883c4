"""The pages of rules: which there are, and of one all that is known and what another condition would have done."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Q, Value, When
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from incidents.seeing import visible
from policies.models import Policy
from runbooks import guide

from . import backtest, backtest_verdict, pack, rule_chart, rule_facts, samples
from .models import AlertRule, Liveness
from .world import World

PER_PAGE = 50
SAMPLES, CHANGES, ALERTS, INCIDENTS = 400, 30, 20, 20
LONGEST_DAYS = 366
MAY = "alerts.view_liveness"
ORDER = [AlertRule.State.ERROR, AlertRule.State.FIRING, AlertRule.State.NODATA, AlertRule.State.PENDING]
SHOWS = {
    "": "Every state", "error": "No answer", "firing": "Firing", "nodata": "No data", "pending": "Pending",
    "inactive": "Calm", "unknown": "Not checked yet", "off": "Switched off", "planned": "Planned",
}  # fmt: skip


@login_required
@permission_required(MAY, raise_exception=True)
def rule_list(request):
    """Every rule, those that get no answer first, then what fires."""
    show, policy, phase = (request.GET.get(name, "") for name in ("state", "policy", "phase"))
    rows = AlertRule.objects.select_related("policy", "severity")
    policies = list(Policy.objects.filter(rules__isnull=False).distinct().order_by("name"))
    phases = list(rows.exclude(phase=None).order_by("phase").values_list("phase", flat=True).distinct())
    if policy:
        rows = rows.filter(policy__key=policy)
    if phase.isdecimal():
        rows = rows.filter(phase=int(phase))
    if show == "off":
        rows = rows.filter(enabled=False)
    elif show == "planned":
        rows = rows.filter(enabled=False, planned_by__isnull=False)
    elif show in AlertRule.State.values:
        rows = rows.filter(enabled=True, state=show)
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(Q(name__icontains=text) | Q(key__icontains=text) | Q(code__icontains=text))
    places = [When(enabled=False, then=Value(9)), *(When(state=s, then=Value(n)) for n, s in enumerate(ORDER))]
    rows = rows.annotate(place=Case(*places, default=Value(8), output_field=IntegerField()))
    context = {
        "page": Paginator(rows.order_by("place", "policy__name", "key"), PER_PAGE).get_page(request.GET.get("page")),
        "policies": policies, "phases": phases, "shows": SHOWS.items(), "show": show, "policy": policy,
        "phase": phase, "q": text, "any": bool(policies), "at": timezone.now(),
    }  # fmt: skip
    return render(request, "rules/list.html", context)


@login_required
@permission_required(MAY, raise_exception=True)
def rule(request, policy: str, key: str):
    """One rule; with a proposal in the query, what it would have done."""
    at = timezone.now()
    rows = AlertRule.objects.select_related("policy", "severity", "alert_class").prefetch_related("sources")
    found = get_object_or_404(rows, policy__key=policy, key=key)
    world = World(found.policy)
    spec, problem = rule_facts.spec_of(found, world)
    kept = samples.latest(found, most=SAMPLES)
    alerts = Liveness.objects.filter(alert__rule=found).select_related("alert", "incident").order_by("-starts_at")
    mine = Q(scope=found.scope) & (Q(key=found.key) | Q(key__startswith=f"{found.key}:"))
    parameters = rule_facts.parameters(found)
    context = {
        "rule": found, "at": at, "problem": problem,
        "asked": rule_facts.asked(found),
        "condition": rule_facts.in_words(found, spec) if spec else [],
        "parameters": parameters,
        "marks": rule_facts.marks(found, spec),
        "chart": rule_chart.of(kept, spec, world.params),
        "checks": sum(row.times for row in kept), "kept": kept,
        "changes": found.changes.all()[:CHANGES],
        "books": guide.of_rules(found.policy_id, [found.key]),
        "outlook": rule_facts.outlook(found, spec, at=at),
        "overridden": pack.overrides(found).items(),
        "alerts": [(row, row.fires_at(at)) for row in alerts[:ALERTS]],
        "incidents": visible(request.user).filter(mine).select_related("severity").order_by("-pk")[:INCIDENTS],
        **_trial(request.GET, found, world, at=at),
    }  # fmt: skip
    return render(request, "rules/rule.html", context)


def _trial(query: Mapping[str, str], rule: AlertRule, world: World, *, at: datetime) -> dict[str, Any]:
    """The form of the back-test as it was filled in, and its answer when it was sent."""
    fields = _fields(rule, world, query)
    days, refused = query.get("days", "30"), ""
    trial: dict[str, Any] = {"trial_fields": fields, "days": days, "tried": "days" in query}
    if not trial["tried"]:
        return trial
    changes, params = {}, {}
    for field in fields:
        if field["value"] == field["present"]:
            continue
        if field["param"]:
            params[field["param"]] = field["value"]
        elif field["part"].endswith("times") and field["value"]:
            changes[field["part"]] = int(field["value"]) if field["value"].isdecimal() else field["value"]
        else:
            changes[field["part"]] = field["value"]
    try:
        length = float(days)
        if not 0 < length <= LONGEST_DAYS:
            raise ValueError
        compared = backtest.compare(rule, changes, since=at - timedelta(days=length), until=at, params=params)
        found = backtest_verdict.of(compared)
        trial |= {"verdict": found, "compared": compared, "changed": bool(changes or params)}
        trial |= {"lost": found.lost[: backtest_verdict.LISTED], "gained": found.gained[: backtest_verdict.LISTED]}
    except backtest.BadProposal as error:
        refused = str(error)
    except ValueError:
        refused = f"Days: this should be a number above 0, at most {LONGEST_DAYS}, and it is {days!r}."
    return {**trial, "refused": refused}


def _fields(rule: AlertRule, world: World, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """What can be tried: the parts of each level, and the parameters its conditions name."""
    condition = rule.condition
    rows = [(f"{level.get('level')}.", level) for level in condition.get("levels", [])] or [("", condition)]
    fields = []

    def add(name: str, label: str, present: Any, *, part: str = "", param: str = "") -> None:
        text = "" if present is None else str(present)
        value = query.get(name, text).strip()
        fields.append({"name": name, "label": label, "present": text, "value": value, "part": part, "param": param})

    named: set[str] = set()
    for prefix, row in rows:
        level = f"{prefix[:-1]} " if prefix else ""
        for part, label in (("when", "fires when"), ("for", "for so long"), ("times", "times in a row")):
            if part != "when" or part in row:
                present = row.get(part, condition.get(part) if prefix else None)
                add(f"{prefix}{part}", f"{level}{label}".capitalize() if not level else f"{level}{label}", present,
                    part=f"{prefix}{part}")  # fmt: skip
        named |= {name for name in world.params if f"params.{name}" in str(row.get("when", ""))}
    for name in sorted(named):
        parameter = next(one for one in rule.policy.parameters.all() if one.key == name)
        add(f"param.{name}", name, parameter.raw, param=name)
    return fields
