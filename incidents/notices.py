"""What Opscenter tells people and places about an incident, through the outbox, in the transaction of its cause."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db.models import F

from notifications import digests, messages, outbox, routing, throttle, wordings
from notifications.addresses import address_key
from notifications.messages import Reader, Words
from notifications.models import Delivery, Purpose
from notifications.transports import TRANSPORTS
from oncall import personal
from oncall.models import ContactMethod, EscalationContact
from oncall.people import persons
from policies.claims import sweep
from policies.durations import format_duration
from policies.models import Parameter
from policies.wake import wake

from .models import HeldNotice, Incident, IncidentUpdate, Page

AGAIN, RAISED = "again", "raised"
MUTABLE = {"opened", "reopened"}
"""Only these are held back by a route's toggle; what follows is told wherever the opening was told."""
THROTTLED = {*MUTABLE, AGAIN}
"""Only these are held back by a throttle."""
MOST_LISTED = 20
LOOK_AGAIN = timedelta(seconds=1)
"""A switch is turned in the admin or the environment, and tells nobody: what it holds back is looked at so often."""


def link(incident: Incident) -> str:
    return settings.BASE_URL + incident.get_absolute_url()


def tell(incident: Incident, event: str, *, at: datetime, note: str = "") -> None:
    """Tell the destinations that the routes choose for the incident's level and labels.

    event  opened, reopened, raised, lowered, mitigated, resolved, false positive; "again": an alert of it began anew,
           which only routes with a throttle want to hear, once in a while
    note   a sentence to add to the message
    Switches of routes hold all of it back that was not begun before; a throttle holds back openings and repetitions.
    """
    words = _words(incident, event, at)
    for choice in _choices(incident, at=at):
        if choice.muted_by and _muted(incident, choice, event, at=at):
            continue
        if choice.digest and event != RAISED:
            _for_digest(incident, choice, event, words, at=at)
            continue
        said = note
        if (choice.throttle or choice.place_throttle) and event in {*THROTTLED, RAISED}:
            rank = incident.severity.rank
            passed = throttle.admit_to_both(_window(incident), choice, rank=rank, at=at, always=event == RAISED)
            if isinstance(passed, throttle.Held):
                _held_by_throttle(incident, choice, event, until=passed.until, at=at)
                continue
            said = "\n".join(filter(None, [note, str(passed), _held_list(choice, passed, but=incident)]))
        elif event == AGAIN:
            continue
        _send(incident, choice, event, words, said, at=at)


def _send(incident: Incident, choice: routing.Choice, event: str, words: Words, said: str, *, at: datetime) -> None:
    once = f"incident:{incident.pk}:{event}:{incident.reopened}:{incident.severity_id}:{choice.key}"
    if event == AGAIN:
        once += f":{at.timestamp():.3f}"
    words = replace(words, text=f"{words.text}\n{said}") if said else words
    _queue(incident, words, choice.target, purpose=Purpose.NOTICE, event=event, at=at, once=once)


def _for_digest(incident: Incident, choice: routing.Choice, event: str, words: Words, *, at: datetime) -> None:
    digests.add(
        choice, incident.policy, thread=incident.thread, subject=words.subject if event in THROTTLED else str(incident),
        url=link(incident), event=event, data=_data(incident), at=at,
    )  # fmt: skip


def _held_list(choice: routing.Choice, passed: throttle.Passed, *, but: Incident) -> str:
    """Which other incidents the destination was not told of since the last message; empty when there are none."""
    if not passed.held or passed.since is None:
        return ""
    rows = HeldNotice.objects.filter(destination=choice.destination, part=choice.part, held_at__gte=passed.since)
    held = rows.filter(kind=HeldNotice.Kind.THROTTLE, incident__private=False).exclude(incident=but)
    names = {one.incident_id: f"#{one.incident_id} {one.incident.title}" for one in held.select_related("incident")}
    listed = list(names.values())
    more = f"; and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return f"Held back meanwhile: {'; '.join(listed[:MOST_LISTED])}{more}." if listed else ""


def _window(incident: Incident) -> str:
    return f"{incident.policy_id}/{incident.scope}/{incident.key}"


def _muted(incident: Incident, choice: routing.Choice, event: str, *, at: datetime) -> bool:
    """Whether a switch holds this back; what is to be told once it is on is noted."""
    waiting = incident.held_notices.waiting().filter(destination=choice.destination, part=choice.part)
    if event not in MUTABLE:
        return event == AGAIN or waiting.filter(kind=HeldNotice.Kind.TOGGLE).exists()
    by = choice.muted_by
    if choice.toggle is not None:
        by = f"toggle {choice.toggle.key}{switched(choice.toggle)}"
    incident.log("muted", f"{choice.destination} was not told: muted by {choice.muted_by}.", at=at)
    if not waiting.exists():
        HeldNotice.objects.create(
            incident=incident, destination=choice.destination, part=choice.part, by=by[:250], event=event, held_at=at,
            kind=HeldNotice.Kind.TOGGLE if choice.toggle else HeldNotice.Kind.OFF,
            look_at=at + LOOK_AGAIN if choice.toggle else None,
        )  # fmt: skip
    return True


