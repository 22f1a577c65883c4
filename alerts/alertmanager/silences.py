"""Silences as Alertmanager's users post and read them.

Source: prometheus/alertmanager, api/v2/openapi.yaml, `postableSilence` and `gettableSilence`.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sources.inbound.alertmanager import LAST_YEAR

from ..models import Silence
from ..silencing import Wanted, normal
from .filters import Matcher
from .reading import milliseconds

RETENTION = timedelta(hours=120)
"""How long a silence is listed after its end; by its id it is found for good."""
PARSED, REQUIRED, TOO_FEW = 400, 602, 612  # go-openapi's numbers for what fails the schema
MAKER_LENGTH = 250
ORDER = [Silence.State.ACTIVE, Silence.State.PENDING, Silence.State.EXPIRED]


class Faulty(ValueError):
    """The body is no silence; `code` is Alertmanager's own number for what is wrong with it."""

    def __init__(self, reason: str, code: int):
        super().__init__(reason)
        self.code = code
        self.status = 400 if code == PARSED else 422


class Posted(msgspec.Struct, rename="camel"):
    """A silence as it was posted; None: not given, which for times is also Go's zero time."""

    id: str | None = None
    matchers: list[dict[str, Any] | None] | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    created_by: str | None = None
    comment: str | None = None
    annotations: dict[str, str | None] | None = None


def decode(body: bytes) -> tuple[str, Wanted]:
    """The id that is named (empty: a new silence), and the silence; Faulty when a part is missing or ill-typed."""
    if not body.strip():
        raise Faulty("silence in body is required", REQUIRED)
    try:
        posted = msgspec.json.decode(body, type=Posted | None) or Posted()
    except (msgspec.DecodeError, RecursionError) as error:
        raise Faulty(f'parsing silence body from "" failed, because {error}', PARSED) from error
    starts_at, ends_at = (_time(posted.starts_at, "startsAt"), _time(posted.ends_at, "endsAt"))
    for name in ("comment", "created_by", "ends_at"):
        _require(getattr(posted, name), name)
    matchers = [_matcher(one, place) for place, one in enumerate(_require(posted.matchers, "matchers"))]
    if not matchers:
        raise Faulty("matchers in body should have at least 1 items", TOO_FEW)
    _require(posted.starts_at, "starts_at")
    wanted = Wanted(
        matchers=matchers, starts_at=starts_at, ends_at=ends_at or datetime.min.replace(tzinfo=UTC),
        created_by=_stored(posted.created_by or ""), comment=_stored(posted.comment or ""),
        annotations={_stored(name): _stored(text or "") for name, text in (posted.annotations or {}).items()},
    )  # fmt: skip
    return posted.id or "", wanted


def _require(value: Any, name: str) -> Any:
    if value is None:
        words = name.split("_")
        raise Faulty(f"{words[0]}{''.join(word.title() for word in words[1:])} in body is required", REQUIRED)
    return value


def _matcher(posted: dict[str, Any] | None, place: int) -> Matcher:
    told = posted or {}
    for name, type in (("isEqual", bool), ("isRegex", bool), ("name", str), ("value", str)):
        value = told.get(name)
        if value is None and name != "isEqual":
            raise Faulty(f"matchers.{place}.{name} in body is required", REQUIRED)
        if value is not None and not isinstance(value, type):
            wanted = "true or false" if type is bool else "text"
            raise Faulty(
                f'parsing silence body from "" failed, because matchers.{place}.{name} is not {wanted}', PARSED
            )
    return {
        "name": _stored(told["name"]), "value": _stored(told["value"]), "isRegex": told["isRegex"],
        "isEqual": told.get("isEqual") is not False,
    }  # fmt: skip


def _time(text: str | None, name: str) -> datetime | None:
    """The instant; None when it is not given, or is Go's zero time."""
    if not text:
        return None
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        words = f'parsing silence body from "" failed, because {name} is no RFC 3339 time: {text[:60]!r}'
        raise Faulty(words, PARSED) from error
    if at.year > LAST_YEAR:
        raise Faulty(f'parsing silence body from "" failed, because {name} lies too far ahead: {text[:60]!r}', PARSED)
    if at.year == 1:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _stored(text: str) -> str:
    """PostgreSQL keeps NUL in no text."""
    return text.replace("\0", "\ufffd")


def found(id: str) -> Silence | None:
    """The silence of that id, None when there is none; also for what is no id at all."""
    try:
        return Silence.objects.select_related("policy").filter(pk=uuid.UUID(id)).first()
    except ValueError:
        return None


def listed(filters: Sequence[Matcher], states: set[Silence.State], *, at: datetime) -> list[Silence]:
    """Silences in these states that carry every one of the matchers: what ends or begins soonest first.

    The matchers are compared, not evaluated. What has ended is listed for its retention time, newest first.
    """
    rows = Silence.objects.filter(ends_at__gt=at - RETENTION)
    found = [
        (silence.state_at(at), silence)
        for silence in rows
        if silence.state_at(at) in states and all(one in _matchers(silence) for one in filters)
    ]
    return [silence for _, silence in sorted(found, key=_place)]


def _place(row: tuple[Silence.State, Silence]) -> tuple[int, float]:
    state, silence = row
    if state == Silence.State.PENDING:
        return ORDER.index(state), silence.starts_at.timestamp()
    ends = silence.ends_at.timestamp()
    return ORDER.index(state), ends if state == Silence.State.ACTIVE else -ends


def shown(silence: Silence, *, at: datetime) -> dict[str, Any]:
    """The silence as it is told."""
    return {
        "id": str(silence.pk),
        "status": {"state": str(silence.state_at(at))},
        "updatedAt": milliseconds(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": milliseconds(silence.ends_at),
        "matchers": _matchers(silence),
        "startsAt": milliseconds(silence.starts_at),
        "annotations": silence.annotations,
    }


def _matchers(silence: Silence) -> list[Matcher]:
    return normal(silence.matchers)
