"""What tickets demand before an incident moves on; a policy's gates name these checks."""

from incidents import gates
from incidents.models import Incident

from .models import Ticket


@gates.check("ticket_cause")
def ticket_cause(incident: Incident) -> str | None:
    """A ticket ends with the root cause in it."""
    if incident.cause.strip():
        return None
    ticket = incident.tickets.kept().first()
    return f"State the root cause: it goes into {ticket.key or 'its ticket'}." if ticket else None


@gates.check("ticket_resolved")
def ticket_resolved(incident: Incident) -> str | None:
    """Everything a tracker keeps of it is done there too."""
    open_ones = [ticket for ticket in incident.tickets.kept() if not ticket.remote_done]
    if not open_ones:
        return None
    return f"Its tickets must be done: {', '.join(f'{ticket} {_where(ticket)}' for ticket in open_ones)}."


def _where(ticket: Ticket) -> str:
    states = {Ticket.State.MAKING: "is not made yet", Ticket.State.FAILED: "was refused"}
    return states.get(Ticket.State(ticket.state)) or f"is {ticket.remote_status or 'not known to be done'}"
