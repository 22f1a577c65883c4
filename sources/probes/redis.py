"""Whether a Redis (or Valkey) answers, how fast, and what it says of itself and of a few keys.

    {"url": "redis://:password@cache.example.org:6379/0", "command": "LLEN celery",
     "commands": {"waiting": "LLEN celery", "dead": ["LLEN", "dead letters"]}, "info": "memory" or ["memory", "stats"],
     "unreachable": "error" | "reading"}

`latency_ms` is the time of a PING on an open connection, `answer` the PONG that came and `ok` that it did. `info`
adds the fields of those sections of INFO by name, numbers as numbers (`used_memory`), `commands` the answer to each
under its name, none for a key there is not, and `command` its answer as `value`; without it `value` is `latency_ms`.
Only commands that read are sent.

An address is redis://[user][:password]@host[:port][/database], or rediss:// with TLS; `ca` as for a port. A Redis that
does not answer, or refuses the password or a command, is a ProbeError; with `"unreachable": "reading"` a reading: `ok`
and `reachable` false and `error` the sentence.

Source: Redis, "Redis serialization protocol specification" (RESP2) and the pages of the commands.
"""

import shlex
import ssl
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from sources.probes.base import BadSpec, ProbeError, Reading, check_keys, check_type, plain
from sources.probes.masking import mask, secrets_in
from sources.probes.sockets import Line, Place, check_unreachable, dial, read_place, trust

SCHEMES = ("redis", "rediss")
PORT = 6379
KEYS = ("command", "commands", "info", "ca", "verify", "unreachable")
COMMANDS = {  # how many words may follow
    "DBSIZE": (0, 0), "EXISTS": (1, 100), "GET": (1, 1), "HGET": (2, 2), "HLEN": (1, 1), "LLEN": (1, 1),
    "PTTL": (1, 1), "SCARD": (1, 1), "SISMEMBER": (2, 2), "STRLEN": (1, 1), "TTL": (1, 1), "TYPE": (1, 1),
    "XLEN": (1, 1), "ZCARD": (1, 1), "ZCOUNT": (3, 3), "ZSCORE": (2, 2),
}  # fmt: skip
MOST_COMMANDS = 50
LARGEST = 1_000_000  # bytes of one answer
DEEPEST = 8


class Refused(Exception):
    """Redis answered a command with an error."""


class Redis:
    kind = "redis"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("url",), allowed=KEYS)
        read_place(spec, SCHEMES, PORT)
        path = urlsplit(spec["url"]).path.strip("/")
        if path and not path.isdecimal():
            raise BadSpec("url", f"After the host stands the number of a database, such as /0, and not {path!r}.")
        if "command" in spec:
            _words(spec["command"], "command")
        check_type(spec, "commands", Mapping, "a set of names and commands")
        for name, said in (spec.get("commands") or {}).items():
            _words(said, f"commands.{name}")
        if len(spec.get("commands") or {}) > MOST_COMMANDS:
            raise BadSpec("commands", f"At most {MOST_COMMANDS} commands are sent.")
        _sections(spec)
        check_type(spec, "ca", str, "certificates or a file of them")
        check_type(spec, "verify", bool, "true or false")
        check_unreachable(spec)

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        place = read_place(spec, SCHEMES, PORT)
        try:
            with dial(place, timeout, tls=_tls(spec)) as line:
                fields = _ask(line, spec, place)
        except ProbeError as error:
            if spec.get("unreachable") != "reading":
                raise
            fields = {"reachable": False, "ok": False, "error": str(error)}
        return [Reading(fields)]


