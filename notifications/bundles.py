"""Several pages to one person become one message, and first pages wait a little where a plan says so.

Every page keeps its own row: cancelled alone when its incident is taken, ended by what came of the message it was in.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, QuerySet

from policies.claims import locked
from policies.durations import format_duration

from .claimant import me
from .models import Delivery, Purpose, SendingPlan
from .transports import TRANSPORTS, Action, Message

APART = {"json", "events", "pagerduty", "jira"}
"""Kinds whose reader is a program: a message each."""
MOST_NAMED = 20
"""Incidents in one message; what is more goes into a second."""
BACKLOG = 512
LONG_AGO = timedelta(days=1)


def _bundles(row: Delivery) -> bool:
    channel = TRANSPORTS.get(row.kind)
    apart = row.kind in APART or channel is None or getattr(channel, "in_order", False)
    return bool(row.recipient and row.address_key) and row.purpose == Purpose.PAGE and not apart


def _bundle_of(row: Delivery) -> tuple[str, str]:
    return row.recipient, row.address_key


def _thread(row: Delivery) -> str:
    """What the page is about; one that says nothing is about itself."""
    return row.thread or str(row.pk)


def foremost(due: QuerySet, wanted: int, *, at: datetime) -> list[int]:
    """The keys of at most `wanted` pages of `due`; in a backlog nobody waits behind the many pages of another.

    First comes the first page of each person and of each service; among persons those paged least recently.
    """
    found = list(due.values_list("pk", "recipient", "data__service")[: max(wanted, BACKLOG)])
    if len(found) <= wanted:
        return [pk for pk, _, _ in found]
    people = {recipient for _, recipient, _ in found} - {""}
    sent = Delivery.objects.filter(recipient__in=people, purpose=Purpose.PAGE, ended_at__gt=at - LONG_AGO)
    last = dict(sent.filter(status=Delivery.Status.SENT).order_by().values_list("recipient").annotate(Max("ended_at")))
    never, of_person, of_service = at - LONG_AGO, defaultdict(int), defaultdict(int)  # type: ignore[var-annotated]
    ranked = []
    for place, (pk, recipient, service) in enumerate(found):
        turn = max(of_person[recipient] if recipient else 0, 0)
        first_of_service = of_service[service] == 0 if service else True
        ranked.append((turn, not first_of_service, last.get(recipient, never), place, pk))
        of_person[recipient] += 1
        of_service[service] += 1
    return [one[-1] for one in sorted(ranked)[:wanted]]


def hold(claimed: list[Delivery], *, at: datetime) -> list[Delivery]:
    """Those of `claimed` that may go now; first pages that a plan wants to wait are put off, and say until when."""
    if not any(row.may_wait and row.held_until is None and row.attempts == 0 and row.recipient for row in claimed):
        return claimed
    plans = _plans()
    if not plans:
        return claimed
    ready = []
    for row in claimed:
        waits = row.may_wait and row.held_until is None and row.attempts == 0 and row.recipient
        plan = plans.get(str(row.data.get("policy") or ""), plans.get("")) if waits else None
        until, why = _wait(row, plan, at=at) if plan else (None, "")
        if until is None:
            ready.append(row)
        else:
            Delivery.objects.waiting().filter(pk=row.pk).update(
                next_attempt_at=until, held_until=until, claimed_by="", error=f"Held back: {why}"
            )
    return ready


def _plans() -> dict[str, SendingPlan]:
    return {plan.policy.key if plan.policy else "": plan for plan in SendingPlan.objects.select_related("policy")}


def _wait(row: Delivery, plan: SendingPlan, *, at: datetime) -> tuple[datetime | None, str]:
    """Until when this page waits, and why; None when it may go."""
    sent = Delivery.objects.filter(recipient=row.recipient, purpose=Purpose.PAGE, status=Delivery.Status.SENT)
    sent = sent.filter(sent_with=None, ended_at__lte=at).order_by("-ended_at")
    until, why = at, ""
    if plan.bundle_within:
        last = sent.filter(address_key=row.address_key, ended_at__gt=at - plan.bundle_within).first()
        if last and last.ended_at:
            until = last.ended_at + plan.bundle_within
            why = f"pages within {format_duration(plan.bundle_within)} go out together."
    if plan.most and plan.within:
        lately = list(sent.filter(ended_at__gt=at - plan.within).values_list("ended_at", flat=True)[: plan.most])
        oldest = lately[-1] if len(lately) >= plan.most else None
        if oldest and oldest + plan.within > until:
            until = oldest + plan.within
            why = f"{row.to} was paged {plan.most} times in {format_duration(plan.within)}; the rest goes out together."
    return (until, why) if until > at else (None, "")


def gather(
    claimed: list[Delivery], *, at: datetime, lease_until: datetime, take: Callable[[list[int]], None]
) -> list[list[Delivery]]:
    """`claimed` as messages: pages to one person by one address together, whatever waits for them along.

    take   is told the keys of what is claimed along, before others can see the claim
    """
    groups: dict[tuple, list[Delivery]] = {}
    for row in claimed:
        groups.setdefault(_bundle_of(row) if _bundles(row) else (row.pk,), []).append(row)
    leaders = {key: rows[0] for key, rows in groups.items() if len(key) == 2}
    if leaders:
        for row in _along(leaders, claimed, lease_until=lease_until, take=take):
            groups[_bundle_of(row)].append(row)
    return [part for rows in groups.values() for part in _parts(rows)]


def _parts(rows: list[Delivery]) -> Iterator[list[Delivery]]:
    """`rows` by as many incidents as one message names, so that each can be answered for."""
    threads: dict[str, list[Delivery]] = {}
    for row in rows:
        threads.setdefault(_thread(row), []).append(row)
    each = list(threads.values())
    for start in range(0, len(each), MOST_NAMED):
        yield [row for one in each[start : start + MOST_NAMED] for row in one]


def _along(
    leaders: dict[tuple, Delivery],
    claimed: list[Delivery],
    *,
    lease_until: datetime,
    take: Callable[[list[int]], None],
) -> list[Delivery]:
    """Claim what else waits for the people of `leaders`, whether it is due or held back."""
    waiting = Delivery.objects.waiting().filter(
        recipient__in={row.recipient for row in leaders.values()}, purpose=Purpose.PAGE, claimed_by="",
        address_key__in={row.address_key for row in leaders.values()},
    )  # fmt: skip
    waiting = waiting.exclude(pk__in=[row.pk for row in claimed]).order_by("pk")
    if not waiting.exists():
        return []
    with transaction.atomic():
        found = [row for row in locked(waiting)[:MOST_NAMED] if _bundle_of(row) in leaders]
        take([row.pk for row in found])
        Delivery.objects.filter(pk__in=[row.pk for row in found]).update(next_attempt_at=lease_until, claimed_by=me())
    for row in found:
        row.next_attempt_at, row.claimed_by = lease_until, me()
    return found


def message(rows: list[Delivery], alone: Message) -> Message:
    """The one message for `rows`; `alone` is that of the first by itself."""
    different = list({_thread(row): row for row in rows}.values())
    if len(different) < 2:
        return alone
    lines = [f"{len(different)} incidents ask for you:", *(f"• {row.subject}" for row in different)]
    actions = [
        Action(f"{action['label']} {_name(row)}"[:75], action["url"])
        for row in different
        for action in row.actions
        if action["label"] == "Acknowledge" or len(row.actions) == 1
    ]
    lines += [f"{_name(row)}: {row.url}" for row in different if row.url]
    return replace(
        alone, subject=f"{len(different)} incidents: {_first_of(different).subject}"[:250], text="\n".join(lines),
        actions=tuple(actions), url="", thread="", parent="",
        short=f"{len(different)} incidents: {'; '.join(row.short or row.subject for row in different)}"[:300],
        data={**alone.data, "bundle": [row.data for row in different]},
    )  # fmt: skip


def _first_of(rows: Iterable[Delivery]) -> Delivery:
    return min(rows, key=lambda row: row.pk)


def _name(row: Delivery) -> str:
    number = row.data.get("incident")
    return f"#{number}" if number else row.thread
