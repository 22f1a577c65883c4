"""What an incident costs: people's hours on it, and the minutes in which customers were affected."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from . import impact
from .models import Incident

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Cost:
    """Amounts in `currency`; `hours` of `people` persons, and for how long customers were affected."""

    currency: str
    people: int
    hours: Decimal
    affected: timedelta
    responders: Decimal
    customers: Decimal

    @property
    def total(self) -> Decimal:
        return self.responders + self.customers


def of(incident: Incident, *, at: datetime) -> Cost | None:
    """The cost until `at`, or until the incident was over; None when the policy names no rates.

    A person counts from the first thing they did or the first role they took until the end, or until their last role
    was handed over and they did nothing more.
    """
    policy = incident.policy
    if not policy.cost_currency:
        return None
    end = min(incident.resolved_at or at, at)
    spans: dict[int, tuple[datetime, datetime]] = {}

    def note(person: int, since: datetime, until: datetime) -> None:
        first, last = spans.get(person, (since, until))
        spans[person] = (min(first, since), max(last, until))

    for person, when in incident.timeline.exclude(by=None).filter(at__lte=end).values_list("by", "at"):
        note(person, when, when)
    gone: dict[int, bool] = {}
    for person, since, until in incident.roles.values_list("contact", "since", "until"):
        note(person, since, min(until or end, end))
        gone[person] = until is not None and gone.get(person, True)
    worked = timedelta(0)
    for person, (since, until) in spans.items():
        worked += max((until if gone.get(person) else end) - since, timedelta(0))
    affected = impact.total(incident, at=end)
    hours = Decimal(worked / timedelta(hours=1)).quantize(CENT)
    return Cost(
        policy.cost_currency, len(spans), hours, affected,
        (hours * policy.cost_responder_hour).quantize(CENT),
        (Decimal(affected / timedelta(minutes=1)) * policy.cost_impact_minute).quantize(CENT),
    )  # fmt: skip
