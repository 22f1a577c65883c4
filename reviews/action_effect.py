"""Did it work? An action item that is done is watched: when the same rule, contributing factor or service has an
incident again within its time, it is open again, and its owner is told why."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from incidents.models import Incident, TimelineEntry, heard
from oncall.models import EscalationContact
from policies.once import once_a_sweep

from . import action_letters, actions
from .action_models import ActionEntry, ActionItem

BACK, WITHDRAWN = "came_back", "withdrawn"
KEPT = ("state", "done_at", "done_by_id", "verified_at", "verified_by_id", "watch_until")
"""Facts of an item that are put back when its return turns out to have been none."""


@heard("detected", "reopened")
def opened(incident: Incident, entry: TimelineEntry) -> None:
    """Open again what was done against this rule or for this service, and has not kept it away."""
    if incident.drill:
        return
    cause = Q()
    if rule := incident.labels.get("alertname"):
        cause |= Q(rule=rule) & (Q(incident__policy=incident.policy_id) | Q(run__runbook__policy=incident.policy_id))
    if incident.service_id is not None:
        cause |= Q(service=incident.service_id)
    if not cause or not _any_watched(entry.at):
        return
    rows = ActionItem.objects.watched(entry.at).filter(cause).select_related("owner", "incident__policy")
    for item in rows.order_by("pk"):
        what = f"the rule {rule} fired" if rule and item.rule == rule else f"{incident.service} had an incident"
        came_back(item, incident, what, at=entry.at)


@once_a_sweep
def _any_watched(at: datetime) -> bool:
    """Whether any item is watched; mostly none is, and to look for those of one incident costs far more."""
    return ActionItem.objects.watched(at).exists()


def factors_named(review, *, at: datetime, by: EscalationContact | None = None) -> int:
    """Open again what was done against a contributing factor that `review` names too; return how many items.

    What counts is when the incident of the review began: after the item was done, and within its time.
    """
    named = {_plain(text) for factor in review.factors.all() for text in (factor.text, factor.category) if text.strip()}
    texts = {_plain(factor.text) for factor in review.factors.all()}
    incident = review.incident
    if not named or incident.drill:
        return 0
    rows = ActionItem.objects.watched(incident.detected_at).exclude(review=review).exclude(incident=incident)
    rows = rows.filter(~Q(factor="") | Q(review__factors__isnull=False)).distinct()
    count = 0
    for item in rows.select_related("owner", "incident__policy", "review").prefetch_related("review__factors"):
        own = {_plain(item.factor)} - {""}
        plan = actions.plan_for(item)
        watches = (plan.watch if plan else None) or actions.WATCHED
        its = {_plain(factor.text) for factor in item.review.factors.all()} if item.review else set()
        same = (own & named) or (its & texts if not own and "factor" in watches else set())
        if same:
            came_back(item, incident, f"its review names “{sorted(same)[0]}” again", at=at, by=by)
            count += 1
    return count


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")


@transaction.atomic
def came_back(
    item: ActionItem, incident: Incident, what: str, *, at: datetime, by: EscalationContact | None = None
) -> None:
    """It did not help: it is open again, on record with the incident that showed it."""
    was = {name: _stored(getattr(item, name)) for name in KEPT}
    since = f", done on {item.done_at:%Y-%m-%d}" if item.done_at else ""
    actions.open_again(item, at=at, reopened=F("reopened") + 1)
    words = f"It did not work{since}: {what} in #{incident.pk}. Open again."
    actions.note(item, BACK, words, at=at, by=by, incident=incident, data=was)
    hidden = item.incident is not None and item.incident.private
    named = "An action item of a private incident" if hidden else f"The action item “{item.title}”"
    told = f"{named}{since}{',' if since else ''} did not keep this away and is open again."
    incident.log("action_again", told, at=at, data={"action": item.pk})
    once = f"again:{incident.pk}:{at:%Y%m%d%H%M%S}"
    action_letters.tell_owner(item, f"Did not work: {item.title}", f"{words} {action_letters.FACTS}", once=once, at=at)


@heard("false_positive")
def was_none(incident: Incident, entry: TimelineEntry) -> None:
    """The incident was none: what it opened again is as before, unless somebody has done something with it since."""
    for mark in ActionEntry.objects.filter(incident=incident, kind=BACK).select_related("item"):
        item = mark.item
        if item.state != ActionItem.State.OPEN or item.entries.filter(pk__gt=mark.pk).exclude(kind="told").exists():
            continue
        facts = {name: mark.data.get(name) for name in KEPT}
        for name in ("done_at", "verified_at", "watch_until"):
            facts[name] = datetime.fromisoformat(facts[name]) if facts[name] else None
        rows = ActionItem.objects.filter(pk=item.pk, state=ActionItem.State.OPEN)
        rows.update(**facts, remind_at=None, reopened=F("reopened") - 1)
        item.refresh_from_db()
        words = f"#{incident.pk} was a false positive: {item.get_state_display().lower()} as before."
        actions.note(item, WITHDRAWN, words, at=entry.at, by=entry.by)


def _stored(value):
    return value.isoformat() if isinstance(value, datetime) else value
