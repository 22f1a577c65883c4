"""Whom a delivery speaks as, what it follows, and what must go out before it: looked up just before it leaves."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from policies.fields import SecretUnreadable

from .models import Account, Delivery, Destination
from .routing import filled
from .transports import TRANSPORTS, Action, Message, Sender

log = logging.getLogger(__name__)
SPEAKERS: dict[str, Callable[[Delivery], Sender]] = {}
"""By purpose: who says whom a delivery leaves as, instead of its destination; rooms above register theirs."""
FILES: dict[str, Callable[[Mapping], tuple[str, bytes, str]]] = {}
"""What a mail may carry, by the word in its data: rooms above register what makes name, content and type of a file."""
LEFT_OUT = {
    "en": "The attachment of this mail could not be made and is missing. {}",
    "id": "Lampiran email ini tidak dapat dibuat dan tidak disertakan. {}",
    "ru": "Вложение к этому письму создать не удалось, поэтому его здесь нет. {}",
    "nl": "De bijlage van deze mail kon niet worden gemaakt en ontbreekt. {}",
}
READ_IT = {"en": "Read it at {}", "id": "Baca di {}", "ru": "Читайте его здесь: {}", "nl": "Lees het op {}"}
HOLD_BACK = timedelta(seconds=2)  # until it is looked whether what must go first has gone


def message_of(row: Delivery, *, at: datetime) -> Message:
    """The message of `row` as its transport takes it, on the instant of this try; a missing file is told in its text.

    May raise anything that its facts, its sender or the database raise; who sends many guards each.
    """
    actions = tuple(Action(action["label"], action["url"]) for action in row.actions)
    # told apart from the row of the same number in another installation, or before a database was made anew
    identity = f"{row.created_at.timestamp() * 1000:.0f}-{row.pk}"
    files, complete = files_of(row)
    text = row.text if complete else f"{row.text}\n\n{_left_out(row)}".strip()
    message = Message(
        row.subject, text, row.url, actions, row.data, identity, at, row.short, row.language or "en", row.thread,
        files=files,
    )  # fmt: skip
    channel = TRANSPORTS.get(row.kind)
    if channel is None or not (channel.account or channel.options):
        return message
    return Message(**{**vars(message), "sender": sender_of(row, channel.account), "parent": parent_of(row)})


def files_of(row: Delivery) -> tuple[tuple[tuple[str, bytes, str], ...], bool]:
    """What its data asks to go along, and whether that is all of it; what is gone or cannot be made is left out.

    It is made here, since a transport runs beside the database.
    """
    asked = row.data.get("attachments") if isinstance(row.data, dict) and row.kind == "email" else None
    made, complete = [], True
    for one in asked if isinstance(asked, list) else []:
        try:
            made.append(FILES[one["kind"]](one))
        except LookupError as error:
            log.error("Delivery %s goes out without a file that is not there: %s", row.pk, error)
            complete = False
        except Exception:
            # a mail without its file is worth more than no mail
            log.exception("Delivery %s goes out without a file that cannot be made.", row.pk)
            complete = False
    return tuple(made), complete


def _left_out(row: Delivery) -> str:
    """Says in the language of `row` that its file is missing, and where to read what would have been in it."""
    language = (row.language or "en").lower()[:2]
    language = language if language in LEFT_OUT else "en"
    return LEFT_OUT[language].format(READ_IT[language].format(row.url) if row.url else "").strip()


def sender_of(row: Delivery, kind: str) -> Sender:
    """The account of `kind` that `row` leaves through, with the options of its destination laid over."""
    if speaker := SPEAKERS.get(row.purpose):
        return speaker(row)
    place = None
    if row.destination_id is not None:
        place = Destination.objects.select_related("account", "policy").filter(pk=row.destination_id).first()
    options = place.options if place else {}
    account = (place.account if place else None) or (account_for(kind, place) if kind else None)
    if account is None or not account.enabled:
        return Sender(options=dict(options))
    try:
        secret = filled(account.secret, account.policy)
    except SecretUnreadable:
        secret = ""
    plain = {name: filled(value, account.policy) if isinstance(value, str) else value
             for name, value in account.options.items()}  # fmt: skip
    return Sender(account.key, {**plain, **options}, secret)


def account_for(kind: str, place: Destination | None = None) -> Account | None:
    """The account of `kind` that nobody named: the policy's own, else that of all policies, else the only one."""
    found = list(Account.objects.select_related("policy").filter(kind=kind, enabled=True).order_by("pk"))
    own = [one for one in found if place is not None and place.policy_id and one.policy_id == place.policy_id]
    shared = [one for one in found if one.policy_id is None]
    return next(iter([*own, *shared, *found]), None)


def parent_of(row: Delivery) -> str:
    """What the far side calls the first message of the thread of `row` to its address."""
    if not row.thread:
        return ""
    before = Delivery.objects.filter(thread=row.thread, kind=row.kind, hint=row.hint, pk__lt=row.pk)
    for first in before.exclude(reference="").order_by("pk").only("address", "reference"):
        if first.address == row.address:
            return first.reference
    return ""


def hold_back(claimed: list[Delivery], *, at: datetime) -> list[Delivery]:
    """Those of `claimed` that may go now; what must wait for an earlier message of its thread is put off until then."""
    ready = []
    for row in claimed:
        channel = TRANSPORTS.get(row.kind)
        first = _goes_first(row) if channel is not None and channel.in_order and row.thread else None
        if first is None:
            ready.append(row)
            continue
        wait_until = at + HOLD_BACK  # when it is on the wire now, `let_follow` makes that shorter
        if not first.claimed_by:
            wait_until = max(first.next_attempt_at or at, wait_until)
        Delivery.objects.waiting().filter(pk=row.pk).update(next_attempt_at=wait_until, claimed_by="")
    return ready


def let_follow(row: Delivery, *, at: datetime) -> None:
    """Make due what has waited for `row`, which has gone out or failed."""
    channel = TRANSPORTS.get(row.kind)
    if channel is not None and channel.in_order and row.thread:
        behind = Delivery.objects.waiting().filter(thread=row.thread, kind=row.kind, hint=row.hint, pk__gt=row.pk)
        behind.filter(claimed_by="", attempts=0).update(next_attempt_at=at)


def _goes_first(row: Delivery) -> Delivery | None:
    before = Delivery.objects.waiting().filter(thread=row.thread, kind=row.kind, hint=row.hint, pk__lt=row.pk)
    same = (one for one in before.order_by("-pk") if one.address == row.address)
    return next(same, None)
