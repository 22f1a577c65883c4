"""Alerts as Prometheus and its kin post them to Alertmanager.

Source: prometheus/alertmanager, api/v2/openapi.yaml, `POST /api/v2/alerts`.
"""

import re
from datetime import UTC, datetime

import msgspec

from ..signals import micros, printable

URI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|/)[^\x00-\x1f\x7f]*", re.DOTALL)
LAST_YEAR = 9990  # what Python and the databases can still turn into any time zone
ABSENT = (b"", b"null")
NUL = b"\\u0000"
REQUIRED, WRONG_FORMAT = 602, 601  # Alertmanager's own numbers for what fails its schema


class Malformed(ValueError):
    """The body is no JSON, or not of the types that alerts have; the text says where. Nothing of it may be stored."""


class WrongShape(ValueError):
    """Something that must be there is missing or badly formed; the text names the place. Nothing may be stored."""

    def __init__(self, reason: str, code: int):
        super().__init__(reason)
        self.code = code


class Posted(msgspec.Struct, gc=False, rename="camel"):
    """One alert as it was posted. Labels and annotations stay undecoded: most posts repeat what is already known."""

    labels: msgspec.Raw = msgspec.Raw(b"")
    annotations: msgspec.Raw = msgspec.Raw(b"")
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str | None = msgspec.field(name="generatorURL", default=None)


_body = msgspec.json.Decoder(list[Posted] | None)
_texts = msgspec.json.Decoder(dict[str, str])
_texts_or_nulls = msgspec.json.Decoder(dict[str, str | None])


def decode(body: bytes) -> list[Posted]:
    """The alerts of a request's body, in order; `null` is an empty list."""
    if not body.strip():
        raise WrongShape("The body is empty; it must be a list of alerts.", REQUIRED)
    try:
        return _body.decode(body) or []
    except msgspec.ValidationError as error:
        raise Malformed(f"The body is not a list of alerts: {error}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"The body is not JSON: {error}.") from error


def time(text: str, index: int, name: str) -> int | None:
    """Microseconds since 1970 of an RFC 3339 instant; None for Go's zero time, which means "not given"."""
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise Malformed(f"{name} of alert {index} is no RFC 3339 time: {text[:60]!r}.") from error
    if at.year == 1:
        return None
    if at.year > LAST_YEAR:
        raise Malformed(f"{name} of alert {index} lies too far ahead: {text[:60]!r}.")
    return micros(at if at.tzinfo else at.replace(tzinfo=UTC))


def labels(raw: bytes, index: int) -> dict[str, str]:
    """The labels; those without a value are left out, as they do not count."""
    try:
        pairs = _texts.decode(raw)
    except msgspec.DecodeError:
        if raw in ABSENT:
            raise WrongShape(f"Alert {index} has no labels; they are required.", REQUIRED) from None
        pairs = _leniently(raw, index, "labels")
    if NUL in raw:
        pairs = printable(pairs)
    return {name: value for name, value in pairs.items() if value} if "" in pairs.values() else pairs


def annotations(raw: bytes, index: int) -> tuple[dict[str, str], bytes]:
    """The annotations, and the same as JSON: as they came, unless that is not kept so."""
    try:
        pairs = _texts.decode(raw)
        if NUL not in raw:
            return pairs, raw
    except msgspec.DecodeError:
        pairs = {} if raw in ABSENT else _leniently(raw, index, "annotations")
    pairs = printable(pairs)
    return pairs, msgspec.json.encode(pairs)


def _leniently(raw: bytes, index: int, name: str) -> dict[str, str]:
    """As everywhere in Go a null is an empty text; what is wrong otherwise is put into words."""
    try:
        return {key: value or "" for key, value in _texts_or_nulls.decode(raw).items()}
    except msgspec.ValidationError as error:
        raise Malformed(f"The {name} of alert {index} must be texts by name: {error}.") from error
    except msgspec.DecodeError as error:
        raise Malformed(f"The {name} of alert {index} are not JSON: {error}.") from error


def check_url(address: str, index: int) -> None:
    """Raise WrongShape when it is no absolute address."""
    if not URI.fullmatch(address):
        raise WrongShape(f"generatorURL of alert {index} is no absolute URI: {address[:100]!r}.", WRONG_FORMAT)


def fault(labels: dict[str, str], annotations: dict[str, str], begins: int, ends: int) -> str:
    """What is wrong with this one alert, in words; empty when nothing is."""
    if not labels:
        return "at least one label with a value is needed"
    if "" in labels or "" in annotations:
        return "a label or annotation has an empty name"
    if ends < begins:
        return "it ends before it starts"
    return ""
