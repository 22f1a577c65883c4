"""The way back: what a ticket has come to in its tracker, told by its webhook or read there now and then."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from incidents import lifecycle
from incidents.models import IllegalMove, Incident
from notifications.transports import TryAgain, Undeliverable
from notifications.transports.jira import JiraSite
from notifications.transports.tracker import JsonSite
from notifications.transports.trackers import Seen, Site
from policies.claims import lease

from . import others, speaking
from .models import Ticket, TicketPlan

log = logging.getLogger(__name__)
BATCH = 50
LEASE = timedelta(minutes=5)  # well over the longest answer of a whole batch's slowest
LOOK_AFTER_TROUBLE = timedelta(minutes=5)


def read_due(*, at: datetime) -> int:
    """Ask the trackers for the state of the tickets that are due; return how many answered."""
    due = Ticket.objects.read_due(at).exclude(key="")
    claimed = lease(due, due="read_at", at=at, length=LEASE, batch=BATCH)
    known = Ticket.objects.select_related("plan__policy", "plan__account", "incident__policy", "incident__severity")
    return sum(read(ticket, at=at) for ticket in known.filter(pk__in=[row.pk for row in claimed]))


def read(ticket: Ticket, *, at: datetime) -> bool:
    """Ask for the state of one ticket and take it over; whether the tracker answered."""
    try:
        seen = site_of(ticket).look(ticket.key)
    except (TryAgain, Undeliverable) as trouble:
        log.warning("The state of ticket %s could not be read: %s", ticket.key, trouble)
        Ticket.objects.filter(pk=ticket.pk).update(read_at=at + LOOK_AFTER_TROUBLE)
        return False
    take_over(ticket, seen, at=at)
    return True


def site_of(ticket: others.Kept) -> Site:
    """The tracker of the ticket, asked as its plan says."""
    sender = speaking.sender_for(ticket)
    if ticket.tracker == TicketPlan.Tracker.JIRA:
        return JiraSite(ticket.project, sender)
    return JsonSite(speaking.address_for(ticket), sender)


def take_over(ticket: Ticket, seen: Seen, *, at: datetime) -> None:
    """Note the state of a ticket; where its plan says so, one that is done there resolves its incident here."""
    incident, plan = ticket.incident, ticket.plan
    over = seen.done and not incident.is_open
    next_at = at + plan.poll if plan and plan.poll and not over else None
    with transaction.atomic():
        before = Ticket.objects.select_for_update().get(pk=ticket.pk)
        Ticket.objects.filter(pk=ticket.pk).update(
            remote_status=seen.status[:120], remote_done=seen.done, seen_at=at, read_at=next_at
        )
        if seen.status == before.remote_status:
            return
        data = {"ticket": ticket.pk, "status": seen.status}
        incident.log("ticket", f"{ticket} is {seen.status or 'without a status'} in its tracker.", at=at, data=data)
    if plan and plan.two_way and seen.done and not before.remote_done:
        _resolve(incident, ticket, at=at)


def _resolve(incident: Incident, ticket: Ticket, *, at: datetime) -> None:
    incident.refresh_from_db()
    if not incident.is_open:
        return
    try:
        lifecycle.resolve(incident, at=at, via=f"ticket {ticket}", reason=f"{ticket} is done")
    except IllegalMove as refusal:
        incident.refresh_from_db()
        incident.log("ticket", f"{ticket} is done, but the incident stays open: {refusal}", at=at)
