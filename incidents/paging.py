"""One person asked: method after method, then the back-up, then the next step at once."""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from django.db import IntegrityError, OperationalError, transaction

from notifications import outbox
from notifications.models import Delivery, Purpose
from oncall.models import ContactMethod, EscalationContact
from policies.claims import locked

from . import calls, choosing, fatigue
from .conditions import wanted
from .models import Call, Incident, Page, Turn

log = logging.getLogger(__name__)
BATCH = 200
FAILED = [Delivery.Status.FAILED, Delivery.Status.SUPPRESSED]


def page(
    incident: Incident, contact: EscalationContact, *, at: datetime, turn: Turn | None = None, instead_of=None, **more
) -> bool:
    """Queue the page to the contact's first usable method; False (and a row with the reason) when there is none.

    more  `must`: this person's own acknowledgement is awaited; `asked_by`, `words`: who asked for help, and with what
    """
    enough = None  # who stands in for somebody is asked whatever a limit says
    if instead_of is None:
        enough = fatigue.looked_at(incident, contact, turn, at=at, must=more.get("must", False))
    try:
        with transaction.atomic():
            row = Page.objects.create(
                incident=incident, contact=contact, turn=turn, at=at, instead_of=instead_of, **more
            )
    except IntegrityError:
        return True  # this turn has asked this person already
    if enough is not None and _handed_on(row, enough, at=at):
        return True
    return _begin(row, at=at)


def _handed_on(row: Page, enough: fatigue.Verdict, *, at: datetime) -> bool:
    """A limit acts on the page: note it, and ask somebody else if it says so; True when somebody else is asked."""
    if enough.instead is not None and not _asks_instead(row, enough.instead, f"{row.contact} {enough.words}", at=at):
        enough = replace(enough, instead=None)
    if enough.instead is not None:
        reason = f"{enough.words}: {enough.instead} was asked instead"[:250]
        Page.objects.filter(pk=row.pk).update(state=Page.State.UNREACHABLE, reason=reason)
    fatigue.note(row, enough, at=at)
    return enough.instead is not None


def _asks_instead(row: Page, person: EscalationContact, why: str, *, at: datetime) -> bool:
    asked = row.incident.page_rows.filter(contact=person, turn=row.turn)
    if asked.exists():
        return asked.filter(state__in=fatigue.COUNTED).exists()
    return page(row.incident, person, at=at, turn=row.turn, instead_of=row, words=why[:250])


def _begin(row: Page, *, at: datetime) -> bool:
    """Ask by the person's own rules, or by the first method; in quiet hours that hold for it, ask the back-up."""
    way = choosing.way(row.contact, row.incident.severity, row.turn, at=at)
    if way.quiet_until:
        return _wait_for_morning(row, way, at=at)
    if not way.rules and way.first is not None:
        return _ask(row, way.first, at=at)
    calls.freeze(row, way.rules, at=at)
    for call in calls.waiting(row).filter(due_at__lte=at):
        call.page = row
        calls.make(call, at=at)
    return True if row.delivery_id or calls.waiting(row).exists() else _try_next(row, at=at)


def _wait_for_morning(row: Page, way: choosing.Way, *, at: datetime) -> bool:
    """The page goes out when the quiet hours end, if it is wanted then; meanwhile others are asked."""
    if way.first is not None:
        row.calls.create(method=way.first, due_at=way.quiet_until)
    wait = f"quiet hours until {way.quiet_until:%H:%M} UTC, which {row.incident.severity.key} does not break"
    row.incident.log("unreachable", f"{row.contact} is not asked now: {wait}.", at=at)
    return _give_up(row, wait, at=at)


def _try_next(row: Page, *, at: datetime) -> bool:
    """Go on by another call that is under way or to come, else by a method not tried; else ask the back-up."""
    others = row.calls.exclude(delivery=row.delivery_id) if row.delivery_id else row.calls.all()
    if under_way := others.filter(state=Call.State.TRYING).select_related("method", "delivery").first():
        calls.follow(row, under_way)
        return True
    if others.filter(state=Call.State.REACHED).exists():
        Page.objects.filter(pk=row.pk).update(state=Page.State.REACHED, reason="by another method")
        return True
    Page.objects.filter(pk=row.pk).update(delivery=None)
    row.delivery = None
    for call in calls.waiting(row):
        call.page = row
        calls.make(call, at=at)
        if row.delivery_id:
            return True
    method = _untried(row)
    if method is None:
        why = "no usable contact method" if row.method is None else "every contact method failed"
        if passed := choosing.passed(row.contact, refused=row.method is None):
            why += f" ({'; '.join(passed)})"
        row.incident.log("unreachable", f"{row.contact} could not be reached: {why}.", at=at)
        return _give_up(row, why, at=at)
    return _ask(row, method, at=at)


def _ask(row: Page, method: ContactMethod, *, at: datetime) -> bool:
    """The page goes out by `method`, on which it rests from now on."""
    delivery = calls.ask(row, method, at=at, once=f"page:{row.pk}:method:{method.pk}")
    Page.objects.filter(pk=row.pk).update(method=method, delivery=delivery)
    row.method, row.delivery = method, delivery
    return True


def _untried(row: Page) -> ContactMethod | None:
    """The first usable method that this page has not gone out by."""
    tried = set(row.calls.exclude(delivery=None).values_list("method_id", flat=True))
    causes = {f"page:{row.pk}:method:{method.pk}": method.pk for method in row.contact.methods.all()}
    if row.method is not None:
        sent = Delivery.objects.filter(once__in=causes).values_list("once", flat=True)
        tried |= {row.method.pk, *(causes[once] for once in sent if once)}
    methods = (method for method in row.contact.methods.all() if method.usable and method.pk not in tried)
    return next(methods, None)


