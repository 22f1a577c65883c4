"""Calendar feeds: fetched when due, kept when they fail, and whom their events name."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.conf import settings

from policies.claims import lease
from policies.durations import format_duration
from sources.probes import http_call
from sources.probes.base import BadSpec, ProbeError

from . import ical
from .layers import Stretch
from .models import CalendarFeed, ContactMethod, EscalationContact
from .people import available

log = logging.getLogger(__name__)
TIMEOUT = timedelta(seconds=20)
LEASE = timedelta(minutes=2)
BATCH = 20
AGAIN = timedelta(minutes=1)  # a feed that failed is tried again this soon, then less and less often
LONGEST_WAIT = timedelta(hours=1)
LOOK_FOR_NAMES = timedelta(days=120)
MOST_WARNINGS = 30


class Directory:
    """Everybody by all the names a calendar may call them: name, user name, e-mail addresses."""

    @cached_property
    def known(self) -> dict[str, EscalationContact]:
        contacts = EscalationContact.objects.exclude(kind=EscalationContact.Kind.VENDOR)
        rows = list(contacts.select_related("user", "backup__backup").order_by("-active", "pk"))
        known: dict[str, EscalationContact] = {}
        for calls in (
            lambda row: [row.name],
            lambda row: [row.user.username, row.user.get_full_name(), row.user.email] if row.user else [],
        ):
            for row in rows:
                for name in calls(row):
                    known.setdefault(_plain(name), row)
        by_pk = {row.pk: row for row in rows}
        for method in ContactMethod.objects.filter(kind="email", contact__in=by_pk).order_by("pk"):
            known.setdefault(_plain(method.address), by_pk[method.contact_id])
        known.pop("", None)
        return known

    def people(self, occurrence: ical.Occurrence) -> tuple[EscalationContact, ...]:
        """Whom the event names; nobody when no guess is known wholly, else the guess with the most who are known."""
        best: list[EscalationContact] = []
        for guess in ical.named(occurrence):
            found = [self.known[_plain(name)] for name in guess if _plain(name) in self.known]
            if len(found) == len(guess):
                return tuple(dict.fromkeys(found))
            best = max(best, found, key=len)
        return tuple(dict.fromkeys(best))

    def unknown(self, occurrence: ical.Occurrence) -> list[str]:
        """The names in the event that stand for nobody; empty when some guess at it is known wholly."""
        guesses = ical.named(occurrence)
        missing = [[name for name in guess if _plain(name) not in self.known] for guess in guesses]
        return [] if [] in missing else min(missing, key=len, default=["nobody"])


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


class FeedCalendar:
    """The events of a feed as stretches of contacts; what cannot be read yields nobody and is told in the log."""

    def __init__(self, feed: CalendarFeed, zone: ZoneInfo, directory: Directory) -> None:
        self.feed, self.zone, self.directory = feed, zone, directory

    def between(self, start: datetime, end: datetime) -> Sequence[Stretch[EscalationContact]]:
        if not self.feed.text:
            return []
        try:
            found = ical.occurrences(self.feed.text, zone=self.zone, start=start, end=end)
        except ical.BadCalendar as error:
            log.error("The calendar feed %s yields nobody: %s", self.feed, error)
            return []
        stretches = (Stretch(one.start, one.end, self._people(one)) for one in found)
        return [one for one in stretches if one.people]

    def _people(self, occurrence: ical.Occurrence) -> tuple[EscalationContact, ...]:
        """Whom the event names, or who stands in for them."""
        there = (available(person) for person in self.directory.people(occurrence))
        return tuple(dict.fromkeys(person for person in there if person))


def age(feed: CalendarFeed, at: datetime) -> str:
    """How old the copy is that counts, in words; empty while the feed is well."""
    if not feed.failing_since:
        return ""
    if feed.fetched_at is None:
        return f"{feed} has never been fetched: {feed.failure}"
    old = format_duration(timedelta(minutes=max((at - feed.fetched_at) // timedelta(minutes=1), 0)))
    since = f"{feed.failing_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{feed} fails since {since}; its copy is {old} old. {feed.failure}"


def fetch_due(*, at: datetime) -> int:
    """Fetch the feeds that are due at `at`; return how many were asked for."""
    rows = CalendarFeed.objects.filter(next_fetch_at__lte=at).order_by("next_fetch_at")
    feeds = lease(rows, due="next_fetch_at", at=at, length=LEASE, batch=BATCH)
    for feed in feeds:
        try:
            fetch(feed, at=at)
        except Exception:  # or one calendar that surprises us would keep the rest of its batch unfetched, every time
            log.exception("The calendar feed %s could not be fetched; tried again when its lease is over", feed)
    return len(feeds)


def fetch(feed: CalendarFeed, *, at: datetime) -> None:
    """Fetch one feed now and store what came of it; the last good copy stays when nothing good came."""
    try:
        changed = _asked(feed, at)
    except (ProbeError, BadSpec, ical.BadCalendar) as error:
        since = feed.failing_since or at
        wait = min(max(AGAIN, at - since), LONGEST_WAIT)
        facts = {"failing_since": since, "failure": str(error)[:500], "next_fetch_at": at + wait}
        log.warning("The calendar feed %s could not be fetched: %s", feed, error)
    else:
        facts = {**changed, "failing_since": None, "failure": "", "fetched_at": at, "next_fetch_at": at + feed.every}
    for name, value in facts.items():
        setattr(feed, name, value)
    CalendarFeed.objects.filter(pk=feed.pk).update(**facts)


def _asked(feed: CalendarFeed, at: datetime) -> dict:
    """What changes of the feed by its answer; empty when it answers that nothing has."""
    headers = {"Accept": "text/calendar", "User-Agent": "Opscenter"}
    if feed.text and feed.etag:
        headers["If-None-Match"] = feed.etag
    if feed.text and feed.modified:
        headers["If-Modified-Since"] = feed.modified
    spec = {"url": address(feed.url), "headers": headers, "redirects": "any"}
    http_call.check(spec, required=(), allowed=())
    answer = http_call.ask(spec, TIMEOUT, public=not settings.PRIVATE_FEEDS)
    if answer.status == 304 and feed.text:
        return {"warnings": warnings(feed.text, at)}
    if answer.status != 200:
        raise ProbeError(f"It answered {answer.status} where 200 is expected.", reason="answer")
    kept = {"etag": answer.headers.get("ETag", "")[:250], "modified": answer.headers.get("Last-Modified", "")[:80]}
    return {**kept, **taken(answer.text, at)}


def taken(text: str, at: datetime) -> dict:
    """What a feed keeps of a calendar: its text and what of it cannot be used; BadCalendar when it is none."""
    text = text.replace("\x00", "")
    return {"text": text, "digest": sha256(text.encode()).hexdigest(), "warnings": warnings(text, at)}


def warnings(text: str, at: datetime) -> list[str]:
    """What of the calendar cannot be used: events that cannot be read, and names nobody knows in the coming weeks."""
    found, directory = ical.check(text), Directory()
    span = {"start": at - timedelta(days=1), "end": at + LOOK_FOR_NAMES}
    unknown: dict[str, datetime] = {}
    for occurrence in ical.occurrences(text, zone=ZoneInfo("UTC"), **span):
        for name in directory.unknown(occurrence):
            unknown.setdefault(name, occurrence.start)
    found += [
        f"Nobody is known as “{name}”, whom an event on {start:%Y-%m-%d} names: give a contact this name or address."
        for name, start in unknown.items()
    ]
    more = len(found) - MOST_WARNINGS
    return [*found[:MOST_WARNINGS], *([f"And {more} more."] if more > 0 else [])]


def address(url: str) -> str:
    """The address to ask: calendar programs say webcal where they mean https."""
    scheme, sign, rest = url.strip().partition("://")
    return f"https{sign}{rest}" if scheme.lower() in ("webcal", "webcals") else url.strip()
