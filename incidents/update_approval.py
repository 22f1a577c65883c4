"""A public post is read by two: what waits for a second person, who may approve it, and what becomes of it in time."""

from datetime import datetime

from django.db import transaction

from policies.claims import sweep

from . import notices, update_sending, update_templates
from .models import IncidentUpdate, ProposedUpdate
from .updates import UpdateRefused

State = ProposedUpdate.State


@transaction.atomic
def approve(proposed: ProposedUpdate, *, by, at: datetime) -> IncidentUpdate:
    """Send it. UpdateRefused when `by` wrote it or may not approve it, or it does not wait any more."""
    _may_decide(proposed, by=by, at=at)
    _decide(proposed, State.APPROVED, by=by, at=at)
    incident, template = proposed.incident, proposed.template
    update_sending.may(incident, template, by=proposed.by, roles=False)
    fields = dict(proposed.fields)
    state = fields.pop(update_sending.STATUS, "")
    return update_sending.deliver(
        incident, template, by=proposed.by, at=at, text=proposed.text, fields=fields, approved_by=by,
        subject=update_templates.subject_of(template, incident, fields), component_status=state,
    )  # fmt: skip


@transaction.atomic
def reject(proposed: ProposedUpdate, *, by, at: datetime, reason: str) -> None:
    """Nothing is sent; `reason` tells its author what to change. Who wrote it takes it back by this too."""
    if not reason.strip():
        raise UpdateRefused("Say why, so that the author knows what to change.")
    own = proposed.by_id is not None and by is not None and proposed.by_id == by.pk
    if not own:
        _may_decide(proposed, by=by, at=at)
    _decide(proposed, State.WITHDRAWN if own else State.REJECTED, by=by, at=at, reason=reason.strip()[:250])
    deed = "took back" if own else "rejected"
    proposed.incident.log("update_rejected", f"{by} {deed} “{proposed.template}”: {reason.strip()}", at=at, by=by)


def _may_decide(proposed: ProposedUpdate, *, by, at: datetime) -> None:
    if proposed.by_id is not None and by is not None and proposed.by_id == by.pk:
        raise UpdateRefused("You wrote this update; a second person has to approve it.")
    roles = proposed.template.approvers
    if roles and not update_sending.holds(proposed.incident, by, roles):
        raise UpdateRefused(f"Only {' or '.join(f'the {role}' for role in roles)} may approve “{proposed.template}”.")
    if proposed.state == State.WAITING and at > proposed.until:
        raise UpdateRefused(
            f"“{proposed.template}” had to be approved by {proposed.until:%H:%M:%S} UTC and lapsed; send it anew."
        )


def _decide(proposed: ProposedUpdate, state: str, *, by, at: datetime, reason: str = "") -> None:
    facts = {"state": state, "decided_by": by, "decided_at": at, "reason": reason, "lapse_at": None}
    if not ProposedUpdate.objects.filter(pk=proposed.pk, state=State.WAITING).update(**facts):
        proposed.refresh_from_db()
        who = f" by {proposed.decided_by}" if proposed.decided_by else ""
        raise UpdateRefused(f"“{proposed.template}” does not wait any more: it was {proposed.state}{who}.")
    for name, value in facts.items():
        setattr(proposed, name, value)


def lapse_due(*, at: datetime) -> int:
    """Take back what nobody approved in time, and tell whoever writes updates."""
    due = ProposedUpdate.objects.lapse_due(at).select_related(
        "incident__policy", "incident__severity", "template", "by"
    )
    return sweep(due, due="lapse_at", at=at, work=_lapse)


def _lapse(proposed: ProposedUpdate, *, at: datetime) -> None:
    rows = ProposedUpdate.objects.filter(pk=proposed.pk)
    if not rows.filter(state=State.WAITING).update(state=State.LAPSED, decided_at=at, lapse_at=None):
        rows.update(lapse_at=None)
        return
    incident = proposed.incident
    text = (
        f"Nobody approved “{proposed.template}” by {proposed.by} until {proposed.until:%H:%M:%S} UTC; it was not sent."
    )
    incident.log("update_lapsed", text, at=at, data={"proposed": proposed.pk})
    what = f"the approval of “{proposed.template}” (lapsed: it was not sent)"
    notices.remind(incident, what, due_at=proposed.until, at=at, once=f"proposed:{proposed.pk}:lapsed")
