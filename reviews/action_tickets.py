"""The ticket of an action item, in step both ways: what happens here is told there, and one that is done there is done.

It is made by the policy's ticket plans with `when: action`, or by a press; spoken of by the transports of tickets.
"""

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from incidents.conditions import not_matched
from notifications import outbox
from notifications.models import Delivery, Purpose
from notifications.own_words import BadWording, render
from notifications.transports import TryAgain, Undeliverable
from notifications.transports.trackers import Seen
from oncall.models import EscalationContact
from policies.claims import lease
from policies.wake import wake
from tickets import reading, speaking
from tickets.keeping import KINDS
from tickets.models import TicketPlan
from tickets.others import Keeper

from . import action_letters, actions
from .action_models import ActionEntry, ActionItem, ActionTicket
from .actions import ActionRefused

log = logging.getLogger(__name__)
State = ActionTicket.State
OF, VIA = "action", "ticket"
EVENTS = {"done": "resolved", "dropped": "resolved", "reopened": "reopened", "came_back": "reopened",
          "withdrawn": "resolved", "verified": "updated", "edited": "updated", "comment": "updated"}  # fmt: skip
"""What happens to an item, and what it is for its ticket."""
PRIVATE = "An action item of a private incident: it stands in Opscenter, for those who may see it."
BATCH, LEASE, LATER = 50, timedelta(minutes=5), timedelta(minutes=5)


def plans_for(item: ActionItem) -> list[TicketPlan]:
    """Where a ticket of the item can be made."""
    return list(TicketPlan.objects.of_actions(item.policy)) if item.policy else []


def changed(item: ActionItem, kind: str, entry: ActionEntry) -> None:
    """Tell the tracker what happened to the item; a new one gets its ticket, if its policy says so."""
    if kind == "added":
        wanted = (plan for plan in plans_for(item) if plan.when == TicketPlan.When.ACTION)
        plan = next((one for one in wanted if item.incident and not not_matched(one.match, item.incident)), None)
        if plan is not None:
            _make(item, plan, at=entry.at)
        return
    ticket = ActionTicket.objects.select_related("plan__policy").filter(item=item).first()
    if ticket is None or kind not in EVENTS or entry.data.get("via") == VIA or ticket.plan is None:
        return
    event = EVENTS[kind]
    if kind == "withdrawn" and item.state == ActionItem.State.OPEN:
        event = "updated"
    ticket.item = item
    _tell(ticket, event, entry.text, at=entry.at, once=f"action-ticket:{ticket.pk}:{entry.pk}",
          resolution=kind == "done")  # fmt: skip


def _make(item: ActionItem, plan: TicketPlan, *, at: datetime) -> ActionTicket:
    ticket = ActionTicket.objects.create(item=item, plan=plan, tracker=plan.tracker, project=plan.project)
    _open(ticket, at=at)
    return ticket


def _open(ticket: ActionTicket, *, at: datetime) -> None:
    if why := speaking.not_set(ticket):
        ActionTicket.objects.filter(pk=ticket.pk).update(state=State.FAILED, error=why)
        actions.note(ticket.item, "ticket", f"No {ticket} is made: {why}", at=at, by=None)
        return
    again = Delivery.objects.filter(once__startswith=f"action-ticket:{ticket.pk}:opened:").count()
    row = _tell(ticket, "opened", description(ticket.item), at=at, once=f"action-ticket:{ticket.pk}:opened:{again}")
    ActionTicket.objects.filter(pk=ticket.pk).update(state=State.MAKING, error="", delivery=row)
    wake()


def _tell(
    ticket: ActionTicket, event: str, text: str, *, at: datetime, once: str, resolution: bool = True
) -> Delivery:  # fmt: skip
    item, plan = ticket.item, ticket.plan
    private = item.incident is not None and item.incident.private
    title = f"Action item {item.pk} of a private incident" if private else item.title
    said = {
        "of": OF, "id": ticket.pk, "key": ticket.key, "label": label_of(item), "labels": plan.labels if plan else [],
        "description": description(item), "fields": _fields(ticket, at=at),
        "resolution": plan.resolution if plan and resolution else "",
    }  # fmt: skip
    return outbox.queue(
        kind=KINDS[TicketPlan.Tracker(ticket.tracker)], address=speaking.address_for(ticket), purpose=Purpose.TICKET,
        subject=title, text=f"Status: {item.get_state_display()}" if private and event != "opened" else text,
        url=action_letters.link(item), thread=f"action:{item.pk}",
        to=f"{ticket.get_tracker_display()} {ticket.project}".strip(), at=at, once=once,
        data={"event": event, "ticket": said, "action": item.pk},
    )  # fmt: skip


