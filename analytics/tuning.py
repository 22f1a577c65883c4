"""What rules did and what it was worth: the figures by which they are tuned. Counted by the database.

An *alert* here is one time that one key of a rule fired (alerts.models.Firing), drills left out. It is a *false
positive* when somebody said so of it or of its incident, *not actionable* when somebody said that; every other one
counts as actionable, also when nobody said anything: silence is no complaint. *Taken* means that a person acknowledged
its incident, and it was no false positive.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Greatest, Least

from alerts.models import AlertRule, Firing, Hold
from incidents.models import Status
from policies.models import Policy

from .tuning_models import TuningPlan, share

FALSE, USELESS = "false_positive", "not_actionable"
NEVER, ALWAYS, FLAPPING, WRONG, OFTEN_HELD = (
    "never fired", "always firing", "flapping", "mostly not worth it", "mostly held back",
)  # fmt: skip
LOOKS_BACK = timedelta(days=31)
"""What began so long before a period's end, and ended after it, is not looked for; what fires still always is."""
SIGNS = (NEVER, ALWAYS, FLAPPING, WRONG, OFTEN_HELD)


@dataclass
class Figures:
    """Of one rule in one period."""

    fired: int = 0
    false_positives: int = 0
    not_actionable: int = 0
    marked: int = 0
    acted: int = 0
    held: int = 0
    last_at: datetime | None = None
    firing_time: timedelta = timedelta(0)
    signs: list[str] = field(default_factory=list)

    @property
    def false_share(self) -> float | None:
        """Percent; None when it did not fire."""
        return share(self.false_positives, self.fired)

    @property
    def actionable_share(self) -> float | None:
        """Percent; None when it did not fire."""
        return share(self.fired - self.false_positives - self.not_actionable, self.fired)

    @property
    def wasted_share(self) -> float:
        """Percent that were false or not actionable; 0 when it did not fire."""
        return share(self.false_positives + self.not_actionable, self.fired) or 0.0

    @property
    def unmarked(self) -> int:
        return self.fired - self.marked


def plan_of(policy: Policy) -> TuningPlan:
    """The policy's plan; without one the defaults."""
    return TuningPlan.objects.filter(policy=policy).first() or TuningPlan(policy=policy)


def figures(rules: Iterable[AlertRule], *, since: datetime, until: datetime) -> dict[int, Figures]:
    """The figures of each of the rules, by number, in [since, until); in a fixed number of statements.

    rules   with their policies
    """
    rules = list(rules)
    found = {rule.pk: Figures() for rule in rules}
    mine = Firing.objects.filter(rule__in=list(found))
    end = Least(Coalesce(F("ended_at"), Value(until)), Value(until), output_field=DateTimeField())
    # on an ended_at before began_at (clocks that jumped) no time counts
    length = ExpressionWrapper(Greatest(end, F("began_at"), output_field=DateTimeField()) - F("began_at"),
                               output_field=DurationField())  # fmt: skip
    taken = Q(incident__acknowledged_at__isnull=False) & ~Q(incident__status=Status.FALSE_POSITIVE)
    judged = mine.counted(since, until).judged()
    rows = judged.order_by().values("rule").annotate(
        fired=Count("pk"), false_positives=Count("pk", filter=Q(verdict=FALSE)),
        not_actionable=Count("pk", filter=Q(verdict=USELESS)), marked=Count("pk", filter=~Q(verdict="")),
        acted=Count("pk", filter=taken & ~Q(verdict=FALSE)), held=Count("pk", filter=Q(incident=None)),
        last_at=Max("began_at"), firing_time=Sum(length),
    )  # fmt: skip
    for row in rows:
        number = row.pop("rule")
        found[number] = Figures(**row)
    flapped = Hold.objects.filter(kind=Hold.Kind.FLAP, since__gte=since, since__lt=until, alert__rule__in=list(found))
    flapping = set(flapped.order_by().values_list("alert__rule", flat=True).distinct())
    begun = _still(mine, until=until)
    plans = {plan.policy_id: plan for plan in TuningPlan.objects.filter(policy__in={rule.policy_id for rule in rules})}
    for rule in rules:
        plan, one = plans.get(rule.policy_id) or TuningPlan(), found[rule.pk]
        if not one.fired and rule.pk not in begun and rule.enabled:
            one.signs.append(NEVER)
        if rule.pk in begun and until - begun[rule.pk] >= plan.always_after:
            one.signs.append(ALWAYS)
        if rule.pk in flapping:
            one.signs.append(FLAPPING)
        if one.fired >= plan.at_least and one.wasted_share >= plan.propose_from:
            one.signs.append(WRONG)
        if one.fired >= plan.at_least and one.held * 2 > one.fired:
            one.signs.append(OFTEN_HELD)
    return found


def _still(firings: QuerySet[Firing], *, until: datetime) -> dict[int, datetime]:
    """By rule, when the alert began that fired longest at `until`; each part has an index of its own."""
    begun: dict[int, datetime] = {}
    over = {"ended_at__gt": until, "began_at__gte": until - LOOKS_BACK, "began_at__lt": until}
    for rows in (firings.filter(ended_at=None, began_at__lt=until), firings.filter(**over)):
        for rule, began in rows.order_by().values_list("rule").annotate(Min("began_at")):
            begun[rule] = min(began, begun.get(rule, began))
    return begun


def ack_medians(rules: Iterable[AlertRule], *, since: datetime, until: datetime) -> dict[int, timedelta]:
    """By rule, the median time from detection to acknowledgement of the incidents that its alerts joined."""
    rows = Firing.objects.filter(rule__in=list(rules), incident__acknowledged_at__isnull=False).counted(since, until)
    times: dict[int, list[float]] = {}
    seen = rows.order_by().values_list(
        "rule", "incident", "incident__detected_at", "incident__acknowledged_at"
    ).distinct()  # fmt: skip
    for rule, _, detected, acknowledged in seen:
        times.setdefault(rule, []).append((acknowledged - detected).total_seconds())
    return {rule: timedelta(seconds=median(values)) for rule, values in times.items()}
