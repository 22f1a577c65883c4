"""Who was paged when: what the roster asks for layers on which people rest after a night with pages."""

from collections.abc import Iterable
from datetime import datetime

from oncall.models import EscalationContact

from .models import Page


def paged(contacts: Iterable[EscalationContact], start: datetime, end: datetime) -> list[tuple[int, datetime]]:
    """Return (contact id, instant) of each page of `contacts` in [`start`, `end`) that a provider took."""
    pages = Page.objects.filter(contact__in=list(contacts), state=Page.State.REACHED, at__gte=start, at__lt=end)
    return list(pages.order_by("at", "pk").values_list("contact_id", "at"))
