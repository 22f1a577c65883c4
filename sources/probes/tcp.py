"""Whether a port answers, how fast, and whether it says what is expected.

    {"host": "db.example.org", "port": 5432, "tls": false, "ca": "/etc/ssl/ours.pem", "verify": true,
     "send": "QUIT\\r\\n", "expect": "220 ", "unreachable": "error" | "reading"}

`value` and `latency_ms` are the milliseconds until it was connected (with TLS: until that stood). With `expect` it is
read until that text has come, or, after a `~`, text that fits the pattern (RE2); `answer` is what came and `ok` whether
it did. Without it `ok` is that the port answers. No connection is a ProbeError, with `"unreachable": "reading"` a
reading: `ok` and `reachable` false and `error` the sentence.

A connection's address is tcp://host:port, or tls://host:port.
"""

import ssl
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import re2

from sources.probes.base import BadSpec, ProbeError, Reading, check_keys, check_type, plain
from sources.probes.sockets import Line, check_unreachable, dial, read_place, trust

SCHEMES = ("tcp", "tls")
KEYS = ("url", "host", "port", "tls", "ca", "server_name", "verify", "send", "expect", "unreachable")
LARGEST = 65_536  # bytes read while looking for what is expected
KEPT = 2_000  # characters
PATTERN = "~"


class Tcp:
    kind = "tcp"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=(), allowed=KEYS)
        read_place(spec, SCHEMES)
        for key, what in (("ca", "certificates or a file of them"), ("server_name", "a name"), ("send", "a text")):
            check_type(spec, key, str, what)
        for key in ("tls", "verify"):
            check_type(spec, key, bool, "true or false")
        check_type(spec, "expect", str, "a text, or ~ and a pattern")
        if spec.get("expect") == "":
            raise BadSpec("expect", "An empty text comes always; leave the key out, or say what should come.")
        check_unreachable(spec)
        _wanted(spec)

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        place, began = read_place(spec, SCHEMES), time.monotonic()
        fields: dict[str, Any] = {}
        try:
            with dial(place, timeout, tls=_tls(spec), name=spec.get("server_name", "")) as line:
                took = round((time.monotonic() - began) * 1000, 3)
                fields = {"value": took, "latency_ms": took, "reachable": True, "ok": True}
                if "send" in spec:
                    line.send(spec["send"].encode())
                if "expect" in spec:
                    fields |= _expected(line, spec, timeout)
        except ProbeError as error:
            if spec.get("unreachable") != "reading":
                raise
            fields |= {"reachable": False, "ok": False, "error": str(error)}
        return [Reading(fields)]


def _expected(line: Line, spec: Mapping[str, Any], timeout: timedelta) -> dict[str, Any]:
    """Read until what is expected has come; that it does not come is an answer too."""
    fits, came, error = _wanted(spec), b"", ""
    try:
        while not fits(came.decode(errors="replace")):
            more = line.receive()
            if not more:
                error = "It hung up before what is expected had come."
                break
            came += more
            if len(came) > LARGEST:
                error = f"What is expected was not in its first {LARGEST:,} bytes."
                break
    except TimeoutError:
        error = f"What is expected did not come within {timeout.total_seconds():g} s."
    answer = plain(came.decode(errors="replace").replace("\0", "\ufffd")[:KEPT])
    return {"answer": answer, "ok": not error} | ({"error": error} if error else {})


def _wanted(spec: Mapping[str, Any]):
    said = spec.get("expect") or ""
    if not said.startswith(PATTERN):
        return lambda text: said in text
    try:
        pattern = re2.compile(said[1:])
    except re2.error as error:
        raise BadSpec("expect", f"{said[1:]!r} is no pattern that can be used: {error}.") from None
    return lambda text: pattern.search(text) is not None


def _tls(spec: Mapping[str, Any]) -> ssl.SSLContext | None:
    return trust(spec) if spec.get("tls", urlsplit(spec.get("url", "")).scheme == "tls") else None