def switched(toggle: Parameter) -> str:
    """Who switched a parameter and when, as far as the admin knows."""
    if toggle.source == "environment":
        return ", set in the environment"
    entries = LogEntry.objects.filter(content_type__app_label="policies", content_type__model="parameter")
    last = entries.filter(object_id=str(toggle.pk)).select_related("user").order_by("-action_time").first()
    return f", switched by {last.user} at {last.action_time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if last else ""


def _held_by_throttle(incident: Incident, choice: routing.Choice, event: str, *, until: datetime, at: datetime) -> None:
    """Note it; an opening is told at the window's end if the incident is open then, a repetition is only counted."""
    known = incident.held_notices.filter(
        kind=HeldNotice.Kind.THROTTLE,
        destination=choice.destination,
        part=choice.part,
        held_at__gt=until - max(choice.throttle, choice.place_throttle),
    )
    if known.update(times=F("times") + 1):
        return
    by = f"the throttle of one message in {format_duration(choice.throttle)}"
    if choice.place_throttle and not throttle.holds(_window(incident), choice, rank=incident.severity.rank, at=at):
        by = f"the throttle of {choice.destination}, one message in {format_duration(choice.place_throttle)}"
    HeldNotice.objects.create(
        incident=incident, destination=choice.destination, part=choice.part, kind=HeldNotice.Kind.THROTTLE, by=by,
        event=event, held_at=at, look_at=until if event in MUTABLE else None,
    )  # fmt: skip
    incident.log("throttled", f"{choice.destination} was not told: held back by {by}.", at=at)
    wake()


def release_due(*, at: datetime) -> int:
    """Tell what was held back and may be told now; return how many were."""
    due = HeldNotice.objects.look_due(at).select_related(
        "incident__policy", "incident__severity", "incident__service", "destination"
    )
    before = HeldNotice.objects.waiting().count()
    sweep(due, due="look_at", at=at, work=_release)
    return before - HeldNotice.objects.waiting().count()


def _release(held: HeldNotice, *, at: datetime) -> None:
    incident, rows = held.incident, HeldNotice.objects.filter(pk=held.pk)
    if not incident.is_open:
        rows.update(look_at=None, ended_at=at, outcome="the incident was over before")
        return
    chosen = [one for one in _choices(incident, at=at) if (one.destination, one.part) == (held.destination, held.part)]
    if not chosen:
        rows.update(look_at=None, ended_at=at, outcome="no route leads there any more")
        return
    choice = chosen[0]
    if choice.muted_by:
        rows.update(look_at=at + LOOK_AGAIN)
        return
    said = ""
    if choice.throttle or choice.place_throttle:
        if held.kind == HeldNotice.Kind.THROTTLE:
            throttle.uncount(throttle.ANYTHING if "throttle of " + str(choice.destination) in held.by
                             else _window(incident), choice)  # fmt: skip
        passed = throttle.admit_to_both(_window(incident), choice, rank=incident.severity.rank, at=at)
        if isinstance(passed, throttle.Held):
            rows.update(look_at=passed.until)
            return
        said = "\n".join(filter(None, [str(passed), _held_list(choice, passed, but=incident)]))
        if choice.place_throttle:
            _told_along(incident, choice, at=at)
    rows.update(look_at=None, ended_at=at, outcome="told")
    incident.log("released", f"{choice.destination} is told now: {held.by} holds nothing back any more.", at=at)
    _send(incident, choice, held.event, _words(incident, held.event, at), said, at=at)


def _told_along(incident: Incident, choice: routing.Choice, *, at: datetime) -> None:
    """What else waits for the window of this destination stands in the list of this message, and is told by it."""
    others = HeldNotice.objects.waiting().filter(
        destination=choice.destination, part=choice.part, kind=HeldNotice.Kind.THROTTLE, held_at__lte=at,
        look_at__lte=at, incident__policy=incident.policy,
    )  # fmt: skip
    others.exclude(incident=incident).update(
        look_at=None, ended_at=at, outcome=f"told in the list of the message about #{incident.pk}"
    )


