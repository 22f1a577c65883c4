"""Tickets that rooms above keep of things of their own, such as action items: spoken of and read back as ours are.

A message of theirs says `data["ticket"]["of"]`, the name under which the room has registered itself here at start-up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from notifications.models import Delivery
from notifications.transports.trackers import Seen

from .models import TicketPlan


class Kept(Protocol):
    """What a ticket must have for a tracker to be spoken to about it."""

    pk: int
    plan: TicketPlan | None
    tracker: str
    project: str
    key: str


@dataclass(frozen=True)
class Keeper:
    """How a room finds and follows its tickets.

    find       by number; None when it is gone
    by_key     by plan and what the tracker calls it; None when it is not one of the room's
    answered   called with ticket, delivery, word ("sent", "try again", "undeliverable"), detail and at
    take_over  called with ticket, what the tracker showed, and at
    """

    find: Callable[[int], Any]
    by_key: Callable[[TicketPlan, str], Any]
    answered: Callable[..., None]
    take_over: Callable[..., None]


KEEPERS: dict[str, Keeper] = {}


def keeper_of(row: Delivery) -> Keeper | None:
    """The room whose ticket `row` is about; None when it is that of an incident."""
    return KEEPERS.get(str((row.data.get("ticket") or {}).get("of") or ""))


def told_by_webhook(plan: TicketPlan, key: str, seen: Seen, *, at: datetime) -> bool:
    """Hand on what a tracker tells of a ticket that is none of an incident; whether it was somebody's."""
    for keeper in KEEPERS.values():
        if (found := keeper.by_key(plan, key)) is not None:
            keeper.take_over(found, seen, at=at)
            return True
    return False
