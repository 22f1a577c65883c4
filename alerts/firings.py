"""The record of every time an alert of a rule fired, and what people say it was worth.

Only alerts of our own rules are recorded: those are the ones that can be tuned here. What says that a rule's source
cannot be read is no alert of the rule, and is left out.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet

from incidents.models import IllegalMove, Incident
from oncall.models import EscalationContact

from .firing_models import Firing, Mark
from .models import Liveness
from .telling import SOURCE_ERROR

if TYPE_CHECKING:
    from .grouping import Row


def note(rows: Sequence["Row"], *, at: datetime) -> None:
    """Record the alerts of rules among `rows`, which have just been judged; the same row twice changes nothing."""
    mine = {row.alert: row for row in rows if row.rule and row.labels.get("alertname") != SOURCE_ERROR}
    if not mine:
        return
    joined = dict(Liveness.objects.filter(pk__in=list(mine)).values_list("pk", "incident_id"))
    open_now = Firing.objects.filter(alert__in=list(mine), ended_at=None)
    known = {(one.alert_id, one.began_at): one for one in open_now}
    ended, fresh, changed = [], [], []
    for (alert, began), one in known.items():
        row = mine[alert]  # type: ignore[index]
        if row.starts_at != began or not row.firing:  # it began anew meanwhile, or is over
            one.ended_at = row.ends_at or at if row.starts_at == began else min(row.starts_at, at)
            ended.append(one)
        elif row.firing and one.incident_id is None and joined.get(row.alert):
            one.incident_id = joined[row.alert]
            changed.append(one)
    for row in mine.values():
        if row.rule and (row.alert, row.starts_at) not in known:
            joins = joined.get(row.alert) if row.firing else None
            fresh.append(
                Firing(
                    alert_id=row.alert,
                    rule_id=row.rule,
                    key=row.key[:255],
                    severity_key=row.severity_key,
                    began_at=row.starts_at,
                    ended_at=None if row.firing else row.ends_at or at,
                    incident_id=joins,
                )
            )
    Firing.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=500)
    Firing.objects.bulk_update(ended, ["ended_at"], batch_size=200)
    Firing.objects.bulk_update(changed, ["incident"], batch_size=200)


@transaction.atomic
def mark(firings: QuerySet[Firing], mark: str, *, by: EscalationContact, at: datetime, reason: str) -> int:
    """Note that `by` thinks so of these, and return how many there are; IllegalMove without a reason.

    An earlier word on the same firing is replaced. Why something was worth the trouble need not be said.
    """
    reason = reason.strip()
    if not reason and mark != Mark.ACTIONABLE:
        raise IllegalMove(f"Say why it was {Mark(mark).label}; the reason is used to mend the rule.")
    return firings.update(mark=mark, mark_reason=reason[:500], marked_by=by, marked_at=at)


@transaction.atomic
def mark_incident(incident: Incident, word: str, *, by: EscalationContact, at: datetime, reason: str) -> None:
    """Note what `by` thinks of every alert of a rule in the incident; it stands on the timeline and ends nothing."""
    count = mark(Firing.objects.filter(incident=incident), word, by=by, at=at, reason=reason)
    if not count:
        raise IllegalMove(f"No alert of a rule of ours is in incident #{incident.pk}, so there is no rule to mend.")
    label = Mark(word).label
    told = f"{count} alerts are {label}" if count > 1 else f"The alert is {label}"
    incident.log(
        "rated", f"{told}, says {by}{f': {reason.strip()}' if reason.strip() else ''}.", at=at, by=by,
        data={"mark": word, "alerts": count},
    )  # fmt: skip