def tell_owners(incident: Incident, *, at: datetime) -> None:
    """Tell the persons whose business the incident is, each by the first method that is usable."""
    people, skipped = persons(incident.owners.all(), at=at)
    for person in people:
        if _told_by_a_route(incident, person):
            continue
        if to := _for_person(incident, person, at=at):
            once = f"incident:{incident.pk}:owner:{person.pk}:{incident.reopened}"
            words = _words(incident, "opened", at, reader_of(incident, person))
            _queue(incident, words, to, purpose=Purpose.NOTICE, event="opened", at=at, once=once)
        else:
            skipped.append(f"{person} has no usable contact method")
    if skipped:
        incident.log("owner_not_told", f"Not told of the opening: {'; '.join(skipped)}.", at=at)


def _told_by_a_route(incident: Incident, person: EscalationContact) -> bool:
    """Whether a place of the routes is one of the person's own addresses and has this opening: once is enough."""
    keys = [address_key(method.kind, method.address) for method in person.methods.all() if method.usable]
    opening = Delivery.objects.filter(thread=incident.thread, destination__isnull=False, data__event="opened")
    return bool(keys) and opening.filter(address_key__in=keys).exclude(status=Delivery.Status.FAILED).exists()


def tell_update(incident: Incident, update: IncidentUpdate, *, at: datetime) -> None:
    """Send what a person wrote for others."""
    words = messages.update(
        **_facts(incident), text=update.text, by=str(update.by or ""), fields=update.fields,
        next_at=incident.update_due_at, reader=reader_of(incident),
    )  # fmt: skip
    for choice in _choices(incident, at=at):
        once = f"update:{update.pk}:{choice.key}"
        _queue(incident, words, choice.target, purpose=Purpose.UPDATE, event="update", at=at, once=once)


def remind(incident: Incident, what: str, *, due_at: datetime, at: datetime, once: str) -> None:
    """Remind whoever works on it that `what` falls due or is late.

    Told is who holds the communications role, else the commander, else who acknowledged, else the routes.
    """
    held = {role.role: role.contact for role in incident.roles.filter(until=None).select_related("contact")}
    person = held.get("communications") or held.get("commander") or incident.acknowledged_by
    to = _for_person(incident, person, at=at) if person else None
    reader = reader_of(incident, person if to else None)
    words = messages.reminder(**_facts(incident), what=what, due_at=due_at, at=at, reader=reader)
    if to:
        _queue(incident, words, to, purpose=Purpose.REMINDER, event="reminder", at=at, once=once)
        return
    for choice in _choices(incident, at=at):
        cause = f"{once}:{choice.key}"
        _queue(incident, words, choice.target, purpose=Purpose.REMINDER, event="reminder", at=at, once=cause)


def tell_paged(incident: Incident, *, at: datetime, by: EscalationContact | None, via: str = "") -> None:
    """Tell everybody who was paged that `by` has taken it, except `by`, by the method that reached them.

    by  None: the system named by `via` says that somebody has
    """
    who, how = (str(by), via) if by else (via or "Somebody", "")
    after = max(at - incident.detected_at, timedelta(0))
    taker = by.pk if by else 0
    told = {taker}
    asked = incident.page_rows.filter(state__in=[Page.State.TRYING, Page.State.REACHED], method__isnull=False)
    for row in asked.select_related("contact", "method").order_by("-pk"):
        if row.contact_id not in told and row.method is not None:
            told.add(row.contact_id)
            once, to = f"page:{row.pk}:acknowledged:{taker}", _to(row.method, row.contact)
            reader = reader_of(incident, row.contact)
            words = messages.acknowledged(**_facts(incident), by=who, after=after, via=how, reader=reader)
            _queue(incident, words, to, purpose=Purpose.NOTICE, event="acknowledged", at=at, once=once)


def tell_followers(incident: Incident, event: str, *, at: datetime, by: str, via: str = "") -> None:
    """Tell the places that keep the state of an incident, such as PagerDuty, and heard of its opening.

    event  acknowledged, merged or "false positive"
    by     who took it, in words
    """
    places = Delivery.objects.filter(thread=incident.thread, destination__isnull=False).exclude(
        status__in=[Delivery.Status.CANCELLED, Delivery.Status.SUPPRESSED]
    )
    told = set(places.values_list("destination", flat=True))
    choices = [one for one in _choices(incident, at=at) if one.destination.pk in told] if told else []
    for choice in choices:
        channel = TRANSPORTS.get(choice.destination.kind)
        if channel is None or not channel.follows or choice.digest:
            continue
        if event == "acknowledged":
            after = max(at - incident.detected_at, timedelta(0))
            words = messages.acknowledged(**_facts(incident), by=by, after=after, via=via)
        else:
            words = _words(incident, event, at)
        once = f"incident:{incident.pk}:{event}:{incident.reopened}:{at.timestamp():.3f}:{choice.key}"
        _queue(incident, words, choice.target, purpose=Purpose.NOTICE, event=event, at=at, once=once)