def _ask(line: Line, spec: Mapping[str, Any], place: Place) -> dict[str, Any]:
    parts, secrets = urlsplit(spec["url"]), secrets_in(spec["url"])
    words: list[str] = []
    try:
        if parts.password:
            words = ["AUTH", *([unquote(parts.username)] if parts.username else []), unquote(parts.password)]
            _send(line, words)
        if number := parts.path.strip("/"):
            _send(line, words := ["SELECT", number])
        began = time.monotonic()
        pong = _send(line, words := ["PING"])
        took = round((time.monotonic() - began) * 1000, 3)
        if pong != "PONG":
            raise ProbeError(f"{place} answers PING with {str(pong)[:80]!r}; that is no Redis.", reason="answer")
        fields: dict[str, Any] = {"reachable": True, "ok": True, "answer": pong, "latency_ms": took, "value": took}
        for section in _sections(spec):
            for name, figure in _info(_send(line, words := ["INFO", section])).items():
                fields.setdefault(name, figure)
        for name, said in (spec.get("commands") or {}).items():
            words = _words(said, name)
            fields[str(name)] = _tidy(_send(line, words))
        if "command" in spec:
            fields["value"] = _tidy(_send(line, words := _words(spec["command"], "command")))
        return fields
    except Refused as refusal:
        told = mask(str(refusal), secrets)
        if str(refusal).startswith(("NOAUTH", "WRONGPASS", "ERR invalid password", "ERR Client sent AUTH")):
            raise ProbeError(f"{place} rejects the password: {told}.", reason="query") from None
        raise ProbeError(f"{place} refuses {words[0]}: {told}.", reason="query") from None
    except (ValueError, RecursionError):
        raise ProbeError(f"{place} does not answer as a Redis does.", reason="answer") from None


def _send(line: Line, words: list[str]) -> Any:
    """Send one command and return its answer: text, whole number, None or a list; Refused when it is an error."""
    parts = [word.encode() for word in words]
    line.send(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    return _answer(line)


def _answer(line: Line, depth: int = 0) -> Any:
    head = line.read_line()
    sign, rest = head[:1], head[1:].decode(errors="replace")
    if sign == b"+":
        return rest
    if sign == b"-":
        raise Refused(rest)
    if sign == b":":
        return int(rest)
    if sign not in (b"$", b"*") or depth > DEEPEST:
        raise ValueError(f"an answer that begins with {head[:1]!r}")
    size = int(rest)
    if not -1 <= size <= LARGEST:
        raise ValueError("an answer of impossible size")
    if size < 0:
        return None
    if sign == b"*":
        return [_answer(line, depth + 1) for _ in range(size)]
    return line.read(size + 2)[:-2].decode(errors="replace")


def _info(text: Any) -> dict[str, Any]:
    """The fields of an INFO section; `db0:keys=3,expires=1` become db0_keys and db0_expires."""
    found: dict[str, Any] = {}
    for row in str(text or "").splitlines():
        name, colon, value = row.partition(":")
        if not colon or row.startswith("#"):
            continue
        pairs = [pair.split("=", 1) for pair in value.split(",")]
        if all(len(pair) == 2 for pair in pairs):
            found |= {f"{name}_{key}": _tidy(figure) for key, figure in pairs}
        else:
            found[name] = _tidy(value)
    return found


def _tidy(value: Any) -> Any:
    """A figure that came as text as a number."""
    if not isinstance(value, str):
        return plain(value)
    for kind in (int, float):
        try:
            return plain(kind(value))
        except ValueError:
            continue
    return plain(value.replace("\0", "\ufffd"))


def _words(said: Any, path: str) -> list[str]:
    try:
        words = shlex.split(said) if isinstance(said, str) else said
    except ValueError as error:
        raise BadSpec(path, f"This command cannot be read: {error}.") from None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise BadSpec(path, f'This should be a command such as LLEN celery or ["LLEN", "celery"], and it is {said!r}.')
    name = words[0].upper()
    if name not in COMMANDS:
        raise BadSpec(path, f"The command {words[0]!r} is not sent. Allowed: {', '.join(COMMANDS)}.")
    least, most = COMMANDS[name]
    if not least <= len(words) - 1 <= most:
        raise BadSpec(path, f"{name} takes {least if least == most else f'{least} to {most}'} words after it.")
    return [name, *words[1:]]


def _sections(spec: Mapping[str, Any]) -> list[str]:
    said = spec.get("info") or []
    sections = [said] if isinstance(said, str) else said
    if not isinstance(sections, list) or not all(isinstance(one, str) and one.isalnum() for one in sections):
        raise BadSpec("info", f"This should be a section such as memory, or a list of them, and it is {said!r}.")
    return sections


def _tls(spec: Mapping[str, Any]) -> ssl.SSLContext | None:
    return trust(spec) if urlsplit(spec["url"]).scheme == "rediss" else None
