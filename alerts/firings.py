"""The record of every time an alert of a rule fired, and what people say it was worth.

Only alerts of our own rules are recorded: those are the ones that can be tuned here. What says that a rule's source
cannot be read is no alert of the rule, and is left out.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT

from incidents.models import IllegalMove, Incident, TimelineEntry
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
    reason = reason.replace("\x00", "").strip()  # which PostgreSQL keeps in no text
    if not reason and mark != Mark.ACTIONABLE:
        raise IllegalMove(f"Say why it was {Mark(mark).label}; the reason is used to mend the rule.")
    return firings.update(mark=mark, mark_reason=reason[:500], marked_by=by, marked_at=at)


@transaction.atomic
def mark_incident(incident: Incident, word: str, *, by: EscalationContact, at: datetime, reason: str) -> None:
    """Note what `by` thinks of every alert of a rule in the incident; it stands on the timeline and ends nothing.

    A word on an alert itself counts more and stays. IllegalMove where none is left, or no alert of a rule is in it.
    """
    rows = Firing.objects.of(incident)  # type: ignore[attr-defined]  # a method of its queryset
    every = rows.count()
    if not every:
        raise IllegalMove(f"No alert of a rule of ours is in incident #{incident.pk}, so there is no rule to mend.")
    count = mark(rows.filter(pk__in=_without_own_word(rows)), word, by=by, at=at, reason=reason)
    if not count:
        raise IllegalMove(
            f"Somebody has said of each alert in incident #{incident.pk} what it was worth, which counts more; "
            "say it on the page of the alert."
        )
    label = Mark(word).label
    told = f"{count} alerts are {label}" if count > 1 else f"The alert is {label}"
    if own := every - count:
        told += f" ({own} more bear{'' if own > 1 else 's'} a word of {'their' if own > 1 else 'its'} own)"
    incident.log(
        "rated", f"{told}, says {by}{f': {reason.strip()}' if reason.strip() else ''}.", at=at, by=by,
        data={"mark": word, "alerts": count},
    )  # fmt: skip


def _without_own_word(rows: QuerySet[Firing]) -> list[int]:
    """Those nobody marked, and those marked by a word on their incident: the timeline has that, with the same instant.

    What was said of the incident that its own was merged into counts too.
    """
    where = Q(incident=OuterRef("incident")) | Q(incident=OuterRef("incident__merged_into"))
    rated = TimelineEntry.objects.filter(where, kind="rated", at=OuterRef("marked_at"))
    said = rated.annotate(word=KT("data__mark")).filter(word=OuterRef("mark"))
    return list(rows.filter(Q(mark="") | Exists(said)).values_list("pk", flat=True))
