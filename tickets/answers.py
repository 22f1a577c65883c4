"""What a tracker answered: the key is kept with the incident, and trouble is told once."""

from datetime import datetime

from notifications.models import Delivery

from . import others
from .models import Ticket

State = Ticket.State


def came_back(row: Delivery, word: str, detail: str, *, at: datetime) -> None:
    """Note how one try to tell a tracker ended.

    word   "sent", "try again" or "undeliverable"
    """
    told = row.data.get("ticket") or {}
    if keeper := others.keeper_of(row):
        if (other := keeper.find(told.get("id") or 0)) is not None:
            keeper.answered(other, row, word, detail, at=at)
        return
    found = Ticket.objects.select_related("incident", "plan").filter(pk=told.get("id") or 0).first()
    if found is None:
        return
    if word == "sent":
        _taken(found, row, detail, at=at)
    elif word == "try again":
        if not found.error:
            words = f"{found} could not be told yet: {detail} It is tried until the tracker is back."
            found.incident.log("ticket", words, at=at, data={"ticket": found.pk})
        Ticket.objects.filter(pk=found.pk).update(error=detail)
    else:
        Ticket.objects.filter(pk=found.pk).update(state=State.FAILED, error=detail)
        words = f"{found} was refused: {detail} Mend that, then have it tried again."
        found.incident.log("ticket", words, at=at, data={"ticket": found.pk})


def _taken(ticket: Ticket, row: Delivery, detail: str, *, at: datetime) -> None:
    key = row.reference or ticket.key
    new = bool(key) and not ticket.key
    facts = {"state": State.MADE, "error": "", "key": key, "url": getattr(detail, "url", "") or ticket.url}
    if ticket.made_at is None:
        facts["made_at"] = at
    if ticket.plan and ticket.plan.poll:
        facts["read_at"] = at + ticket.plan.poll
    Ticket.objects.filter(pk=ticket.pk).update(**facts)
    if new:
        where = f"{ticket.get_tracker_display()} {ticket.project}".strip()
        data = {"ticket": ticket.pk, "key": key, "url": facts["url"]}
        ticket.incident.log("ticket", f"Ticket {key} is made in {where}.", at=at, data=data)
    elif ticket.error:
        ticket.incident.log("ticket", f"{key} is in step again.", at=at, data={"ticket": ticket.pk})
