"""What follows from a message's way: the first that arrived notified people; a page that was lost asks another way."""

from datetime import datetime

from notifications.models import Delivery

from . import targets
from .models import Call, Incident, Page, Status

NOTIFIES = {"opened", "reopened", "page", "raised"}
"""The events whose first message says that people were notified."""


def lost(delivery: Delivery, *, at: datetime) -> None:
    """Take up the pages that rested on `delivery`; the next sweep goes on to another method, person or step."""
    pages = Page.objects.filter(delivery=delivery, state=Page.State.REACHED, incident__status=Status.DETECTED)
    Call.objects.filter(delivery=delivery, state=Call.State.REACHED, page__incident__status=Status.DETECTED).update(
        state=Call.State.TRYING
    )
    for page in pages:
        Page.objects.filter(pk=page.pk).update(state=Page.State.TRYING, reason="")


def ended(delivery: Delivery, word: str, detail: str, *, at: datetime) -> None:
    """A provider took a notice of an incident: from the first on, people count as notified."""
    room, _, number = delivery.thread.partition(":")
    if word != "sent" or room != "incident" or delivery.data.get("event") not in NOTIFIES or not number.isdecimal():
        return
    incident = Incident.objects.filter(pk=int(number), notified_at=None).select_related("policy").first()
    if incident is None:
        return
    incident.first("notified_at", at)
    targets.anchor(incident, "notified", at=at)
    targets.meet(incident, "notify", at=at)
