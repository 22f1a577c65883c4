"""One line of a log, whoever wrote it, in our terms: when, how bad, what, and its fields. Pure.

Understood are lines that are JSON objects (what Docker wraps around a line is taken off), lines of key=value pairs
(logfmt), and plain ones that begin with a time, as most programs write them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = ("timestamp", "@timestamp", "time", "ts", "asctime", "datetime", "date", "t")
LEVELS = ("level", "levelname", "severity", "lvl", "log.level", "loglevel")
TEXTS = ("message", "msg", "event", "text", "log", "body")
NUMBERED = {10: "trace", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal"}  # pino, bunyan
WORDS = {"warn": "warning", "err": "error", "crit": "critical", "emerg": "emergency", "inf": "info", "dbg": "debug"}
"""Short names of levels, and what we call them."""
LEVEL = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|SEVERE|CRIT|CRITICAL|FATAL|ALERT|EMERG|EMERGENCY)\b"
)
HEAD = 120  # characters in which a plain line says its level
INSTANT = re.compile(
    r"(?:<\d{1,3}>)?\W{0,2}(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?(?!\d)",
    re.ASCII,
)
PAIR = re.compile(r'(?:^|\s)([A-Za-z_][\w.@-]{0,59})=("(?:[^"\\]|\\.)*"|[^\s"]\S*)')
LARGE = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""A number as large as the first is nanoseconds, microseconds or milliseconds, so many a second; else seconds."""
MOST_FIELDS, LONGEST_FIELD, DEEPEST = 100, 500, 4


@dataclass(frozen=True)
class LogLine:
    """at is None when the line says no time; level is lower case, "" when it says none; text is the message."""

    at: datetime | None
    level: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """The fields as texts, those of inner objects by a.b."""
        return dict(_flat(self.fields))


def read_line(raw: str, zone: tzinfo = UTC) -> LogLine:
    """Return what `raw` says; a time without a zone is in `zone`."""
    line = raw.strip()
    if line.startswith("{") and (found := _object(line)) is not None:
        return _of_object(found, zone)
    at = None
    if head := INSTANT.match(line):
        at = _instant(head, zone)
    level = LEVEL.search(line, head.end() if head else 0, (head.end() if head else 0) + HEAD)
    pairs = {name: _unquoted(value) for name, value in PAIR.findall(line)[:MOST_FIELDS]}
    inner = line[head.end() :].lstrip(" -:]") if head else ""
    if inner.startswith("{") and (found := _object(inner)) is not None:  # a time before a JSON object
        told = _of_object(found, zone)
        return LogLine(told.at or at, told.level, told.text, told.fields)
    if not pairs:
        return LogLine(at, word_of(level[1]) if level else "", line)
    return LogLine(
        at or _time_in(pairs, zone),
        _level_in(pairs) or (word_of(level[1]) if level else ""),
        str(next((pairs[name] for name in ("msg", "message") if name in pairs), line)),
        pairs,
    )


def word_of(level: Any) -> str:
    """A level as we call it: `WARN` is warning, 50 is error."""
    if isinstance(level, (int, float)) and not isinstance(level, bool):
        return NUMBERED.get(int(level), str(level))
    word = str(level or "").strip().lower()
    return WORDS.get(word, word)[:20]


def instant_in(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """A time as logs write it (ISO 8601, or a number since 1970), None when it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and (head := INSTANT.match(value.strip())):
        return _instant(head, zone)
    try:
        number = float(value)
        for size, a_second in LARGE:
            if abs(number) >= size:
                number /= a_second
                break
        return EPOCH + timedelta(seconds=number)
    except (TypeError, ValueError, OverflowError):
        return None


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _of_object(found: dict[str, Any], zone: tzinfo) -> LogLine:
    at = _time_in(found, zone)
    if isinstance(found.get("log"), str) and set(found) <= {"log", "stream", "time", "attrs"}:  # Docker's wrapping
        told = read_line(found["log"], zone)
        return LogLine(told.at or at, told.level, told.text, told.fields)
    text = next((found[name] for name in TEXTS if isinstance(found.get(name), str)), "")
    return LogLine(at, _level_in(found), text or json.dumps(found, ensure_ascii=False), found)


def _time_in(found: Mapping[str, Any], zone: tzinfo) -> datetime | None:
    return next((at for name in TIMES if name in found and (at := instant_in(found[name], zone))), None)


def _level_in(found: Mapping[str, Any]) -> str:
    for name in LEVELS:
        value = found.get(name)
        if name == "log.level" and isinstance(found.get("log"), dict):
            value = value or found["log"].get("level")
        if isinstance(value, (str, int, float)) and value != "":
            return word_of(value)
    return ""


def _instant(head: re.Match[str], zone: tzinfo) -> datetime | None:
    day, fraction, offset = head.groups()
    try:
        at = datetime.fromisoformat(day).replace(microsecond=int((fraction or "0").ljust(6, "0")[:6]))
        if offset and offset not in ("Z", "UTC"):
            zone = datetime.strptime(offset, "%z").tzinfo or UTC
        elif offset:
            zone = UTC
        return at.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):  # such as a 31st of February
        return None


def _unquoted(value: str) -> str:
    if len(value) < 2 or not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", lambda escaped: {"n": "\n", "t": "\t"}.get(escaped[1], escaped[1]), value[1:-1])


def _flat(found: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    for number, (name, value) in enumerate(found.items()):
        if number >= MOST_FIELDS:
            return
        if isinstance(value, Mapping) and depth < DEEPEST:
            yield from _flat(value, f"{before}{name}.", depth + 1)
        elif isinstance(value, bool):
            yield f"{before}{name}", "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            yield f"{before}{name}", str(value)[:LONGEST_FIELD]
