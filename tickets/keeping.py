"""Tickets in step with their incidents: wanted at the opening, made by the sweep, told of what follows.

What a tracker is to be told is written into the outbox in the transaction of its cause, once; the outbox carries it
there in order, for as long as the tracker is away.
"""

import re
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from incidents.conditions import not_matched
from incidents.models import IllegalMove, Incident, Status, TimelineEntry, heard
from incidents.notices import link
from notifications import outbox
from notifications.models import Delivery, Purpose
from oncall.models import EscalationContact
from policies.claims import sweep
from policies.once import once_a_sweep
from policies.wake import wake

from . import content, speaking
from .models import Ticket, TicketPlan

State = Ticket.State
KINDS = {TicketPlan.Tracker.JIRA: "jira", TicketPlan.Tracker.JSON: "tracker"}
ISSUE = re.compile(r"(?:^|/browse/)(?P<project>[A-Z][A-Z0-9_]*)-\d+$", re.ASCII)
NOW = timedelta()
KEPT = [State.MAKING, State.MADE, State.FAILED]
EVENTS = {
    "acknowledged": "acknowledged", "mitigated": "mitigated", "resolved": "resolved", "closed": "closed",
    "reopened": "reopened", "false_positive": "false positive", "merged": "merged", "severity": "severity",
}  # fmt: skip
"""Entries of the timeline that a ticket is told of, and what they are called there."""
ENDS = frozenset({"resolved", "false_positive", "closed", "merged"})


class TicketRefused(IllegalMove):
    """A ticket cannot be made or linked; the text says why and what to do."""


@once_a_sweep
def _plans(policy: int) -> list[TicketPlan]:
    return list(TicketPlan.objects.filter(policy=policy, when=TicketPlan.When.OPENED))


@heard("detected", "severity", "reopened")
def want(incident: Incident, entry: TimelineEntry) -> None:
    """Note which tickets the incident is to have, as its policy says for its level and labels."""
    plans = _plans(incident.policy_id)
    if not plans:
        return
    # a sweep that makes one of them just now is waited for
    rows = list(incident.tickets.select_for_update()) if entry.kind != "detected" else []
    there = {ticket.plan_key: ticket for ticket in rows}
    # one is enough in one place: a level that rises has the ticket it has, even if another plan or a person made it
    places = {place_of(ticket) for ticket in rows if ticket.state in KEPT}
    for plan in sorted(plans, key=lambda plan: plan.after or NOW):  # the one that does not wait is the one it gets
        ticket, fits = there.get(plan.key), not not_matched(plan.match, incident)
        place = (plan.tracker, plan.project)
        if fits and place in places and (ticket is None or ticket.state not in KEPT):
            fits = False
        elif fits:
            places.add(place)
        begin = max(incident.detected_at, entry.at) if entry.kind == "reopened" else incident.detected_at
        look_at = max(begin + plan.after, entry.at) if plan.after else entry.at
        if ticket is None and fits:
            Ticket.objects.create(
                incident=incident, plan=plan, plan_key=plan.key, tracker=plan.tracker, project=plan.project,
                look_at=look_at,
            )  # fmt: skip
        elif ticket is not None and ticket.state == State.WAITING and not fits:
            _drop(ticket, "its level changed, or another ticket is there")
        elif ticket is not None and ticket.state in (State.DROPPED, State.WAITING) and fits:
            Ticket.objects.filter(pk=ticket.pk).update(state=State.WAITING, look_at=look_at, error="")
    wake()


def place_of(ticket: Ticket) -> tuple[str, str]:
    """Tracker and project in which it is kept; of a ticket that a person linked, as its key says."""
    if ticket.is_linked and (key := ISSUE.search(ticket.key) or ISSUE.search(ticket.url)):
        return TicketPlan.Tracker.JIRA, key["project"]
    return ticket.tracker, ticket.project


def _taken(ticket: Ticket) -> Ticket | None:
    """The ticket that the incident has in the same place already."""
    beside = ticket.incident.tickets.filter(state__in=KEPT).exclude(pk=ticket.pk)
    return next((one for one in beside if place_of(one) == (ticket.tracker, ticket.project)), None)


@heard("fires_again")
def active_again(incident: Incident, entry: TimelineEntry) -> None:
    """What waited for the end of a quiet time is looked at when it would have been made."""
    for ticket in incident.tickets.filter(state=State.WAITING).select_related("plan"):
        due = incident.detected_at + (ticket.plan.after or entry.at - entry.at) if ticket.plan else entry.at
        Ticket.objects.filter(pk=ticket.pk).update(look_at=max(due, entry.at))


