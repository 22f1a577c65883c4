"""What a message says, from plain values, in its reader's language and zone: a subject of one line with level and
title, plain text, and a short form for text messages and calls that holds no more than level, number and title.

A policy may bring its own wording of an event; what it does not say, and what cannot be filled, is worded as usual.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import import_module
from zoneinfo import ZoneInfo

from policies.durations import format_duration

LANGUAGES = ("en", "id", "ru", "nl")
LONGEST_SUBJECT, LONGEST_SHORT = 250, 400


@dataclass(frozen=True)
class Words:
    """The words of a message; `subject` is one line of at most 250 characters.

    fault  why a part of the policy's own wording could not be used, a sentence; empty when all is well
    """

    subject: str
    text: str
    short: str = ""
    language: str = "en"
    fault: str = ""


@dataclass(frozen=True)
class Reader:
    """Whom the words are for.

    language  one of LANGUAGES; another is answered in English
    zone      in which times are told
    own       the policy's own wordings: event -> {"subject": …, "short": …, "text": …}, each a template or empty
    """

    language: str = "en"
    zone: str = "UTC"
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def say(self, phrase: str, **facts: object) -> str:
        return phrases(self.language)[phrase].format(**facts)

    def moment(self, at: datetime, *, seconds: bool = False) -> str:
        local = at.astimezone(_zone(self.zone))
        return f"{local:%Y-%m-%d %H:%M:%S}{local: %Z}" if seconds else f"{local:%Y-%m-%d %H:%M %Z}"


ENGLISH = Reader()


@lru_cache(maxsize=len(LANGUAGES) + 1)
def phrases(language: str) -> Mapping[str, str]:
    """The usual words of `language`, else of English."""
    known = language if language in LANGUAGES else "en"
    return import_module(f".languages.{known}", __package__).PHRASES


def page(
    *, number: int, severity: str, title: str, started_at: datetime, summary: str = "", service: str = "",
    why_you: str = "", runbook: str = "", drill: bool = False, url: str = "", reader: Reader = ENGLISH,
) -> Words:  # fmt: skip
    """Asks one person to take an incident; `why_you` says by which step or role."""
    say = reader.say
    lines = [title, _since(reader, severity, started_at), service and say("service", service=service), summary,
             runbook and say("runbook", runbook=runbook), why_you and say("why", why=why_you), say("take")]  # fmt: skip
    facts = {"started_at": reader.moment(started_at, seconds=True), "summary": summary, "service": service,
             "why": why_you, "runbook": runbook, "url": url}  # fmt: skip
    return _words(reader, "page", "", severity, number, title, drill, lines, facts)


def opened(
    *, number: int, severity: str, title: str, started_at: datetime, summary: str = "", service: str = "",
    drill: bool = False, url: str = "", reader: Reader = ENGLISH,
) -> Words:  # fmt: skip
    """Tells a channel that there is a new incident."""
    return _told_of(reader, "opened", reader.say("opened"), number=number, severity=severity, title=title, url=url,
                    started_at=started_at, summary=summary, service=service, drill=drill)  # fmt: skip


def acknowledged(
    *, number: int, severity: str, title: str, by: str, after: timedelta, via: str = "", drill: bool = False,
    url: str = "", reader: Reader = ENGLISH,
) -> Words:  # fmt: skip
    """Tells that `by` has taken it, `after` so long."""
    taken = reader.say("taken_via" if via else "taken", by=by, length=_length(after), via=via)
    facts = {"by": by, "after": _length(after), "via": via, "url": url}
    return _words(reader, "acknowledged", reader.say("acknowledged"), severity, number, title, drill, [title, taken],
                  facts)  # fmt: skip


def resolved(
    *, number: int, severity: str, title: str, lasted: timedelta, by: str = "", reason: str = "", drill: bool = False,
    url: str = "", reader: Reader = ENGLISH,
) -> Words:  # fmt: skip
    """Tells that it is over; an empty `by` means that Opscenter saw nothing firing any more."""
    ended = reader.say("resolved_by" if by else "resolved_itself", by=by, length=_length(lasted))
    facts = {"by": by, "after": _length(lasted), "reason": reason, "url": url}
    return _words(reader, "resolved", reader.say("resolved"), severity, number, title, drill, [title, ended, reason],
                  facts)  # fmt: skip


def changed(
    *, number: int, severity: str, title: str, headline: str, started_at: datetime, summary: str = "",
    service: str = "", drill: bool = False, event: str = "", url: str = "", reader: Reader = ENGLISH,
) -> Words:  # fmt: skip
    """Tells of a change in words of one line: mitigated, reopened, raised or lowered in level.

    event  its key among the phrases, which words the headline in the reader's language
    """
    headline = phrases(reader.language).get(event, headline)
    return _told_of(reader, event, headline, number=number, severity=severity, title=title, started_at=started_at,
                    summary=summary, service=service, drill=drill, url=url)  # fmt: skip


def reminder(
    *, number: int, severity: str, title: str, what: str, due_at: datetime, at: datetime, drill: bool = False,
    url: str = "", reader: Reader = ENGLISH,
) -> Words:  # fmt: skip
    """Reminds that `what` falls due at `due_at`, or that it is late at `at`."""
    left = due_at - at
    phrase = "due_in" if left > timedelta() else "late" if left else "due_now"
    due = reader.say(phrase, what=what, length=_length(abs(left)), when=reader.moment(due_at))
    headline = reader.say("reminder", what=what)
    facts = {"what": what, "due_at": reader.moment(due_at), "url": url}
    return _words(reader, "reminder", headline, severity, number, title, drill, [title, due], facts)


def update(
    *, number: int, severity: str, title: str, text: str, by: str = "", fields: Mapping[str, str] | None = None,
    next_at: datetime | None = None, drill: bool = False, url: str = "", reader: Reader = ENGLISH,
) -> Words:  # fmt: skip
    """Carries what a person wrote for others, and when the next one comes."""
    lines = [text, *(f"{name}: {value}" for name, value in (fields or {}).items() if value),
             by and reader.say("from", by=by),
             next_at and reader.say("next_update", when=reader.moment(next_at))]  # fmt: skip
    facts = {"text": text, "by": by, "next_at": reader.moment(next_at) if next_at else "", "url": url}
    return _words(reader, "update", reader.say("update"), severity, number, title, drill, lines, facts)


def _told_of(
    reader: Reader, event: str, headline: str, *, number: int, severity: str, title: str, started_at: datetime,
    summary: str, service: str, drill: bool, url: str,
) -> Words:  # fmt: skip
    lines = [title, _since(reader, severity, started_at), service and reader.say("service", service=service), summary]
    facts = {"started_at": reader.moment(started_at, seconds=True), "summary": summary, "service": service, "url": url}
    return _words(reader, event, headline, severity, number, title, drill, lines, facts)


def _words(
    reader: Reader, event: str, headline: str, severity: str, number: int, title: str, drill: bool, lines: list,
    facts: Mapping[str, object],
) -> Words:  # fmt: skip
    """The usual words, and in their place what the policy says of the event itself."""
    subject = _subject(reader, headline, severity, number, title, drill)
    usual = Words(subject, "\n".join(line for line in lines if line), _cut(subject, LONGEST_SHORT), reader.language)
    own = reader.own.get(event)
    if not own:
        return usual
    from . import own_words  # the engine of templates is loaded only where a policy has some

    values = {**facts, "number": number, "severity": severity, "title": title, "headline": headline, "drill": drill}
    said, fault = own_words.filled(own, values, event=event)
    mark = f"{reader.say('drill')} " if drill else ""
    return Words(
        _cut(mark + _line(said["subject"]), LONGEST_SUBJECT) if said.get("subject") else usual.subject,
        said.get("text") or usual.text,
        _cut(mark + _line(said["short"]), LONGEST_SHORT) if said.get("short") else usual.short,
        reader.language,
        fault,
    )


def _subject(reader: Reader, headline: str, severity: str, number: int, title: str, drill: bool) -> str:
    drilled = reader.say("drill") if drill else ""
    parts = [drilled, f"{headline}:" if headline else "", f"[{severity}]", f"#{number}", title]
    return _cut(_line(" ".join(part for part in parts if part)), LONGEST_SUBJECT)


def _since(reader: Reader, severity: str, started_at: datetime) -> str:
    return reader.say("since", severity=severity, when=reader.moment(started_at, seconds=True))


def _length(length: timedelta) -> str:
    """Whole minutes from an hour on, whole seconds below."""
    unit = timedelta(minutes=1) if length >= timedelta(hours=1) else timedelta(seconds=1)
    return format_duration(length // unit * unit)


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(line: str, length: int) -> str:
    return line if len(line) <= length else line[: length - 1] + "…"


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC  # a zone that the machine no longer knows makes no message fail
