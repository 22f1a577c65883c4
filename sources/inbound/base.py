"""What every kind of door has in common: a request comes in, is believed or refused, and is brought into our terms.

A kind is one file here and one line in `INBOUND`. It has no database and no clock: it takes a `Sent` and the door's row
and returns plain values, which `alerts.receiving` stores in one transaction with the request's row in the webhook log.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from ..models import Integration, new_token
from ..signals import Signal
from . import signing
from .errors import Malformed, NotSigned, NotTaken, WrongPayload

__all__ = [
    "ChannelTold", "Happening", "Inbound", "Malformed", "NotSigned", "NotTaken", "Parsed", "Reply", "Sent", "Told",
    "WrongPayload", "an_object", "json_type", "read_json", "text_at",
]  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """One request as it came.

    method   upper case
    headers  looked up without regard to case
    query    the address's parameters, the first of each
    url      the whole address, as the sender called it
    """

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    url: str = ""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Happening:
    """One event as a sender told it; becomes a row of `Event`.

    stream    empty: the kind of door
    outcome   our words where they fit: ok, failed, delivered, bounced, complained, delayed
    duration  seconds
    at        aware; None: when it was received
    id        the sender's id of this event; the same one again is left out
    missing   names of context that should have come along
    """

    kind: str = ""
    name: str = ""
    subject: str = ""
    outcome: str = ""
    level: str = ""
    text: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    duration: float | None = None
    missing: tuple[str, ...] = ()
    id: str = ""
    at: datetime | None = None
    stream: str = ""


@dataclass(frozen=True)
class Told:
    """One change (deploy, flag, configuration) as a sender told it; becomes a row of `Change`."""

    summary: str
    kind: str = "deploy"
    source: str = ""
    service: str = ""
    version: str = ""
    outcome: str = ""
    url: str = ""
    links: list[dict[str, str]] = field(default_factory=list)
    images: list[dict[str, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class ChannelTold:
    """How a tenant's channel is now."""

    tenant: str
    key: str
    status: str
    reason: str = ""
    name: str = ""
    kind: str = ""
    at: datetime | None = None
    identifiers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parsed:
    """What a request says, in our terms; all of it is stored or none.

    acknowledged  keys of alerts that somebody has taken elsewhere
    note          why there is nothing in it, for the log ("a test ping of the sender")
    """

    signals: list[Signal] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)
    changes: list[Told] = field(default_factory=list)
    channels: list[ChannelTold] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Reply:
    """What the sender is answered."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"

    @classmethod
    def json(cls, status: int, value: Any) -> "Reply":
        return cls(status, json.dumps(value).encode())


class Inbound:
    """A kind of door. Subclasses say how their sender signs, numbers and words what it tells.

    kind           as it stands in the database
    label          for people
    path           where it is; {key} stands for the door's key
    aliases        other words people have for it, taken by `integration add`
    content_types  that are taken; empty: any
    groups_by      labels that make one incident of its alerts where a new door is not told which
    options        keys of the door's `options` that it reads -> what they mean
    log_headers    headers it reads beside the signature, kept in the log to take a request again
    levels         the sender's own levels, the most urgent first, for policies that have none of these names
    gzip           whether a body may come packed; it is unpacked before anything else, to no more than the limit
    ends_at_once   its sender says that the trouble is over, and means it: no quiet time unless the door has one
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    path: ClassVar[str] = "/api/ingest/{key}"
    aliases: ClassVar[tuple[str, ...]] = ()
    content_types: ClassVar[tuple[str, ...]] = ("application/json",)
    groups_by: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[dict[str, str]] = {}
    log_headers: ClassVar[tuple[str, ...]] = ()
    levels: ClassVar[tuple[str, ...]] = ()
    ends_at_once: ClassVar[bool] = False
    gzip: ClassVar[bool] = False
    message_headers: ClassVar[tuple[str, ...]] = (
        "X-Opscenter-Delivery", "X-GitHub-Delivery", "Webhook-Id", "Svix-Id", "Idempotency-Key",
    )  # fmt: skip

    def new_key(self) -> str:
        """A key for a new door, in the form the senders of this kind expect."""
        return new_token()

    def greet(self, sent: Sent, door: Integration) -> Reply | None:
        """The answer to a GET, for senders that ask before they send; None: only POST is taken."""
        return None

    def wrong_type(self, content_type: str) -> str:
        """The words for a content type that is not taken; `content_type` is empty when the request names none."""
        allowed = " or ".join(self.content_types)
        told = f"not {content_type[:60]!r}" if content_type else "and this request names none"
        return f"The content type must be {allowed}, {told}."

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """Raise NotSigned unless one of `door.secrets` signed it; called only when the door has a secret.

        Returns what tells a replay: never accepted twice. "" when the sender's form cannot tell one.
        """
        return signing.check(sent.headers, sent.body, door.secrets, at=at)

    def always_verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """For kinds whose signature needs no secret of ours, such as a certificate; else nothing."""
        return ""

    def decode(self, sent: Sent) -> Any:
        """The payload; Malformed says where it breaks."""
        return read_json(sent.body)

    def message_id(self, sent: Sent, payload: Any) -> str:
        """The sender's own id of this message: a second one with it changes nothing. "": it has none."""
        return next((sent.headers[name] for name in self.message_headers if sent.headers.get(name)), "")[:120]

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        """What it says in our terms; WrongPayload names the place that cannot be understood."""
        raise NotImplementedError

    def finish(self, payload: Any, sent: Sent, door: Integration) -> None:
        """What is to be done elsewhere once the request is stored, also when it comes again; quick, and safe twice.

        NotTaken is answered when it fails: the sender's next attempt is ours too.
        """

    def accepted(self, parsed: Parsed, became: dict[str, list[int]], *, duplicate: bool = False) -> Reply:
        """The answer to a request that is stored now, or (duplicate) was before."""
        count = 0
        if not duplicate:
            count = len(parsed.signals) + len(parsed.events) + len(parsed.changes) + len(parsed.channels)
        words: dict[str, Any] = {"accepted": count, "alerts": became.get("alerts", [])}
        words |= {what: became[what] for what in ("events", "changes", "channels") if became.get(what)}
        if duplicate:
            return Reply.json(200, words | {"duplicate": True})
        return Reply.json(202, words | ({"note": parsed.note} if parsed.note else {}))

    def refused(self, status: int, reason: str) -> Reply:
        """The answer to a request that is not taken."""
        return Reply.json(status, {"error": reason})


def read_json(body: bytes) -> Any:
    """The value of a JSON body; Malformed says at which line and column it breaks."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8 text: byte {error.start} does not belong there.") from error
    except RecursionError as error:
        raise Malformed("The body is nested too deeply.") from error
    except Malformed:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise Malformed(f"The body is not JSON that can be read: {error}.") from error


def _no_number(word: str) -> float:
    raise Malformed(f"The body is not JSON: {word} is no number there; send null instead.")


def an_object(value: Any, where: str) -> dict[str, Any]:
    """`value`, which must be a JSON object; `where` names its place: "event.user"."""
    if not isinstance(value, dict):
        raise WrongPayload(f"{where} must be an object, and it is {json_type(value)}.")
    return value


def json_type(value: Any) -> str:
    """`a list`, `text` …, for error texts."""
    if isinstance(value, bool):
        return "a yes or no"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number", type(None): "missing"}
    return names.get(type(value), "something else")


def text_at(value: Any, *path: str | int, default: str = "") -> str:
    """The text at a path of keys and places; `default` when there is none. Numbers and booleans become texts.

    It can be stored: half a surrogate pair and NUL are replaced.
    """
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return default
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value).replace("\0", "\ufffd").encode(errors="replace").decode() or default
    return default