def _give_up(row: Page, why: str, *, at: datetime) -> bool:
    """Mark the page as not reaching its person, and ask the back-up; True when that one is asked."""
    Page.objects.filter(pk=row.pk).update(state=Page.State.UNREACHABLE, reason=why[:250])
    backup = choosing.stands_in(row.contact, at=at)
    if backup and not row.incident.page_rows.filter(contact=backup, turn=row.turn).exists():
        more = {"must": row.must, "asked_by": row.asked_by, "words": row.words}
        return page(row.incident, backup, at=at, turn=row.turn, instead_of=row, **more)
    return False


def follow_up_due(*, at: datetime) -> int:
    """Look at pages whose delivery has ended: reached, or on to the next method, person or step."""
    done = 0
    with transaction.atomic():
        rows = Page.objects.filter(state=Page.State.TRYING, delivery__status__in=calls.ENDED).order_by("pk")
        rows = rows.select_related("delivery", "contact__backup", "method", "incident", "turn__escalation")
        for row in list(locked(rows)[:BATCH]):
            done += _alone(_follow_up, row, row.incident, at=at)
        ended = Call.objects.filter(state=Call.State.TRYING, delivery__status__in=calls.ENDED).order_by("pk")
        ended = ended.select_related("delivery", "method", "page__contact__backup", "page__incident", "page__turn")
        for call in list(locked(ended)[:BATCH]):
            done += _alone(_follow_up_call, call, call.page.incident, at=at)
    return done


def _alone(work: Callable[..., None], row: Page | Call, incident: Incident, *, at: datetime) -> bool:
    """Run `work(row, at=at)` by itself, so that one that fails holds up no other; True when it was worked.

    To go on after a failure takes the lock of the incident. Whoever has it now, to acknowledge, may wait for a page
    that we hold: it is not waited for, and the next pass looks again.
    """
    failed = row.delivery is not None and row.delivery.status in FAILED
    try:
        with transaction.atomic():
            if failed and not locked(Incident.objects.filter(pk=incident.pk)):
                return False
            work(row, at=at)
    except OperationalError:
        log.warning("%s %s is followed up again: the database was busy", row._meta.label, row.pk, exc_info=True)
        return False
    except Exception:
        log.exception("%s %s could not be followed up; the next pass tries it again", row._meta.label, row.pk)
        return False
    return True


def _follow_up_call(call: Call, *, at: datetime) -> None:
    """A further word that ended: the page's own delivery is followed with its page."""
    delivery, row = call.delivery, call.page
    own = delivery is not None and row.delivery_id == delivery.pk
    if delivery is not None and not own and delivery.status in FAILED:
        _note_failure(row, call.method, delivery, at=at)
    if calls.settle(call) and wanted(row, row.incident) and not _try_next(row, at=at):
        _hurry(row, at=at)


def _follow_up(row: Page, *, at: datetime) -> None:
    delivery = row.delivery
    if delivery is None:
        return
    if delivery.status == Delivery.Status.SENT:
        Page.objects.filter(pk=row.pk).update(state=Page.State.REACHED, reason=f"by {delivery.kind}")
        calls.worked(row.method, delivery)
        return
    if delivery.status == Delivery.Status.CANCELLED:
        Page.objects.filter(pk=row.pk).update(state=Page.State.CANCELLED, reason=delivery.error[:250])
        return
    _note_failure(row, row.method, delivery, at=at)
    if not wanted(row, row.incident):
        Page.objects.filter(pk=row.pk).update(state=Page.State.CANCELLED, reason="its cause was gone")
    elif not _try_next(row, at=at):
        _hurry(row, at=at)


def _note_failure(row: Page, method: ContactMethod | None, delivery: Delivery, *, at: datetime) -> None:
    row.incident.log("page_failed", f"The page to {row.contact} by {delivery.kind} failed: {delivery.error}", at=at)
    if method:
        # an address that is no address is not tried again
        invalid = {"failed_at": at} if delivery.address_refused else {}
        ContactMethod.objects.filter(pk=method.pk, failed_at=None).update(failure=delivery.error, **invalid)


def _hurry(row: Page, *, at: datetime) -> None:
    """Nobody is reached by this page; unless somebody else of its step is, the next one is asked."""
    if row.turn and not _somebody_else_is_asked(row):
        row.turn.escalation.hurry(at)


def _somebody_else_is_asked(row: Page) -> bool:
    """Whether another page of the same step is under way or has reached its person."""
    alive = [Page.State.TRYING, Page.State.REACHED]
    return row.turn is not None and row.turn.page_rows.filter(state__in=alive).exclude(pk=row.pk).exists()


def cancel(incident: Incident, *, at: datetime, reason: str, keep: Collection[Page] = ()) -> None:
    """Take back the pages that have not gone out, but those to `keep`."""
    kept = Call.objects.filter(page__in=keep)
    messages = [page.delivery_id for page in keep] + list(kept.values_list("delivery", flat=True)) if keep else []
    outbox.cancel(incident.thread, purposes=[Purpose.PAGE], at=at, reason=reason, keep=messages)
    calls.skip_waiting(Call.objects.filter(page__incident=incident).exclude(page__in=keep), reason=reason)
