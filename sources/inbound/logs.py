"""Log lines that a shipper pushes: each is an event, and rules over events count and match them.

As text, a line each, plain or JSON (text/plain, application/x-ndjson); as JSON in one of the forms

    {"lines": ["2026-11-23T09:00:00Z ERROR boom", {"level": "error", "message": "boom"}], "labels": {"app": "crm"}}
    [{"level": "error", "message": "boom"}]
    {"streams": [{"stream": {"app": "crm"}, "values": [["1795424400000000000", "boom", {"trace": "7"}]]}]}

of which the last is what Loki takes (Grafana Loki, "HTTP API", "Ingest logs").
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from hashlib import blake2s
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..log_lines import LEVELS, TEXTS, TIMES, LogLine, read_line, word_of
from ..models import Integration
from ..probes.masking import MASK, is_secret, mask
from . import signing
from .base import Happening, Inbound, Malformed, NotSigned, Parsed, Sent, WrongPayload, an_object, json_type, read_json
from .base import text_at as text_in
from .times import from_nanos

MOST = 10_000  # lines of one request
LONGEST = 10_000  # characters of a line that are kept
MOST_LABELS, LONGEST_LABEL = 50, 200
NAMES = ("logger", "name", "logger_name", "log.logger", "source")


class Logs(Inbound):
    """Vector, Fluent Bit, rsyslog, curl: whatever can post lines. The key is in the path, as parameter or token."""

    kind, label = "logs", "Log lines"
    aliases = ("log", "lines", "loki-push", "ndjson")
    content_types = (
        "application/json", "text/plain", "application/x-ndjson", "application/ndjson", "application/jsonlines",
        "application/x-jsonlines",
    )  # fmt: skip
    log_headers = ("Content-Type",)
    gzip = True
    options = {
        "stream": "what rules call these lines by, logs unless said otherwise",
        "levels": 'keep only lines of these levels: ["warning", "error"]; without it all',
        "contains": 'keep only lines with one of these texts: ["beat:", "timeout"]',
        "timezone": "of times without a zone: Europe/Amsterdam; UTC unless said otherwise",
    }

    def wrong_type(self, content_type: str) -> str:
        if content_type in ("application/x-protobuf", "application/vnd.google.protobuf"):
            return (
                "The content type must be application/json or text/plain: lines are taken as JSON or text, not as "
                "Loki's protobuf. Have the shipper send JSON."
            )
        return super().wrong_type(content_type)

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """The secret as it is in a header: shippers can add headers and sign nothing."""
        token = signing.token_of(sent.headers)
        if not token or token == door.key:
            raise NotSigned("This door has a secret: give the key in the path and send Authorization: Bearer <secret>.")
        signing.check_token(sent.headers, door.secrets)
        return ""

    def decode(self, sent: Sent) -> Any:
        if sent.content_type != "application/json":
            return sent.body.decode(errors="replace").replace("\0", "\ufffd").splitlines()
        try:
            return read_json(sent.body)
        except Malformed:
            lines = [line for line in sent.body.splitlines() if line.strip()]
            if len(lines) < 2:
                raise
            return [read_json(line) for line in lines]  # JSON lines under the name of JSON

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        levels, texts = _options(door, "levels"), _options(door, "contains")
        zone, stream = _zone(door), text_in(door.options, "stream").strip() or self.kind
        wanted = {word_of(level) for level in levels}
        events: list[Happening] = []
        seen = 0
        for line, labels, id in _lines(payload, zone):
            seen += 1
            if seen > MOST:
                raise WrongPayload(f"More than {MOST:,} lines in one request are too many; send them in smaller ones.")
            if wanted and line.level not in wanted:
                continue
            if texts and not any(text.lower() in line.text.lower() for text in texts):
                continue
            events.append(_event(line, labels, id, stream))
        note = "" if events else "no lines" if not seen else "no lines that this door keeps"
        return Parsed(events=events, note=note)


def _lines(payload: Any, zone: tzinfo) -> Iterator[tuple[LogLine, dict[str, str], str]]:
    """Each line, the labels it was sent under, and an id where the same line may come again."""
    if isinstance(payload, dict) and "streams" in payload:
        yield from _pushed(payload["streams"], zone)
        return
    labels: dict[str, str] = {}
    where = "Line"
    if isinstance(payload, dict):
        if "lines" in payload:
            labels = _texts(payload.get("labels"), "labels")
            payload = payload["lines"]
            if not isinstance(payload, list):
                raise WrongPayload(f"lines must be a list, and it is {json_type(payload)}.")
        else:
            payload = [payload]
    if not isinstance(payload, list):
        raise WrongPayload(f"This must be an object with lines or streams, or a list; it is {json_type(payload)}.")
    for number, item in enumerate(payload):
        if isinstance(item, str):
            if item.strip():
                yield read_line(item, zone), labels, ""
        elif isinstance(item, dict) and any(isinstance(item.get(name), str) for name in TEXTS):
            yield read_line(json.dumps(item), zone), labels, ""
        else:
            told = "an object without any" if isinstance(item, dict) else json_type(item)
            raise WrongPayload(
                f"{where} {number} must be a text, or an object with a {' or '.join(TEXTS[:2])}; it is {told}."
            )


def _pushed(streams: Any, zone: tzinfo) -> Iterator[tuple[LogLine, dict[str, str], str]]:
    if not isinstance(streams, list):
        raise WrongPayload(f"streams must be a list, and it is {json_type(streams)}.")
    for i, one in enumerate(streams):
        labels = _texts(an_object(one, f"streams[{i}]").get("stream"), f"streams[{i}].stream")
        values = one.get("values")
        if not isinstance(values, list):
            raise WrongPayload(f"streams[{i}].values must be a list, and it is {json_type(values)}.")
        for j, value in enumerate(values):
            where = f"streams[{i}].values[{j}]"
            if not isinstance(value, list) or len(value) < 2 or not isinstance(value[1], str):
                raise WrongPayload(f'{where} must be ["nanoseconds", "line"].')
            at = from_nanos(value[0])
            if at is None:
                raise WrongPayload(
                    f"{where} must begin with nanoseconds since 1970 as text, not {str(value[0])[:40]!r}."
                )
            more = _texts(value[2], f"{where}[2]") if len(value) > 2 else {}
            line = read_line(value[1], zone)
            said = json.dumps([value[0], labels, value[1]], sort_keys=True).encode()
            id = blake2s(said, digest_size=16).hexdigest()
            yield LogLine(at, line.level, line.text, line.fields), labels | more, id


def _event(line: LogLine, labels: dict[str, str], id: str, stream: str) -> Happening:
    known = {**line.labels, **labels}
    name = next((known[name] for name in NAMES if known.get(name)), "")
    level = line.level or word_of(next((known[name] for name in LEVELS if known.get(name)), ""))
    kept = {
        _clean(key): MASK if is_secret(key) else _clean(mask(text))[:LONGEST_LABEL]
        for key, text in list(known.items())[:MOST_LABELS]
        if key not in TEXTS and key not in TIMES and key not in LEVELS and text
    }
    return Happening(
        kind="log", name=_clean(name)[:200], level=_clean(level), text=_clean(mask(line.text))[:LONGEST], labels=kept,
        outcome="failed" if level in ("error", "critical", "fatal", "alert", "emergency", "severe") else "",
        id=id, at=line.at, stream=stream,
    )  # fmt: skip


def _texts(value: Any, where: str) -> dict[str, str]:
    if value is None:
        return {}
    pairs: Mapping[str, Any] = an_object(value, where)
    return {name: text for name in pairs if (text := text_in(pairs, name))}


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _options(door: Integration, name: str) -> list[str]:
    said = door.options.get(name) or []
    return [text for one in (said if isinstance(said, list) else [said]) if (text := str(one).strip())]


def _zone(door: Integration) -> tzinfo:
    name = text_in(door.options, "timezone")
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongPayload(f"This door's option timezone is {name!r}, and there is no such time zone.") from None
