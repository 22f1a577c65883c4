"""What a message says, in English, from plain values: a subject of one line with level and title, and plain text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from policies.durations import format_duration


@dataclass(frozen=True)
class Words:
    """The words of a message; `subject` is one line of at most 250 characters."""

    subject: str
    text: str


def page(
    *, number: int, severity: str, title: str, started_at: datetime, summary: str = "", service: str = "",
    why_you: str = "", runbook: str = "", drill: bool = False,
) -> Words:  # fmt: skip
    """Asks one person to take an incident; `why_you` says by which step or role."""
    lines = [title, _since(severity, started_at), service and f"Service: {service}.", summary,
             runbook and f"Runbook: {runbook}", why_you and f"You are asked because {why_you}.",
             "Acknowledge to take it; until somebody does, others are asked after you."]  # fmt: skip
    return Words(_subject("", severity, number, title, drill), _text(lines))


def opened(
    *, number: int, severity: str, title: str, started_at: datetime, summary: str = "", service: str = "",
    drill: bool = False,
) -> Words:  # fmt: skip
    """Tells a channel that there is a new incident."""
    lines = [title, _since(severity, started_at), service and f"Service: {service}.", summary]
    return Words(_subject("New incident", severity, number, title, drill), _text(lines))


def acknowledged(
    *, number: int, severity: str, title: str, by: str, after: timedelta, via: str = "", drill: bool = False
) -> Words:
    """Tells that `by` has taken it, `after` so long."""
    taken = f"{by} took it after {_length(after)}{f' by {via}' if via else ''}."
    return Words(_subject("Acknowledged", severity, number, title, drill), _text([title, taken]))


def resolved(
    *, number: int, severity: str, title: str, lasted: timedelta, by: str = "", reason: str = "", drill: bool = False
) -> Words:
    """Tells that it is over; an empty `by` means that Opscenter saw nothing firing any more."""
    ended = f"Resolved {f'by {by}' if by else 'by itself'} after {_length(lasted)}."
    return Words(_subject("Resolved", severity, number, title, drill), _text([title, ended, reason]))


def changed(
    *, number: int, severity: str, title: str, headline: str, started_at: datetime, summary: str = "",
    service: str = "", drill: bool = False,
) -> Words:  # fmt: skip
    """Tells of a change in words of one line: mitigated, reopened, raised or lowered in level."""
    lines = [title, _since(severity, started_at), service and f"Service: {service}.", summary]
    return Words(_subject(headline, severity, number, title, drill), _text(lines))


def reminder(
    *, number: int, severity: str, title: str, what: str, due_at: datetime, at: datetime, drill: bool = False
) -> Words:
    """Reminds that `what` falls due at `due_at`, or that it is late at `at`."""
    left = due_at - at
    when = f"is due in {_length(left)}" if left > timedelta() else f"is late by {_length(-left)}"
    due = f"{what} {when if left else 'is due now'} ({due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)."
    return Words(_subject(f"Reminder, {what}", severity, number, title, drill), _text([title, due]))


def update(
    *, number: int, severity: str, title: str, text: str, by: str = "", fields: Mapping[str, str] | None = None,
    next_at: datetime | None = None, drill: bool = False,
) -> Words:  # fmt: skip
    """Carries what a person wrote for others, and when the next one comes."""
    lines = [text, *(f"{name}: {value}" for name, value in (fields or {}).items() if value), by and f"From {by}.",
             next_at and f"Next update by {next_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."]  # fmt: skip
    return Words(_subject("Update", severity, number, title, drill), _text(lines))


def _subject(headline: str, severity: str, number: int, title: str, drill: bool) -> str:
    parts = ["DRILL:" if drill else "", f"{headline}:" if headline else "", f"[{severity}]", f"#{number}", title]
    line = " ".join(" ".join(part for part in parts if part).split())
    return line if len(line) <= 250 else line[:249] + "…"


def _since(severity: str, started_at: datetime) -> str:
    return f"Severity {severity}, since {started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."


def _length(length: timedelta) -> str:
    """Whole minutes from an hour on, whole seconds below."""
    unit = timedelta(minutes=1) if length >= timedelta(hours=1) else timedelta(seconds=1)
    return format_duration(length // unit * unit)


def _text(lines: list) -> str:
    return "\n".join(line for line in lines if line)
