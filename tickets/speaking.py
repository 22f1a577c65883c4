"""As whom a tracker is spoken to: the plan's own endpoint and token, else an account of the admin."""

from notifications.models import Delivery
from notifications.routing import filled
from notifications.senders import account_for
from notifications.transports import Sender
from policies.fields import SecretUnreadable
from policies.substitute import names

from . import others
from .models import Ticket, TicketPlan


def sender_of(row: Delivery) -> Sender:
    """Whom a delivery about a ticket leaves as; from its second try on it looks before it makes anything."""
    ticket = row.data.get("ticket") or {}
    again = {"again": "yes"} if row.attempts or row.possibly_repeated or row.again_of_id else {}
    if keeper := others.keeper_of(row):
        other = keeper.find(ticket.get("id") or 0)
        return Sender() if other is None else sender_for(other, **again)
    found = Ticket.objects.select_related("plan__policy", "plan__account", "incident__policy")
    known = found.filter(pk=ticket.get("id") or 0).first()
    if known is None:
        return Sender()
    return sender_for(known, **again)


def sender_for(ticket: others.Kept, **more: str) -> Sender:
    """The tracker of `ticket`, as its plan says; a parameter that is not set leaves a part empty."""
    plan = ticket.plan
    account = (plan.account if plan else None) or account_for(ticket.tracker)
    options: dict[str, object] = {}
    secret = ""
    if account is not None and account.enabled:
        options = {
            name: filled(value, account.policy) if isinstance(value, str) else value
            for name, value in account.options.items()
        }
        secret = _readable(account, "secret", account.policy)
    if plan is not None:
        endpoint = known(_readable(plan, "endpoint", plan.policy))
        token = known(_readable(plan, "token", plan.policy))
        own = {
            "base_url": endpoint, "email": known(filled(plan.email, plan.policy)), "api": plan.api,
            "issue_type": plan.issue_type, "project": ticket.project, "transitions": plan.transitions,
            "anonymous": "yes" if endpoint and not (token or secret) else "",
        }  # fmt: skip
        options |= {name: value for name, value in own.items() if value}
        secret = token or secret
    return Sender(f"ticket plan {plan.key}" if plan else "", {**options, **more}, secret)


def address_for(ticket: others.Kept) -> str:
    """Where deliveries of `ticket` go: the project of a Jira, the endpoint of another tracker."""
    if ticket.tracker == TicketPlan.Tracker.JIRA:
        return ticket.project
    plan = ticket.plan
    return _readable(plan, "endpoint", plan.policy) if plan else ""


def not_set(ticket: others.Kept) -> str:
    """What is not set up yet, as a sentence; empty when the tracker can be asked."""
    plan = ticket.plan
    if plan is None:
        return ""
    missing = names(_readable(plan, "endpoint", plan.policy))
    if missing:
        return f"The parameter {missing[0]} is not set, so that nobody knows where the tracker is; set it."
    if ticket.tracker == TicketPlan.Tracker.JIRA and not sender_for(ticket).option("base_url"):
        return "No address of the tracker is known; give the ticket plan an endpoint, or add a Jira account."
    return ""


def _readable(row, field: str, policy) -> str:
    try:
        return filled(getattr(row, field), policy)
    except SecretUnreadable:
        return ""


def known(text: str) -> str:
    """`text`, or nothing while it names a parameter that is not set."""
    return "" if names(text) else text