def page(
    incident: Incident, contact: EscalationContact, method: ContactMethod, *, at, ack_url: str, why: str, once: str,
    first: bool = False,
):  # fmt: skip
    """Ask `contact` by `method`; return the delivery.

    first  it is the first step of a new incident: bundling and throttles may hold it a little
    """
    words = messages.page(
        **_facts(incident), started_at=incident.detected_at, summary=incident.summary, service=_service(incident),
        why_you=why, reader=reader_of(incident, contact),
    )  # fmt: skip
    actions = [{"label": "Acknowledge", "url": ack_url}]
    to = _to(method, contact)
    return _queue(
        incident, words, to, purpose=Purpose.PAGE, event="page", at=at, once=once, actions=actions, urgent=True,
        may_wait=first, other_way=usable_method(contact, after=method) is not None,
    )  # fmt: skip


def usable_method(person: EscalationContact, after: ContactMethod | None = None) -> ContactMethod | None:
    """The first method that is usable, behind `after` when given."""
    methods: Iterable[ContactMethod] = (method for method in person.methods.all() if method.usable)
    if after is not None:
        methods = (m for m in methods if (m.position, m.pk) > (after.position, after.pk))
    return next(iter(methods), None)


def reader_of(incident: Incident, person: EscalationContact | None = None) -> Reader:
    """Whose language and zone, under the policy's own wordings; None: a place, which is told in English and UTC."""
    if person is None:
        return wordings.reader(incident.policy)
    return wordings.reader(incident.policy, language=person.language, zone=person.timezone)


def _words(incident: Incident, event: str, at: datetime, reader: Reader | None = None) -> Words:
    facts, since = {**_facts(incident), "reader": reader or reader_of(incident)}, incident.detected_at
    if event == "resolved":
        last = incident.timeline.filter(kind="resolved").order_by("-pk").select_related("by").first()
        by = str(last.by) if last and last.by else ""
        return messages.resolved(**facts, lasted=max(at - since, timedelta(0)), by=by)
    summary, service = incident.summary, _service(incident)
    if event == "opened":
        return messages.opened(**facts, started_at=since, summary=summary, service=service)
    headline = "Fires again" if event == AGAIN else event.capitalize()
    return messages.changed(**facts, started_at=since, summary=summary, service=service, headline=headline, event=event)


def _choices(incident: Incident, *, at: datetime) -> list[routing.Choice]:
    if incident.private:
        return []  # no place hears of it, only persons who are named
    labels = {**incident.labels, "service": incident.service.key if incident.service else ""}
    return routing.destinations(incident.policy, severity=incident.severity, labels=labels, at=at)


def _for_person(incident: Incident, person: EscalationContact, *, at: datetime) -> dict | None:
    """How `person` is told something that asks for nothing; of a low level, once the quiet hours are over."""
    urgency = personal.urgency_of(incident.severity)
    method = personal.first_method(person, urgency)
    if method is None:
        return None
    quiet = personal.quiet_until(person, at=at) if urgency == personal.Urgency.LOW else None
    return {**_to(method, person), "not_before": quiet}


def _to(method: ContactMethod, person: EscalationContact) -> dict:
    return {
        "kind": method.kind, "address": method.address, "secret": method.secret, "to": str(person),
        "recipient": f"contact:{person.pk}",
    }  # fmt: skip


def _queue(incident: Incident, words: Words, target: dict, *, purpose, event: str, at, once: str, **more):
    if words.fault and not incident.timeline.filter(kind="wording", text=words.fault).exists():
        incident.log("wording", words.fault, at=at)
    return outbox.queue(
        **target, purpose=purpose, subject=words.subject, text=words.text, url=link(incident), thread=incident.thread,
        at=at, once=once, data={**_data(incident), "event": event}, short=words.short, language=words.language, **more,
    )  # fmt: skip


def _service(incident: Incident) -> str:
    return str(incident.service or "")


def _facts(incident: Incident) -> dict[str, Any]:
    return {
        "number": incident.pk,
        "severity": incident.severity.key,
        "title": incident.title,
        "drill": incident.drill,
        "url": link(incident),
    }


def _data(incident: Incident) -> dict:
    return {
        "incident": incident.pk,
        "key": incident.key,
        "title": incident.title,
        "status": incident.status,
        "severity": incident.severity.key,
        "policy": incident.policy.key,
        "service": incident.service.key if incident.service else "",
        "labels": incident.labels,
        "detected_at": incident.detected_at.isoformat(),
    }
