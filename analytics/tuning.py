"""What rules did and what it was worth: the figures by which they are tuned. Counted by the database.

An *alert* here is one time that one key of a rule fired (alerts.models.Firing), drills left out. It is a *false
positive* when somebody said so of it or of its incident, *not actionable* when somebody said that; every other one
counts as actionable, also when nobody said anything: silence is no complaint. *Taken* means that its incident, or the
one that was merged into, was ever acknowledged (by a person, or by a system where somebody took it), and that the alert
is no false positive. When that was is said by incidents.response_times alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from django.db.models import (
    Case,
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
    When,
)
from django.db.models.functions import Coalesce, Greatest, Least

from alerts.models import AlertRule, Firing, Hold
from incidents.response_times import first_acknowledgement
from policies.models import Policy

from .tuning_models import TuningPlan, share

FALSE, USELESS = "false_positive", "not_actionable"
NEVER, ALWAYS, FLAPPING, WRONG, OFTEN_HELD = (
    "never fired", "always firing", "flapping", "mostly not worth it", "mostly held back",
)  # fmt: skip
SIGNS = (NEVER, ALWAYS, FLAPPING, WRONG, OFTEN_HELD)
ITS, OTHERS = first_acknowledgement("incident__"), first_acknowledgement("incident__merged_into__")
ACKNOWLEDGED = Case(When(incident__merged_into__isnull=False, then=OTHERS), default=ITS)
"""When the incident of a firing was first acknowledged; of one that was merged, the other one."""
TAKEN_AT = Coalesce(ITS, OTHERS)
"""When somebody took it, in either."""


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
    def wasted(self) -> int:
        """How many were false or not actionable."""
        return self.false_positives + self.not_actionable

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
    judged = mine.counted(since, until).judged().annotate(taken_at=TAKEN_AT)
    rows = judged.order_by().values("rule").annotate(
        fired=Count("pk"), false_positives=Count("pk", filter=Q(verdict=FALSE)),
        not_actionable=Count("pk", filter=Q(verdict=USELESS)), marked=Count("pk", filter=~Q(verdict="")),
        acted=Count("pk", filter=Q(taken_at__isnull=False) & ~Q(verdict=FALSE)),
        held=Count("pk", filter=Q(incident=None)), last_at=Max("began_at"),
    )  # fmt: skip
    for row in rows:
        number = row.pop("rule")
        found[number] = Figures(**row)
    flapped = Hold.objects.filter(held_within(since, until), kind=Hold.Kind.FLAP, alert__rule__in=list(found))
    flapping = set(flapped.order_by().values_list("alert__rule", flat=True).distinct())
    begun: dict[int, datetime | None] = {}
    for number, length, began in _firing(mine, since=since, until=until):
        found[number].firing_time, begun[number] = length, began
    plans = {plan.policy_id: plan for plan in TuningPlan.objects.filter(policy__in={rule.policy_id for rule in rules})}
    for rule in rules:
        plan, one = plans.get(rule.policy_id) or TuningPlan(), found[rule.pk]
        if not one.fired and rule.pk not in begun and rule.enabled:
            one.signs.append(NEVER)
        began = begun.get(rule.pk)
        if began and until - began >= plan.always_after:
            one.signs.append(ALWAYS)
        if rule.pk in flapping:
            one.signs.append(FLAPPING)
        # of the numbers: a share as it is shown is rounded
        if one.fired >= max(plan.at_least, 1) and one.wasted * 100 >= plan.propose_from * one.fired:
            one.signs.append(WRONG)
        if one.fired >= plan.at_least and one.held * 2 > one.fired:
            one.signs.append(OFTEN_HELD)
    return found


def _firing(firings: QuerySet[Firing], *, since: datetime, until: datetime) -> Iterable[tuple]:
    """Of each rule that fired in [since, until), whenever it began: (number, how long in it, begin of the longest).

    The begin is that of the alert that fired longest at `until`, None where none did then. Alerts at the same time are
    added up.
    """
    begin = Greatest(F("began_at"), Value(since), output_field=DateTimeField())
    end = Least(Coalesce(F("ended_at"), Value(until)), Value(until), output_field=DateTimeField())
    # on an ended_at before began_at (clocks that jumped) no time counts
    length = ExpressionWrapper(Greatest(end, begin, output_field=DateTimeField()) - begin, output_field=DurationField())
    still = Q(ended_at=None) | Q(ended_at__gt=until)
    rows = firings.firing(since, until).order_by().values_list("rule")  # type: ignore[attr-defined]  # of its queryset
    return rows.annotate(length=Sum(length), begun=Min("began_at", filter=still))


def held_within(since: datetime, until: datetime) -> Q:
    """The holds that held at some time in [since, until), whenever they began."""
    return Q(since__lt=until) & (Q(since__gte=since) | Q(ended_at=None) | Q(ended_at__gt=since))


def ack_medians(rules: Iterable[AlertRule], *, since: datetime, until: datetime) -> dict[int, timedelta]:
    """By rule, the median time from detection to first acknowledgement of the incidents that its alerts joined.

    Of one that was merged, the times of the other one count, as in the figures of the response.
    """
    rows = Firing.objects.filter(rule__in=list(rules)).counted(since, until)  # type: ignore[attr-defined]  # of its queryset
    where = Coalesce("incident__merged_into", "incident")
    detected = Coalesce("incident__merged_into__detected_at", "incident__detected_at")
    times: dict[int, list[float]] = {}
    seen = rows.order_by().annotate(where=where, detected=detected, acknowledged=ACKNOWLEDGED).values_list(
        "rule", "where", "detected", "acknowledged"
    ).filter(acknowledged__isnull=False).distinct()  # fmt: skip
    for rule, _, begun, acknowledged in seen:
        times.setdefault(rule, []).append((acknowledged - begun).total_seconds())
    return {rule: timedelta(seconds=median(values)) for rule, values in times.items()}
