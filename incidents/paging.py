"""One person asked: method after method, then the back-up, then the next step at once."""

from datetime import datetime

from django.db import IntegrityError, transaction

from notifications import outbox
from notifications.models import Delivery, Purpose
from oncall.models import ContactMethod, EscalationContact
from policies.claims import locked

from . import links, notices, targets
from .models import Incident, Page, Status, Turn

BATCH = 200


def page(
    incident: Incident, contact: EscalationContact, *, at: datetime, turn: Turn | None = None, instead_of=None
) -> bool:
    """Queue the page to the contact's first usable method; False (and a row with the reason) when there is none."""
    try:
        with transaction.atomic():
            row = Page.objects.create(incident=incident, contact=contact, turn=turn, at=at, instead_of=instead_of)
    except IntegrityError:
        return True  # this turn has asked this person already
    return _try_next(row, at=at)


def _try_next(row: Page, *, at: datetime) -> bool:
    """Send by the next usable method, else mark the page unreachable and ask the back-up."""
    used = row.method
    method = notices.usable_method(row.contact, after=used)
    if method is None:
        why = "no usable contact method" if used is None else "every contact method failed"
        Page.objects.filter(pk=row.pk).update(state=Page.State.UNREACHABLE, reason=why)
        row.incident.log("unreachable", f"{row.contact} could not be reached: {why}.", at=at)
        backup = row.contact.backup
        asked = row.incident.page_rows.filter(contact=backup, turn=row.turn) if backup else None
        if backup and backup.active and asked is not None and not asked.exists():
            return page(row.incident, backup, at=at, turn=row.turn, instead_of=row)
        return False
    delivery = notices.page(
        row.incident, row.contact, method, at=at, ack_url=links.ack_url(row.incident, row.contact, at=at),
        why=_why(row), once=f"page:{row.pk}:method:{method.pk}",
    )  # fmt: skip
    Page.objects.filter(pk=row.pk).update(method=method, delivery=delivery)
    row.method, row.delivery = method, delivery
    if row.incident.notified_at is None:
        row.incident.first("notified_at", at)
        targets.anchor(row.incident, "notified", at=at)
    targets.meet(row.incident, "notify", at=at)
    return True


def _why(row: Page) -> str:
    """What stands behind "You are asked because …"."""
    if row.instead_of is not None:
        return f"{row.instead_of.contact} could not be reached and you are the back-up"
    if row.turn is None:
        return "somebody asked for you by name"
    if row.turn.aim == "catch-all":
        return "nobody asked before you has answered"
    return f"you are in step {row.turn.position + 1}, {row.turn.aim}"


def follow_up_due(*, at: datetime) -> int:
    """Look at pages whose delivery has ended: reached, or on to the next method, person or step."""
    done = 0
    ended = [Delivery.Status.SENT, Delivery.Status.FAILED, Delivery.Status.CANCELLED]
    with transaction.atomic():
        rows = Page.objects.filter(state=Page.State.TRYING, delivery__status__in=ended).order_by("pk")
        rows = rows.select_related("delivery", "contact__backup", "method", "incident", "turn__escalation")
        for row in list(locked(rows)[:BATCH]):
            with transaction.atomic():
                _follow_up(row, at=at)
            done += 1
    return done


def _follow_up(row: Page, *, at: datetime) -> None:
    delivery = row.delivery
    if delivery is None:
        return
    if delivery.status == Delivery.Status.SENT:
        Page.objects.filter(pk=row.pk).update(state=Page.State.REACHED, reason=f"by {delivery.kind}")
        return
    if delivery.status == Delivery.Status.CANCELLED:
        Page.objects.filter(pk=row.pk).update(state=Page.State.CANCELLED, reason=delivery.error[:250])
        return
    row.incident.log("page_failed", f"The page to {row.contact} by {delivery.kind} failed: {delivery.error}", at=at)
    if row.method:
        invalid = (
            {"failed_at": at} if delivery.address_refused else {}
        )  # an address that is no address is not tried again
        ContactMethod.objects.filter(pk=row.method.pk, failed_at=None).update(failure=delivery.error, **invalid)
    if row.incident.status != Status.DETECTED:
        Page.objects.filter(pk=row.pk).update(state=Page.State.CANCELLED, reason="its cause was gone")
        return
    if not _try_next(row, at=at) and row.turn and not _somebody_else_is_asked(row):
        row.turn.escalation.hurry(at)


def _somebody_else_is_asked(row: Page) -> bool:
    """Whether another page of the same step is under way or has reached its person."""
    alive = [Page.State.TRYING, Page.State.REACHED]
    return row.turn is not None and row.turn.page_rows.filter(state__in=alive).exclude(pk=row.pk).exists()


def cancel(incident: Incident, *, at: datetime, reason: str) -> None:
    """Take back the pages that have not gone out."""
    outbox.cancel(incident.thread, purposes=[Purpose.PAGE], at=at, reason=reason)
