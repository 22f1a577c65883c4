"""The pages of tuning: what each rule did and was worth, one rule with its proposals, and what was held back."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from alerts.models import AlertRule, Firing, Hold
from oncall.people import contact_of
from policies.models import Policy

from . import completeness, proposals, threshold_reviews, tuning
from .tuning_models import Proposal

PER_PAGE, FIRINGS, MONTHS, WHOM = 50, 50, 13, 3
PERIODS = [(7, "7 days"), (30, "30 days"), (90, "90 days")]
MAY = "analytics.view_thresholdreview"
DECIDES = "analytics.sign_thresholdreview"
RESPONDS = "incidents.respond_incident"
SHOWS = [("", "Every rule"), ("fired", "Fired"), *((sign, sign.capitalize()) for sign in tuning.SIGNS)]


class ProposalForm(forms.Form):
    """A change of one value of a rule, with its reason."""

    field = forms.ChoiceField(label="What")
    value = forms.CharField(required=False, max_length=4000, label="New value", strip=True)
    why = forms.CharField(max_length=2000, label="Why?", widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, rule: AlertRule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, f"{name} (now: {text[:80]})") for name, text in proposals.fields_of(rule)]
        self.fields["field"].choices = choices  # type: ignore[attr-defined]


def days_of(request: HttpRequest) -> int:
    """How far back the page looks, as its reader chose."""
    text = request.GET.get("days", "")
    return int(text) if text in {str(days) for days, _ in PERIODS} else 30


@login_required
@permission_required(MAY, raise_exception=True)
def overview(request: HttpRequest) -> HttpResponse:
    """Every rule with its figures, what costs most attention for nothing first."""
    at, days = timezone.now(), days_of(request)
    show, policy, text = (request.GET.get(name, "").strip() for name in ("show", "policy", "q"))
    rows = AlertRule.objects.filter(proposes=False).select_related("policy", "severity")
    if policy:
        rows = rows.filter(policy__key=policy)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(key__icontains=text) | Q(code__icontains=text))
    rules = list(rows)
    found = tuning.figures(rules, since=at - timedelta(days=days), until=at)
    whole = _sum(found.values())
    if show == "fired":
        rules = [rule for rule in rules if found[rule.pk].fired]
    elif show in tuning.SIGNS:
        rules = [rule for rule in rules if show in found[rule.pk].signs]
    rules.sort(key=lambda rule: _order(rule, found[rule.pk]))
    page = Paginator(rules, PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    opened = dict(
        Proposal.objects.filter(rule__in=[rule.pk for rule in shown], state=Proposal.State.OPEN)
        .order_by().values_list("rule").annotate(Count("pk"))
    )  # fmt: skip
    context = {
        "page": page, "cards": [(rule, found[rule.pk], opened.get(rule.pk, 0)) for rule in shown], "whole": whole,
        "policies": Policy.objects.filter(rules__isnull=False).distinct().order_by("name"), "policy": policy,
        "show": show, "shows": SHOWS, "days": days, "periods": PERIODS, "q": text, "at": at, "tab": "rules",
        "any": AlertRule.objects.exists(),
    }  # fmt: skip
    return render(request, "tuning/rules.html", context)


def _order(rule: AlertRule, one: tuning.Figures) -> tuple:
    """What wasted most attention first; of the rest what fired most, and at last what never did."""
    return (tuning.WRONG not in one.signs, -one.wasted, -one.fired, not rule.enabled, rule.policy.name, rule.key)


def _sum(rows: Any) -> tuning.Figures:
    whole = tuning.Figures()
    for one in rows:
        for name in ("fired", "false_positives", "not_actionable", "marked", "acted", "held"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    return whole


@login_required
@permission_required(MAY, raise_exception=True)
def rule(request: HttpRequest, policy: str, key: str) -> HttpResponse:
    """One rule: its figures, month by month, each of its alerts, and what was proposed, applied and reverted."""
    found = _rule(policy, key)
    return _rule_page(request, found, None)


def _rule(policy: str, key: str) -> AlertRule:
    return get_object_or_404(AlertRule.objects.select_related("policy", "severity"), policy__key=policy, key=key)


def _rule_page(request: HttpRequest, found: AlertRule, form: ProposalForm | None, status: int = 200) -> HttpResponse:
    at, days = timezone.now(), days_of(request)
    since = at - timedelta(days=days)
    fired = Firing.objects.filter(rule=found).counted(since, at).judged()  # type: ignore[attr-defined]
    context = {
        "rule": found, "at": at, "days": days, "periods": PERIODS,
        "one": tuning.figures([found], since=since, until=at)[found.pk],
        "median": tuning.ack_medians([found], since=since, until=at).get(found.pk),
        "firings": fired.select_related("incident", "marked_by").order_by("-began_at")[:FIRINGS],
        "reviews": found.threshold_reviews.select_related("signed_by")[:MONTHS],
        "proposals": found.proposals.select_related("by", "decided_by", "reverted_by")[:PER_PAGE],
        "holds": _held(since, at, Q(alert__rule=found))[:PER_PAGE],
        "form": form or ProposalForm(rule=found),
    }  # fmt: skip
    return render(request, "tuning/rule.html", context, status=status)


@login_required
def propose(request: HttpRequest, policy: str, key: str) -> HttpResponse:
    """Propose a change of the rule, by its reader or by a search for one that would have helped."""
    if not request.user.has_perm(RESPONDS):
        raise PermissionDenied("This needs the right to respond to incidents.")
    found, at = _rule(policy, key), timezone.now()
    if request.method != "POST":
        return redirect("tuning-rule", policy, key)
    if "search" in request.POST:
        since = at - timedelta(days=days_of(request))
        made = threshold_reviews.look_for_change(found, since=since, until=at, at=at)
        if made is None:
            messages.info(request, "None of its alerts of this time was called false or not actionable.")
            return redirect("tuning-rule", policy, key)
        return redirect(made)
    form = ProposalForm(request.POST, rule=found)
    if not form.is_valid():
        return _rule_page(request, found, form, 422)
    data = form.cleaned_data
    try:
        made = proposals.propose(
            found, data["field"], data["value"], by=contact_of(request.user), why=data["why"], at=at
        )
    except proposals.BadProposal as refusal:
        form.add_error("value", str(refusal))
        return _rule_page(request, found, form, 422)
    messages.success(request, "Proposed. Whoever decides sees what it would have done.")
    return redirect(made)


@login_required
@permission_required(MAY, raise_exception=True)
def held(request: HttpRequest) -> HttpResponse:
    """What kept alerts from acting, how many, and whom they would have paged."""
    at, days = timezone.now(), days_of(request)
    kind = request.GET.get("kind", "")
    rows = _held(at - timedelta(days=days), at, Q(kind=kind) if kind in Hold.Kind.values else Q())
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    kinds = dict(Hold.Kind.choices)
    shown = [row | {"kind_name": kinds[row["kind"]]} for row in page.object_list]
    whom = _whom(shown, since=at - timedelta(days=days), at=at)
    context = {
        "page": page, "rows": [(row, whom[(row["kind"], row["by"])]) for row in shown], "kind": kind,
        "kinds": Hold.Kind.choices, "days": days, "periods": PERIODS, "at": at, "tab": "held",
    }  # fmt: skip
    return render(request, "tuning/held.html", context)


def _held(since: datetime, until: datetime, which: Q) -> Any:
    """What held back alerts in that time, by kind and words, the most alerts first."""
    rows = Hold.objects.filter(which, tuning.held_within(since, until)).order_by().values("kind", "by")
    never = Q(ended_at__isnull=False) & ~Q(outcome="acted")
    return rows.annotate(
        times=Count("pk"), alerts=Count("alert", distinct=True), never=Count("pk", filter=never),
        now=Count("pk", filter=Q(ended_at=None)), last=Max("since"),
    ).order_by("-alerts", "kind", "by")  # fmt: skip


def _whom(rows: list[dict[str, Any]], *, since: datetime, at: datetime) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Whom the alerts of each of these groups would have told, the most often named first."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {(row["kind"], row["by"]): [] for row in rows}
    words = {row["by"] for row in rows}
    told = Hold.objects.filter(tuning.held_within(since, at), by__in=words).exclude(would_have="").order_by()
    counted = told.values("kind", "by", "would_have").annotate(times=Count("pk")).order_by("-times", "would_have")
    for row in counted:
        group = found.get((row["kind"], row["by"]))
        if group is not None and len(group) < WHOM:
            group.append(dict(row))
    return found


@login_required
@permission_required(MAY, raise_exception=True)
def policies(request: HttpRequest) -> HttpResponse:
    """How complete each policy is, and what it lacks."""
    scores = completeness.scores(Policy.objects.filter(rules__isnull=False).distinct())
    return render(request, "tuning/policies.html", {"scores": scores, "tab": "policies", "at": timezone.now()})
