"""Sending what follows a template: who may, what it must say, whether a second person approves it first."""

from datetime import datetime, timedelta

from django.db import transaction

from notifications.own_words import BadWording

from . import alarms, conditions, update_items, update_publishing, update_telling, update_templates, updates
from .models import Incident, IncidentUpdate, ProposedUpdate, UpdateTemplate
from .updates import UpdateRefused

JUST_AFTER = updates.JUST_AFTER
STATUS = "component_status"
"""Among the fields of a proposed update: what becomes of the components, which is no field of the update."""


@transaction.atomic
def send(
    incident: Incident, template: UpdateTemplate, *, by, at: datetime, text: str = "", fields: dict | None = None,
    by_hand: bool = False, component_status: str = "",
) -> IncidentUpdate | ProposedUpdate:  # fmt: skip
    """Send an update as `template` wants it; return it, or the proposal that now waits for a second person.

    by       who sends it; None is Opscenter itself, which no role keeps from it
    text     in place of the template's own words; empty: those
    fields   what was typed; what is left out is taken from the incident. UpdateRefused names what stays empty
    by_hand  the sender has written to the vendors already; it is only recorded
    component_status  of what is published: what becomes of the components; empty: as the template, else the level says
    """
    may(incident, template, by=by)
    given = {name: str(value).strip() for name, value in (fields or {}).items()}
    filled = updates.fill(incident, template.fields, given)
    try:
        said = text.strip() or update_templates.text_of(template, incident, {**given, **filled})
        subject = update_templates.subject_of(template, incident, {**given, **filled})
    except BadWording as fault:
        raise UpdateRefused(f"The words of “{template}” cannot be filled: {fault} Write the text yourself.") from None
    if not said and not filled:
        raise UpdateRefused("Write what people should know.")
    if template.approval:
        chosen = {STATUS: component_status} if component_status else {}
        return _propose(incident, template, by=by, at=at, text=said, fields={**filled, **chosen})
    return deliver(
        incident, template, by=by, at=at, text=said, subject=subject, fields=filled, by_hand=by_hand,
        component_status=component_status,
    )  # fmt: skip


def may(incident: Incident, template: UpdateTemplate, *, by, roles: bool = True) -> None:
    """UpdateRefused when `by` cannot send an update of `template` for the incident now.

    roles   whether `by` must hold a role of the template now; not for what was written while they did
    """
    if template.policy_id != incident.policy_id:
        raise UpdateRefused(f"“{template}” belongs to another policy than incident #{incident.pk}'s.")
    if conditions.not_matched(template.match, incident):
        raise UpdateRefused(
            f"“{template}” is not offered for incident #{incident.pk}, whose level is {incident.severity.key}."
        )
    if locked := update_templates.locked(template, incident):
        raise UpdateRefused(f"“{template}” is locked. {locked}")
    if template.publish and (incident.drill or incident.private):
        what = "a drill" if incident.drill else "private"
        raise UpdateRefused(f"Incident #{incident.pk} is {what}: nothing of it goes on the status page.")
    if by is None:
        if update_telling.vendors(template):
            raise UpdateRefused("Only a person writes to a vendor.")
        return
    if roles and template.roles and not holds(incident, by, template.roles):
        raise UpdateRefused(f"Only {_or(template.roles)} may send “{template}”; {by} holds no such role here.")


def holds(incident: Incident, contact, roles: list[str]) -> bool:
    """Whether `contact` holds one of `roles` in the incident now."""
    wanted = [role.strip().lower() for role in roles]
    return incident.roles.filter(role__in=wanted, until=None, contact=contact).exists()


def _or(roles: list[str]) -> str:
    return " or ".join(f"the {role}" for role in roles)


def deliver(
    incident: Incident, template: UpdateTemplate, *, by, at: datetime, text: str, subject: str, fields: dict,
    by_hand: bool = False, approved_by=None, component_status: str = "",
) -> IncidentUpdate:  # fmt: skip
    """Record the update and send it wherever its template leads."""
    vendors = update_telling.vendors(template)
    for vendor in vendors:
        _tell_vendor(incident, vendor, text, fields, by=by, at=at, by_hand=by_hand)
    update = updates.record(
        incident, by=by, at=at, text=text, subject=subject, audience=template.audience, fields=fields,
        template=template, approved_by=approved_by,
    )  # fmt: skip
    update_items.done(incident, template, at=at)
    for untold in update_telling.tell(incident, update, template, at=at):
        incident.log("update_untold", f"Not told by “{template}”: {untold}.", at=at)
    if template.publish:
        state = component_status or template.component_status
        update_publishing.publish(incident, update, component_state=state, at=at)
    return update


def _tell_vendor(incident: Incident, vendor, text: str, fields: dict, *, by, at: datetime, by_hand: bool) -> None:
    """Write to the vendor, or note that `by` has; either way it stands on the timeline as an escalation."""
    data = {"contact": vendor.pk, "escalation": True, "by_hand": by_hand}
    if by_hand:
        incident.log("vendor", f"{by} wrote to {vendor} by hand: {text}", at=at, by=by, data=data)
        return
    rest = [f"{name}: {value}" for name, value in fields.items() if value not in text]
    if not alarms.ask_vendor(incident, vendor, "\n".join([text, *rest]), by=by, at=at):
        raise UpdateRefused(f"{vendor} has no usable contact method; add one in the admin, or write by hand.")
    incident.log("vendor", f"{by} wrote to {vendor}: {text}", at=at, by=by, data=data)


def _propose(incident: Incident, template: UpdateTemplate, *, by, at: datetime, text: str, fields: dict):
    until = at + (template.approval or timedelta(0))
    proposed = ProposedUpdate.objects.create(
        incident=incident, template=template, by=by, at=at, text=text, fields=fields, until=until,
        lapse_at=until + JUST_AFTER,
    )  # fmt: skip
    said = (
        f"“{template}” by {by or 'Opscenter'} waits for the approval of a second person until {until:%H:%M} UTC: {text}"
    )
    incident.log("update_proposed", said, at=at, by=by, data={"proposed": proposed.pk, "template": template.key})
    update_telling.ask_approval(incident, proposed, at=at)
    return proposed
