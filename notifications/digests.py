"""What is of a low level is told together, once a day at a chosen hour, each line with a link to say it was no use."""

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse

from policies.claims import locked
from policies.models import Policy
from policies.wake import wake

from . import outbox, routing
from .models import DigestLine, Purpose
from .routing import Choice

SALT = "opscenter.digest"
VALID_FOR = timedelta(days=30)
OVER = {"resolved", "false positive", "closed"}
BATCH = 500
MOST_LINES = 100


class BadHour(ValueError):
    """A text that names no hour of a day; the sentence says how to write one."""


def hour_of(text: str, *, zone: str = "UTC") -> tuple[time, ZoneInfo]:
    """The hour and zone of "09:00" or "09:00 Asia/Jakarta"; without a zone it is `zone`."""
    wall, _, named = text.strip().partition(" ")
    try:
        return time.fromisoformat(wall), ZoneInfo(named.strip() or zone)
    except (ValueError, OSError, LookupError):
        raise BadHour(f"{text!r} is no hour; write 09:00, or 09:00 Asia/Jakarta.") from None


def next_at(text: str, *, zone: str, after: datetime) -> datetime:
    """The first instant after `after` (aware) at which it is that hour there.

    An hour that a change of clocks leaves out comes as much later, one that comes twice counts the first time.
    """
    wall, tz = hour_of(text, zone=zone)
    day = after.astimezone(tz).date()
    for ahead in range(3):
        due = datetime.combine(day + timedelta(days=ahead), wall, tz).astimezone(UTC)
        if due > after:
            return due
    raise BadHour(f"{text!r} names no hour to come.")


def add(
    choice: Choice, policy: Policy | None, *, thread: str, subject: str, url: str, event: str, data: dict, at: datetime
) -> None:
    """Put something in the next digest of the place of `choice`; what is in it already only changes its state."""
    key = {"destination": choice.destination, "part": choice.part, "thread": thread}
    waiting = DigestLine.objects.filter(**key, due_at__isnull=False)
    begun = event in ("opened", "reopened", "again")
    if waiting.update(state=event, times=F("times") + (1 if begun else 0)):
        return
    if event in OVER and DigestLine.objects.filter(**key, delivery__isnull=False).exists():
        return  # its reader knows it from an earlier digest, and need not hear of it again
    due_at = next_at(choice.digest, zone=policy.timezone if policy else "UTC", after=at)
    try:
        with transaction.atomic():
            DigestLine.objects.create(
                **key, policy=policy, subject=subject[:250], url=url, state=event, data=data, at=at, due_at=due_at
            )
    except IntegrityError:
        waiting.update(state=event, times=F("times") + 1)  # another transaction was first
    wake()


def send_due(*, at: datetime) -> int:
    """Send every digest whose hour has come; return how many lines they have."""
    with transaction.atomic():
        due = DigestLine.objects.filter(due_at__isnull=False, due_at__lte=at).order_by("due_at", "pk")
        lines = list(locked(due.select_related("destination__policy", "policy"))[:BATCH])
        together: dict[tuple, list[DigestLine]] = defaultdict(list)
        for line in lines:
            together[line.destination_id, line.part].append(line)
        for of_place in together.values():
            _send(of_place, at=at)
    return len(lines)


def _send(lines: list[DigestLine], *, at: datetime) -> None:
    place, part, policy = lines[0].destination, lines[0].part, lines[0].policy
    addresses = routing.addresses_of(place, policy)
    address = addresses[part] if part < len(addresses) else addresses[0]
    over = sum(line.state in OVER for line in lines)
    count = f"{len(lines)} {'thing' if len(lines) == 1 else 'things'}"
    text = [f"{count} of low urgency since {lines[0].at:%Y-%m-%d %H:%M} UTC, {len(lines) - over} still open.", ""]
    for line in lines[:MOST_LINES]:
        times = f", {line.times} times" if line.times > 1 else ""
        text += [f"• {line.subject} ({line.state}{times}, {line.at:%d %b %H:%M})", f"  {line.url}" if line.url else "",
                 f"  Not useful: {link(line, at=at)}"]  # fmt: skip
    if len(lines) > MOST_LINES:
        text.append(f"… and {len(lines) - MOST_LINES} more.")
    delivery = outbox.queue(
        kind=place.kind, address=address, secret=routing.secret_of(place, policy), to=str(place), destination=place,
        purpose=Purpose.NOTICE, subject=f"Digest: {count} of low urgency", text="\n".join(filter(None, text)), at=at,
        data={"event": "digest", "policy": policy.key if policy else "",
              "lines": [{"thread": line.thread, "subject": line.subject, "state": line.state, "url": line.url,
                         "times": line.times, "not_useful_url": link(line, at=at)} for line in lines]},
    )  # fmt: skip
    DigestLine.objects.filter(pk__in=[line.pk for line in lines]).update(due_at=None, delivery=delivery)


def link(line: DigestLine, *, at: datetime) -> str:
    """Where a reader says that the line was no use, for thirty days from `at`."""
    until = int((at + VALID_FOR).timestamp())
    token = signing.dumps([line.pk, until], salt=SALT, compress=True)
    return settings.BASE_URL + reverse("digest-not-useful", args=[token])


def line_of(token: str, *, at: datetime) -> DigestLine | None:
    """The line that a link was made for; None when it is damaged, too old or gone."""
    try:
        pk, until = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return DigestLine.objects.filter(pk=pk).first() if at.timestamp() <= until else None


def mark_not_useful(line: DigestLine, *, at: datetime, by: str = "") -> None:
    """Keep a reader's word on a line, for whoever tunes the rules; the first counts."""
    DigestLine.objects.filter(pk=line.pk, not_useful_at=None).update(not_useful_at=at, not_useful_by=by[:150])
    line.refresh_from_db()
