"""A page that counted as sent and did not arrive after all: its person is asked another way."""

from datetime import datetime

from notifications.models import Delivery

from .models import Call, Page, Status


def lost(delivery: Delivery, *, at: datetime) -> None:
    """Take up the pages that rested on `delivery`; the next sweep goes on to another method, person or step."""
    pages = Page.objects.filter(delivery=delivery, state=Page.State.REACHED, incident__status=Status.DETECTED)
    Call.objects.filter(delivery=delivery, state=Call.State.REACHED, page__incident__status=Status.DETECTED).update(
        state=Call.State.TRYING
    )
    for page in pages:
        Page.objects.filter(pk=page.pk).update(state=Page.State.TRYING, reason="")
