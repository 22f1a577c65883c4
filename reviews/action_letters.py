"""What is told of action items: to their owner, by the way the owner has chosen for what can wait."""

from datetime import datetime

from django.conf import settings

from incidents.models import Incident
from notifications import app_notices, outbox
from notifications.models import Purpose
from oncall import personal
from oncall.models import EscalationContact, Urgency
from oncall.people import persons
from policies.claims import sweep

from . import actions
from .action_models import ActionItem

FACTS = "Look at it, say what will be done instead, or drop it with a reason."
PRIVATE = "An action item of a private incident"


def remind_due(*, at: datetime) -> int:
    """Remind of the items that fall due or are overdue; return how many were looked at."""
    due = ActionItem.objects.remind_due(at).select_related("owner", "incident__policy", "review__author")
    return sweep(due, due="remind_at", at=at, work=_remind)


def _remind(item: ActionItem, *, at: datetime) -> None:
    plan = actions.plan_for(item)
    next_at = actions.remind_at(item, plan, at=at)
    ActionItem.objects.filter(pk=item.pk).update(remind_at=next_at, reminded=item.reminded + 1)
    if item.due_on is None or item.state != ActionItem.State.OPEN:
        return
    days = (actions.today(item, at=at) - item.due_on).days
    late = f"overdue since {item.due_on:%Y-%m-%d}, {days} day{'s' if days > 1 else ''}"
    standing = late if days > 0 else f"due on {item.due_on:%Y-%m-%d}"
    told = tell_owner(
        item, f"{'Overdue' if days > 0 else 'Due soon'}: {item.title}",
        f"The action item “{item.title}” is {standing}.", once=f"{item.due_on}:{item.reminded}", at=at,
    )  # fmt: skip
    if days > 0:
        whom = ", ".join(map(str, told)) or "nobody: there is no owner who can be reached"
        actions.note(item, "told", f"Overdue since {item.due_on:%Y-%m-%d}; told: {whom}.", at=at, by=None)


def tell_owner(item: ActionItem, subject: str, text: str, *, once: str, at: datetime) -> list[EscalationContact]:
    """Tell who has the item, else who writes its review, else who had the incident; return whom it reaches.

    When it reaches nobody, those who look after Opscenter see it on their pages.
    """
    told, missed = [], []
    people, _ = persons(_asked(item), at=at)
    for person in people:
        method = personal.first_method(person, Urgency.LOW)
        if method is None:
            missed.append(person)
            continue
        outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, purpose=Purpose.REMINDER, subject=subject,
            text=text, to=person.name, url=link(item), at=at, once=f"action:{item.pk}:{once}:{person.pk}"[:120],
            not_before=personal.quiet_until(person, at=at), recipient=f"contact:{person.pk}",
            thread=item.incident.thread if item.incident else "", data=data_of(item),
        )  # fmt: skip
        told.append(person)
    if not told:
        who = f"{', '.join(map(str, missed))} cannot be reached" if missed else "it has no owner"
        said = PRIVATE if item.incident and item.incident.private else subject
        cause = f"action:{item.pk}:{once}"
        app_notices.tell(app_notices.admins(), f"{said} ({who}).", cause=cause, at=at, url=item.get_absolute_url())
    return told


def _asked(item: ActionItem) -> list[EscalationContact]:
    if item.owner:
        return [item.owner]
    if item.review and item.review.author:
        return [item.review.author]
    incident: Incident | None = item.incident
    if incident is None:
        return []
    held = incident.roles.filter(role="commander").select_related("contact").order_by("-since").first()
    person = held.contact if held else incident.acknowledged_by
    return [person] if person else []


def link(item: ActionItem) -> str:
    return f"{settings.BASE_URL.rstrip('/')}{item.get_absolute_url()}"


def data_of(item: ActionItem) -> dict:
    return {"event": "action", "action": item.pk, "state": item.state, "incident": item.incident_id}
