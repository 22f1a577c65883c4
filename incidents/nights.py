"""Who was paged when: for layers on which people rest after a night with pages, and for the on-call figures."""

from collections.abc import Iterable
from datetime import datetime

from oncall.models import EscalationContact

from .models import Page


def paged(contacts: Iterable[EscalationContact], start: datetime, end: datetime) -> list[tuple[int, datetime]]:
    """Return (contact id, instant) of each page of `contacts` in [`start`, `end`) that a provider took.

    Those of drills too: whoever was woken rests.
    """
    return _told(contacts, start, end)


def counted(contacts: Iterable[EscalationContact], start: datetime, end: datetime) -> list[tuple[int, datetime]]:
    """Return what `paged` does, without drills, which stay out of every figure."""
    return _told(contacts, start, end, incident__drill=False)


def _told(
    contacts: Iterable[EscalationContact], start: datetime, end: datetime, **only: object
) -> list[tuple[int, datetime]]:
    pages = Page.objects.filter(contact__in=list(contacts), state=Page.State.REACHED, at__gte=start, at__lt=end, **only)
    return list(pages.order_by("at", "pk").values_list("contact_id", "at"))