def label_of(item: ActionItem) -> str:
    """What tells its ticket from every other of ours, also from one of an installation before this."""
    made = item.created_at.astimezone(UTC).isoformat() if item.created_at else ""
    salt = hashlib.sha256(f"{settings.BASE_URL} {made}".encode()).hexdigest()[:8]
    return f"opscenter-{salt}-action-{item.pk}"


def values(item: ActionItem) -> dict[str, Any]:
    """What the templates of a plan's further fields may use."""
    incident = item.incident
    return {
        "title": item.title, "text": item.text, "category": item.get_category_display(),
        "priority": item.get_priority_display(), "owner": str(item.owner or ""), "due": str(item.due_on or ""),
        "status": item.get_state_display(), "url": action_letters.link(item), "number": incident.pk if incident else "",
        "severity": incident.severity.key if incident else "", "service": str(item.service or ""), "summary": "",
        "impact": "", "cause": incident.cause if incident else "", "eta": str(item.due_on or ""),
        "first_responder": str(item.owner or ""), "expected_resolution": str(item.due_on or ""), "detected_at": "",
        "labels": incident.labels if incident else {},
    }  # fmt: skip


def description(item: ActionItem) -> str:
    incident = item.incident
    if incident and incident.private:
        return f"{PRIVATE}\n{_where(item)}"
    lines = [
        item.text.strip() or item.title,
        f"Kind: {item.get_category_display()}",
        f"Priority: {item.get_priority_display()}",
        f"Owner: {item.owner or 'nobody yet'}",
        f"Due: {item.due_on or 'no day is named'}",
        *([f"Incident: #{incident.pk} {incident.title}"] if incident else []),
        _where(item),
    ]
    return "\n".join(lines)


def _where(item: ActionItem) -> str:
    return f"Opscenter: {action_letters.link(item)}"


def _fields(ticket: ActionTicket, *, at: datetime) -> dict[str, Any]:
    """The plan's further fields, filled; what cannot be filled is left out and noted once."""
    item, plan = ticket.item, ticket.plan
    if plan is None or not plan.fields or (item.incident and item.incident.private):
        return {}
    names = values(item)
    faults: list[str] = []

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            try:
                return render(value, names)
            except BadWording as fault:
                faults.append(f"A field of {ticket} could not be filled: {value}: {fault}")
                return ""
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        return [filled(one) for one in value] if isinstance(value, list) else value

    made = {name: filled(value) for name, value in plan.fields.items()}
    for words in faults:
        if not item.entries.filter(kind="ticket", text=words).exists():
            item.entries.create(kind="ticket", text=words, at=at)
    return {name: value for name, value in made.items() if value not in ("", {})}


@transaction.atomic
def do(item: ActionItem, deed: str, plan: str, *, by: EscalationContact, at: datetime) -> None:
    """What a person presses: `ticket` makes one by plan number `plan`, `again` tries a refused one, `read` asks."""
    ticket = ActionTicket.objects.select_related("plan__policy", "item").filter(item=item).first()
    if deed == "ticket":
        wanted = next((one for one in plans_for(item) if str(one.pk) == plan), None)
        if ticket is not None:
            raise ActionRefused(f"It has {ticket} already; there is never a second one.")
        if wanted is None:
            raise ActionRefused("Its policy has no such ticket plan any more; choose another.")
        actions.note(item, "ticket", f"{by} asked for a ticket in {wanted.project or wanted.key}.", at=at, by=by)
        _make(item, wanted, at=at)
    elif ticket is None:
        raise ActionRefused("It has no ticket yet.")
    elif deed == "again":
        if ticket.state != State.FAILED:
            raise ActionRefused(f"{ticket} was not refused, so there is nothing to try again.")
        actions.note(item, "ticket", f"{by} has {ticket} tried again.", at=at, by=by)
        ticket.item = item
        if ticket.key:
            ActionTicket.objects.filter(pk=ticket.pk).update(state=State.MADE, error="")
            settled = item.state != ActionItem.State.OPEN
            _tell(ticket, "resolved" if settled else "updated", f"Status: {item.get_state_display()}", at=at,
                  once=f"action-ticket:{ticket.pk}:again:{at.timestamp():.6f}")  # fmt: skip
        else:
            _open(ticket, at=at)
    elif not ticket.key or ticket.plan is None or not read(ticket, at=at):
        raise ActionRefused(f"The tracker did not tell the state of {ticket}; look there yourself.")


