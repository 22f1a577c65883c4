"""The ledger of what did not act: a row for each alert and cause, and whom the alert would have told."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import Q

from incidents.models import EscalationPolicy
from notifications import routing
from notifications.models import Route
from oncall.people import persons
from oncall.roster import responders
from policies.durations import format_duration
from policies.models import Policy, Severity

from .models import Hold

PLANNED = {Hold.Kind.SILENCE, Hold.Kind.MAINTENANCE, Hold.Kind.PAUSE}
"""Whose end is known beforehand."""
STEPS = 3  # steps of an escalation that are named


def note(alerts: Mapping[int, str], kind: str, by: str, *, since: datetime, until: datetime | None) -> None:
    """Note that these alerts are held back, unless the same is noted of them and goes on; what else was noted ends.

    alerts  by number: whom each would have told
    """
    if not alerts:
        return
    now = Hold.objects.filter(alert__in=list(alerts), ended_at=None)
    same = set(now.filter(kind=kind, by=by[:250]).values_list("alert_id", flat=True))
    now.exclude(kind=kind, by=by[:250]).update(ended_at=since, outcome="held back by something else")
    if same and until is not None:
        now.filter(alert__in=same).exclude(until=until).update(until=until)
    Hold.objects.bulk_create(
        [
            Hold(alert_id=alert, kind=kind, by=by[:250], since=since, until=until, would_have=would_have[:500])
            for alert, would_have in alerts.items()
            if alert not in same
        ],
        batch_size=500,
    )


def end(alerts: Collection[int], *, at: datetime, outcome: str) -> None:
    """Nothing holds these alerts back any more."""
    Hold.objects.filter(alert__in=list(alerts), ended_at=None).update(ended_at=at, outcome=outcome[:120])


class Counterfactual:
    """Whom alerts would have paged and told at one instant; asked once for all that share policy, level and route."""

    def __init__(self, at: datetime):
        self.at = at
        self._known: dict[tuple, str] = {}
        self._names: dict[int, list[str]] = {}

    def of(self, policy: Policy, severity_key: str, labels: Mapping[str, str], pages: bool | None) -> str:
        """Whom an incident of this policy and level would have paged and told.

        pages  what rule or class say of paging; None: as the level says
        """
        level = policy.severity_for(severity_key)
        pages = level.page if pages is None else pages
        service = {"service": policy.service.key} if policy.service else {}
        told = {**labels, **service}
        key = (policy.pk, level.pk, pages, tuple(told.get(name, "") for name in self._labels(policy)))
        if key not in self._known:
            places = [one for one in routing.destinations(policy, severity=level, labels=told) if not one.muted_by]
            paged = self._paged(policy, level) if pages else ""
            tells = ", ".join(dict.fromkeys(str(one.destination) for one in places))
            parts = [f"paged {paged}" if paged else "", f"told {tells}" if tells else ""]
            self._known[key] = "; ".join(filter(None, parts)) or "nobody"
        return self._known[key]

    def _labels(self, policy: Policy) -> list[str]:
        """The labels by which routes choose."""
        if policy.pk not in self._names:
            routes = Route.objects.filter(Q(policy=policy) | Q(policy=None)).values_list("match", flat=True)
            self._names[policy.pk] = sorted({name for match in routes for name in match.get("labels", {})})
        return self._names[policy.pk]

    def _paged(self, policy: Policy, level: Severity) -> str:
        plan = plan_for(policy, level)
        steps = list(plan.steps.select_related("schedule").prefetch_related("contacts")[:STEPS]) if plan else []
        words = []
        for step in steps:
            on_duty = responders(step.schedule, self.at) if step.schedule else []
            people, _ = persons([*on_duty, *step.contacts.all()])
            names = ", ".join(map(str, people)) or (f"nobody in {step.schedule}" if step.schedule else "nobody")
            words.append(f"{names} after {format_duration(step.after)}" if step.after else f"{names} at once")
        return ", ".join(words) or "the catch-all"


def plan_for(policy: Policy, level: Severity) -> EscalationPolicy | None:
    """The escalation that an incident of this policy and level would follow."""
    plans: Iterable[EscalationPolicy] = EscalationPolicy.objects.filter(Q(policy=policy) | Q(policy=None))
    fitting = []
    for plan in plans.prefetch_related("severities"):  # type: ignore[attr-defined]
        levels = [one.pk for one in plan.severities.all()]
        if not levels or level.pk in levels:
            fitting.append(((plan.policy_id is None, not levels, plan.position, plan.pk), plan))
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None
