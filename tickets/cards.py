"""The tickets on the incident page."""

from incidents.conditions import not_matched
from incidents.page import Card

from .models import Ticket, TicketPlan

SHOWN = [Ticket.State.WAITING, Ticket.State.MAKING, Ticket.State.MADE, Ticket.State.FAILED]


def given(context: dict) -> dict:
    """Tickets and the plans that may still be pressed for; two queries."""
    incident = context["incident"]
    there = incident.tickets.select_related("plan").filter(state__in=SHOWN)
    tickets = list(there) if "tickets" in context["has"] else []
    used = {ticket.plan_key for ticket in tickets if ticket.state != Ticket.State.WAITING}
    wanted = context["responds"] and "ticket_plans" in context["has"]
    plans = TicketPlan.objects.of_incidents(incident.policy_id) if wanted else []
    offered = [plan for plan in plans if plan.key not in used and not not_matched(plan.match, incident)]
    return {"tickets": tickets, "ticket_plans": offered}


CARD = Card("tickets", "tickets/card.html", given, there=("tickets", "ticket_plans"))