def look_due(*, at: datetime) -> int:
    """Make the tickets whose time has come, and drop those whose incident is over."""
    due = Ticket.objects.look_due(at).select_related(
        "plan__policy", "incident__policy", "incident__severity", "incident__service", "incident__acknowledged_by"
    )
    return sweep(due, due="look_at", at=at, work=_look)


def _look(ticket: Ticket, *, at: datetime) -> None:
    incident, plan = ticket.incident, ticket.plan
    waits = plan is not None and bool(plan.after)
    if ticket.state != State.WAITING:
        Ticket.objects.filter(pk=ticket.pk).update(look_at=None)
    elif waits and not incident.is_open:
        _drop(ticket, f"the incident was {incident.get_status_display().lower()} before")
    elif waits and incident.quiet_until is not None and incident.quiet_until > at:
        # nothing fires any more: it is active only if that comes back before the quiet time is over
        Ticket.objects.filter(pk=ticket.pk).update(look_at=incident.quiet_until)
    elif other := _taken(ticket):
        _drop(ticket, f"{other} is there already")
    else:
        make(ticket, at=at)


def _drop(ticket: Ticket, why: str) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(state=State.DROPPED, look_at=None, error=f"Not made: {why}.")


def make(ticket: Ticket, *, at: datetime) -> None:
    """Have the tracker make the ticket; what is missing of its set-up is told instead."""
    if why := speaking.not_set(ticket):
        Ticket.objects.filter(pk=ticket.pk).update(state=State.FAILED, look_at=None, error=why)
        ticket.incident.log("ticket", f"No {ticket} is made: {why}", at=at, data={"ticket": ticket.pk})
        return
    again = Delivery.objects.filter(once__startswith=f"ticket:{ticket.pk}:opened:").count()
    row = _tell(
        ticket, "opened", content.subject(ticket.incident), content.description(ticket), at=at,
        once=f"ticket:{ticket.pk}:opened:{again}",
    )  # fmt: skip
    told = content.known(ticket.incident)
    Ticket.objects.filter(pk=ticket.pk).update(state=State.MAKING, look_at=None, error="", delivery=row, told=told)


@heard("acknowledged", "mitigated", "resolved", "closed", "reopened", "false_positive", "merged", "severity")
def follow(incident: Incident, entry: TimelineEntry) -> None:
    """Tell the tickets of the incident what became of it."""
    for ticket in _kept(incident):
        text = content.follow_up(ticket, entry.text, at_end=entry.kind in ENDS)
        _tell(ticket, EVENTS[entry.kind], entry.text, text, at=entry.at, once=f"ticket:{ticket.pk}:{entry.pk}")
        _note_told(ticket)


@heard("role", "edited")
def update(incident: Incident, entry: TimelineEntry) -> None:
    """Tell the tickets who has it and when it is expected to be over, once that is known or has changed."""
    tickets = _kept(incident)
    if not tickets:
        return
    told = content.known(incident)
    named = {"cause", "impact"} & {str(entry.data.get("field") or "")}
    for ticket in tickets:
        fields = ticket.plan.fields if ticket.plan else {}
        if told == ticket.told and not (named and fields):
            continue
        words = entry.text if told != ticket.told or named else "The facts were edited."
        text = content.follow_up(ticket, words)
        _tell(ticket, "updated", words, text, at=entry.at, once=f"ticket:{ticket.pk}:{entry.pk}")
        _note_told(ticket)


def _kept(incident: Incident) -> list[Ticket]:
    tickets = list(incident.tickets.kept().select_related("plan__policy"))
    for ticket in tickets:
        ticket.incident = incident
    return tickets