@transaction.atomic
def link(
    item: ActionItem, key: str, url: str, *, plan: TicketPlan | None, by: EscalationContact, at: datetime
) -> ActionTicket:
    """A ticket that is there already is the item's; with `plan` it is kept in step as one of that plan."""
    key = key.strip()
    if not key and not url:
        raise ActionRefused("Name the ticket, such as OPS-12, or give its address.")
    if found := ActionTicket.objects.filter(item=item).first():
        raise ActionRefused(f"It has {found} already; there is never a second one.")
    ticket = ActionTicket.objects.create(
        item=item, plan=plan, tracker=plan.tracker if plan else TicketPlan.Tracker.JSON,
        project=plan.project if plan else "", state=State.MADE, key=key or url, url=url, made_at=at,
        read_at=at if plan and key else None,
    )  # fmt: skip
    actions.note(item, "ticket", f"{by} linked {ticket}.", at=at, by=by)
    return ticket


def answered(ticket: ActionTicket, row: Delivery, word: str, detail: str, *, at: datetime) -> None:
    """How one try to tell the tracker ended."""
    rows = ActionTicket.objects.filter(pk=ticket.pk)
    if word == "sent":
        key = row.reference or ticket.key
        poll = ticket.plan.poll if ticket.plan else None
        url = getattr(detail, "url", "") or ticket.url
        rows.update(
            state=State.MADE, error="", key=key, url=url, made_at=ticket.made_at or at,
            read_at=at + poll if poll else None,
        )  # fmt: skip
        if key and not ticket.key:
            where = f"{ticket.get_tracker_display()} {ticket.project}".strip()
            actions.note(ticket.item, "ticket", f"Ticket {key} is made in {where}.", at=at, by=None)
    elif word == "try again":
        rows.update(error=detail)
    else:
        rows.update(state=State.FAILED, error=detail)
        words = f"{ticket} was refused: {detail} Mend that, then have it tried again."
        actions.note(ticket.item, "ticket", words, at=at, by=None)


def read_due(*, at: datetime) -> int:
    """Ask the trackers for the state of the tickets that are due; return how many answered."""
    due = ActionTicket.objects.filter(read_at__lte=at).exclude(key="").order_by("read_at", "pk")
    claimed = lease(due, due="read_at", at=at, length=LEASE, batch=BATCH)
    known = _known().filter(pk__in=[row.pk for row in claimed])
    return sum(read(ticket, at=at) for ticket in known)


def read(ticket: ActionTicket, *, at: datetime) -> bool:
    """Ask for the state of one ticket and take it over; whether the tracker answered."""
    try:
        seen = reading.site_of(ticket).look(ticket.key)
    except (TryAgain, Undeliverable) as trouble:
        log.warning("The state of ticket %s could not be read: %s", ticket.key, trouble)
        ActionTicket.objects.filter(pk=ticket.pk).update(read_at=at + LATER)
        return False
    take_over(ticket, seen, at=at)
    return True


@transaction.atomic
def take_over(ticket: ActionTicket, seen: Seen, *, at: datetime) -> None:
    """What was done there is done here, and what was opened again there is open again here."""
    before = ActionTicket.objects.select_for_update().get(pk=ticket.pk)
    item = ActionItem.objects.select_related("owner", "incident__policy", "run__runbook__policy").get(pk=before.item_id)
    over = seen.done and item.state != ActionItem.State.OPEN
    poll = ticket.plan.poll if ticket.plan else None
    ActionTicket.objects.filter(pk=ticket.pk).update(
        remote_status=seen.status[:120], remote_done=seen.done, seen_at=at,
        read_at=at + poll if poll and not over else None,
    )  # fmt: skip
    if seen.status == before.remote_status:
        return
    actions.note(item, "ticket", f"{before} is {seen.status or 'without a status'} in its tracker.", at=at, by=None)
    why = f"{before} is {seen.status} in its tracker"
    if seen.done and not before.remote_done and item.state == ActionItem.State.OPEN:
        actions.done(item, by=None, at=at, why=why, via=VIA)
    elif not seen.done and before.remote_done and item.state in (ActionItem.State.DONE, ActionItem.State.VERIFIED):
        actions.reopen(item, by=None, at=at, why=why, via=VIA)


def _known():
    rows = ActionTicket.objects.select_related("plan__policy", "plan__account", "item__owner", "item__service")
    return rows.select_related("item__incident__severity", "item__incident__policy")


KEEPER = Keeper(
    find=lambda number: _known().filter(pk=number).first(),
    by_key=lambda plan, key: _known().filter(plan=plan, key=key).first(),
    answered=answered,
    take_over=take_over,
)
