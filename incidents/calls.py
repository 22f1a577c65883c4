"""A page by the person's own rules: by which further methods, and when; each call is made or skipped once.

The rules are frozen with the page. They begin anew with the next step that asks the same person, never within one, and
they stop when somebody acknowledges. The first call that is made is the page's own delivery, which `paging` follows.
"""

from datetime import datetime, timedelta

from notifications.models import Delivery
from oncall.models import ContactMethod
from policies.claims import locked, sweep

from . import links, notices, targets
from .conditions import wanted
from .models import Call, Incident, Page, Status

ENDED = [Delivery.Status.SENT, Delivery.Status.FAILED, Delivery.Status.CANCELLED, Delivery.Status.SUPPRESSED]


def freeze(row: Page, rules: list[tuple[ContactMethod, timedelta]], *, at: datetime) -> None:
    """Note by which methods the person of a new page wants to be asked and how long after it began."""
    Call.objects.bulk_create(Call(page=row, method=method, due_at=at + after) for method, after in rules)


def waiting(row: Page):
    """The calls of a page that are still to come, the next one first."""
    return row.calls.filter(state=Call.State.WAITING).order_by("due_at", "pk").select_related("method")


def make_due(*, at: datetime) -> int:
    """Make or skip every call whose time has come; return how many."""
    due = Call.objects.due(at).select_related("page__incident", "page__contact", "page__turn", "method")
    return sweep(due, due="due_at", at=at, work=make)


def make(call: Call, *, at: datetime) -> None:
    """Ask by the method of `call`, or skip it with the reason."""
    page = call.page
    # the lock orders this call against an acknowledgement made at the same moment
    incident = Incident.objects.select_for_update(of=("self",)).select_related("policy", "severity").get(
        pk=page.incident_id
    )  # fmt: skip
    if reason := _unneeded(call, incident, at=at):
        _end(call, Call.State.SKIPPED, reason)
        return
    page.incident = incident
    delivery = ask(page, call.method, at=at, once=f"page:{page.pk}:call:{call.pk}")  # type: ignore[arg-type]
    Call.objects.filter(pk=call.pk).update(state=Call.State.TRYING, due_at=None, delivery=delivery)
    call.state, call.delivery = Call.State.TRYING, delivery
    if page.delivery_id is None or page.state == Page.State.UNREACHABLE:
        follow(page, call)
        # the person is asked now, however long quiet hours or an own rule held the page
        Page.objects.filter(pk=page.pk).update(at=at)
        page.at = at
    else:
        incident.log("paged", f"{page.contact} is asked by {call.method.kind} too.", at=at)  # type: ignore[union-attr]


def ask(page: Page, method: ContactMethod, *, at: datetime, once: str) -> Delivery:
    """Queue the page by `method`; that somebody was notified counts from the first."""
    incident = page.incident
    delivery = notices.page(
        incident, page.contact, method, at=at, ack_url=links.ack_url(incident, page.contact, at=at), why=why(page),
        once=once, first=_begins(page),
    )  # fmt: skip
    if incident.notified_at is None:
        incident.first("notified_at", at)
        targets.anchor(incident, "notified", at=at)
    targets.meet(incident, "notify", at=at)
    return delivery


def _begins(page: Page) -> bool:
    """Whether the page is the first step of its escalation, and nobody asked for it by hand."""
    turn = page.turn
    return turn is not None and turn.position == 0 and not turn.by_hand and page.instead_of_id is None


def why(page: Page) -> str:
    """What stands behind "You are asked because …"."""
    if page.instead_of is not None:
        if page.words and page.asked_by_id is None:
            return f"{page.words}; you are asked instead"
        return f"{page.instead_of.contact} could not be reached and you are the back-up"
    if page.turn is None:
        asked = f"{page.asked_by or 'somebody'} asked for you by name"
        return f"{asked}: {page.words}" if page.words else asked
    if page.turn.final:
        return "nobody asked before you has answered"
    return f"you are in step {page.turn.position + 1}, {page.turn.aim}"


def follow(page: Page, call: Call) -> None:
    """Make the delivery of `call` the one by which the page succeeds or goes on."""
    Page.objects.filter(pk=page.pk).update(
        method=call.method, delivery=call.delivery, state=Page.State.TRYING, reason=""
    )
    page.method, page.delivery, page.state = call.method, call.delivery, Page.State.TRYING


def settle(call: Call) -> bool:
    """Note how the delivery of `call` ended; True when it failed and the page now rests on nothing else."""
    delivery, page = call.delivery, call.page
    if delivery is None or delivery.status == Delivery.Status.CANCELLED:
        _end(call, Call.State.SKIPPED, "its cause was gone" if delivery else "its message is gone")
        return False
    if delivery.status == Delivery.Status.SENT:
        _end(call, Call.State.REACHED, f"by {delivery.kind}")
        worked(call.method, delivery)
        if page.delivery_id != delivery.pk:
            Page.objects.filter(pk=page.pk, state__in=[Page.State.TRYING, Page.State.UNREACHABLE]).update(
                state=Page.State.REACHED, reason=f"by {delivery.kind}"
            )
        return False
    _end(call, Call.State.FAILED, delivery.error)
    return page.delivery_id != delivery.pk and page.state == Page.State.UNREACHABLE


def worked(method: ContactMethod | None, delivery: Delivery) -> None:
    """Note that a provider took a message for `method`."""
    if method is not None and delivery.ended_at is not None:
        ContactMethod.objects.filter(pk=method.pk).update(worked_at=delivery.ended_at)


def skip_waiting(rows, *, reason: str) -> None:
    """Skip what the calls among `rows` still have to do; one that a sweep holds is skipped by `make`.

    To wait for the sweep would be a deadlock: it waits for the incident, which our caller has locked.
    """
    free = locked(rows.filter(state=Call.State.WAITING).order_by("pk")).values_list("pk", flat=True)
    Call.objects.filter(pk__in=list(free)).update(state=Call.State.SKIPPED, due_at=None, reason=reason[:250])


def _unneeded(call: Call, incident: Incident, *, at: datetime) -> str:
    if not wanted(call.page, incident):
        return f"The incident was {Status(incident.status).label.lower()}."
    if call.page.state == Page.State.CANCELLED:
        return "Its page was cancelled."
    if call.method is None:
        return "The method was removed."
    if not call.method.usable:
        return f"The method was {call.method.state}."
    # after an outage one message by a method does for all that were missed
    later = Call.objects.filter(method=call.method, due_at__lte=at, state=Call.State.WAITING)
    # and when quiet hours end, one for all the steps that asked this person meanwhile
    settled = call.page.delivery_id is not None or call.page.state == Page.State.UNREACHABLE
    later = later.filter(page__incident=incident) if settled else later.filter(page=call.page)
    if later.filter(due_at__gte=call.due_at, pk__gt=call.pk).exists():
        return "A later one by the same method is due as well."
    return ""


def _end(call: Call, state: str, reason: str) -> None:
    Call.objects.filter(pk=call.pk).update(state=state, due_at=None, reason=reason[:250])
