"""A signal: one fact somebody told us, as a plain value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Signal:
    """That something is wrong, or is so no more.

    labels        what it is about; with an empty `key` the whole set is its identity. Empty values count as absent.
    annotations   what is said of it; may change from one telling to the next
    starts_at     aware; None: now, or the end if only that is given
    ends_at       aware; by now or earlier: it is over. None: until told otherwise, or until the door's timeout
    url           where the sender shows it
    key           the sender's own deduplication key, which then is the identity instead of the labels
    name          empty: the label `alertname`
    severity_key  empty: the label `severity`, `level` or `priority`
    only_ends     it tells of the end and of nothing else: what was said of the alert before stands
    """

    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    url: str = ""
    key: str = ""
    name: str = ""
    severity_key: str = ""
    only_ends: bool = False


def printable(texts: Mapping[str, str]) -> dict[str, str]:
    """The same without NUL, which PostgreSQL keeps in no text."""
    return {name.replace("\0", "\ufffd"): text.replace("\0", "\ufffd") for name, text in texts.items()}


def micros(at: datetime) -> int:
    """Whole microseconds since 1970 of an aware instant."""
    return (at - EPOCH) // MICROSECOND


def instant(microseconds: int) -> datetime:
    """The instant, in UTC, that many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=microseconds)