def _note_told(ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(told=content.known(ticket.incident))


def _tell(ticket: Ticket, event: str, subject: str, text: str, *, at: datetime, once: str) -> Delivery:
    """Write into the outbox what the tracker is to be told."""
    incident = ticket.incident
    fields, fault = content.fields(ticket)
    if fault and not incident.timeline.filter(kind="ticket", text__contains=fault[:200]).exists():
        incident.log("ticket", f"A field of {ticket} could not be filled: {fault}"[:1000], at=at)
    plan = ticket.plan
    said = {
        "id": ticket.pk, "key": ticket.key, "label": content.label_of(ticket), "labels": plan.labels if plan else [],
        "description": text if event == "opened" else content.description(ticket), "fields": fields,
        "resolution": plan.resolution if plan else "",
    }  # fmt: skip
    return outbox.queue(
        kind=KINDS[TicketPlan.Tracker(ticket.tracker)], address=speaking.address_for(ticket), purpose=Purpose.TICKET,
        subject=content.subject(incident), text=text, url=link(incident), thread=f"{incident.thread}:{ticket.plan_key}",
        to=f"{ticket.get_tracker_display()} {ticket.project}".strip(), at=at, once=once,
        data={"event": event, "incident": incident.pk, "ticket": said},
    )  # fmt: skip


@transaction.atomic
def make_by_hand(incident: Incident, plan: TicketPlan, *, by: EscalationContact, at: datetime) -> Ticket:
    """A person wants a ticket of `plan` now."""
    if incident.status == Status.MERGED:
        raise TicketRefused(f"It was merged into #{incident.merged_into_id}; make a ticket there.")
    beside = incident.tickets.filter(tracker=plan.tracker, project=plan.project, state__in=KEPT)
    if other := beside.exclude(plan_key=plan.key).first():
        raise TicketRefused(f"This incident has {other} there already; there is never a second one.")
    try:
        with transaction.atomic():
            ticket, new = Ticket.objects.select_for_update().get_or_create(
                incident=incident, plan_key=plan.key,
                defaults={"plan": plan, "tracker": plan.tracker, "project": plan.project, "by": by},
            )  # fmt: skip
    except IntegrityError:
        raise TicketRefused("Somebody else makes this ticket at the same moment; look again.") from None
    if not new and ticket.state not in (State.WAITING, State.DROPPED):
        raise TicketRefused(f"This incident has {ticket} of {plan.key} already; there is never a second one.")
    ticket.incident = incident
    Ticket.objects.filter(pk=ticket.pk).update(by=by)
    incident.log("ticket", f"{by} asked for a ticket in {plan.project or plan.key}.", at=at, by=by)
    make(ticket, at=at)
    ticket.refresh_from_db()
    return ticket


@transaction.atomic
def try_again(ticket: Ticket, *, by: EscalationContact, at: datetime) -> None:
    """The tracker refused it and somebody has mended what was wrong: it is told everything it has not taken."""
    if not Ticket.objects.filter(pk=ticket.pk, state=State.FAILED).update(state=State.WAITING, error=""):
        raise TicketRefused(f"{ticket} was not refused, so there is nothing to try again.")
    ticket.refresh_from_db()
    ticket.incident.log("ticket", f"{by} has {ticket} tried again.", at=at, by=by)
    if ticket.key:  # made before; what failed came after
        Ticket.objects.filter(pk=ticket.pk).update(state=State.MADE)
        text = content.follow_up(ticket, f"Status: {ticket.incident.get_status_display()}")
        event = {"resolved": "resolved", "closed": "resolved", "false_positive": "false positive"}
        _tell(
            ticket, event.get(ticket.incident.status, "updated"), text, text, at=at,
            once=f"ticket:{ticket.pk}:again:{at.timestamp():.6f}",
        )  # fmt: skip
        return
    make(ticket, at=at)


@transaction.atomic
def link_by_hand(
    incident: Incident, key: str, url: str, *, plan: TicketPlan | None, by: EscalationContact, at: datetime
) -> Ticket:
    """A ticket that is there already belongs to the incident; with `plan` it is kept in step as one of that plan."""
    key = key.strip()
    if not key and not url:
        raise TicketRefused("Name the ticket, such as OPS-12, or give its address.")
    if incident.tickets.filter(key=key).exclude(key="").exists():
        raise TicketRefused(f"{key} is linked to this incident already.")
    if plan and (held := incident.tickets.filter(plan_key=plan.key).first()):
        if held.state not in (State.WAITING, State.DROPPED, State.FAILED) or held.key:
            raise TicketRefused(f"This incident has {held} of {plan.key} already; link it without a plan.")
        held.delete()
    name = plan.key if plan else f"linked-{incident.tickets.filter(plan_key__startswith='linked-').count() + 1}"
    ticket = Ticket.objects.create(
        incident=incident, plan=plan, plan_key=name, tracker=plan.tracker if plan else TicketPlan.Tracker.JSON,
        project=plan.project if plan else "", state=State.MADE, key=key or url, url=url, by=by, made_at=at,
        read_at=at if plan else None,
    )  # fmt: skip
    incident.log("ticket", f"{by} linked {ticket}.", at=at, by=by, data={"ticket": ticket.pk, "url": url})
    return ticket
