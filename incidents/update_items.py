"""Updates that an event makes due: the cause was identified, so people want to hear of it now."""

from datetime import datetime, timedelta

from django.db import transaction

from policies.claims import sweep
from policies.wake import wake

from . import notices
from .conditions import not_matched
from .models import Incident, UpdateItem, UpdateTemplate

JUST_AFTER = timedelta(microseconds=1)
AGAIN = timedelta(minutes=15)
"""Between two reminders of one update that is owed, on a level without an interval of its own."""


@transaction.atomic
def happened(incident: Incident, event: str, *, at: datetime) -> list[UpdateItem]:
    """`event` (cause_identified …) has happened: the templates that waited for it are due now; return what is owed.

    An event that happens again makes nothing due that was sent already or is owed still.
    """
    templates = UpdateTemplate.objects.filter(policy=incident.policy_id, on=event)
    fitting = [one for one in templates if not not_matched(one.match, incident)]
    known = set(incident.update_items.values_list("template", flat=True)) if fitting else set()
    items = []
    for template in fitting:
        if template.pk in known:
            continue
        due = {"because": event, "due_at": at, "remind_at": at + JUST_AFTER}
        items.append(UpdateItem.objects.create(incident=incident, template=template, **due))
        words = event.replace("_", " ")
        incident.log("update_wanted", f"“{template}” is due now: {words}.", at=at, data={"template": template.key})
    if items:
        wake()
    return items


def done(incident: Incident, template: UpdateTemplate, *, at: datetime) -> None:
    """It was sent: nobody is reminded of it any more."""
    incident.update_items.open().filter(template=template).update(done_at=at, remind_at=None)


def forget(incident: Incident) -> None:
    """The incident is over: nobody is reminded of what is still owed."""
    incident.update_items.filter(remind_at__isnull=False).update(remind_at=None)


def remind_due(*, at: datetime) -> int:
    """Remind whoever writes updates of those that an event has made due."""
    due = UpdateItem.objects.remind_due(at).select_related("incident__policy", "incident__severity", "template")
    return sweep(due, due="remind_at", at=at, work=_remind)


def _remind(item: UpdateItem, *, at: datetime) -> None:
    rows, incident = UpdateItem.objects.filter(pk=item.pk), item.incident
    if item.done_at or not incident.is_open:
        rows.update(remind_at=None)
        return
    every = incident.update_every or AGAIN
    times = max(0, (at - item.due_at) // every) + 1
    rows.update(remind_at=item.due_at + times * every + JUST_AFTER)
    once = f"update-item:{item.pk}:{times}"
    notices.remind(incident, f"the update “{item.template}”", due_at=item.due_at, at=at, once=once)
    if times > 1:
        incident.log("update_overdue", f"“{item.template}” is overdue since {item.due_at:%H:%M} UTC.", at=at)
