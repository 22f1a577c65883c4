"""What the probes of query APIs share: the address, who asks, and one JSON answer or the service's own words.

    {"url": "https://user:password@metrics.example.org/prefix", "token": "…", "headers": {…}, "verify": true}

`url` is where the service lives, with the prefix it may have behind a proxy; each probe puts its own path behind it.
Name and password stand in the address, a token in `token`; both come from a parameter of type secret.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from policies.durations import BadDuration, format_duration, parse_duration
from sources.probes import http_call
from sources.probes.base import BadSpec, ProbeError, check_keys, check_type
from sources.probes.http_call import Answer
from sources.probes.masking import mask_url

KEYS = ("url", "headers", "verify", "token")
HTTP_KEYS = ("url", "headers", "verify")
LONGEST_ADDRESS = 4_000  # characters; what is longer goes into the body
LONGEST_WORDS = 500  # characters of what the service says of itself
LONGEST_WINDOW = timedelta(days=90)
AWAY = (502, 503, 504)
"""What a proxy answers when there is no service behind it."""


def check(spec: Mapping[str, Any], *, required: tuple[str, ...] = (), allowed: tuple[str, ...] = ()) -> None:
    """Raise BadSpec unless the keys that say where and as whom to ask are right, and no unknown one is there."""
    check_keys(spec, required=("url", *required), allowed=(*KEYS, *allowed))
    http_call.check({key: spec[key] for key in HTTP_KEYS if key in spec}, required=(), allowed=())
    check_type(spec, "token", str, "a text")
    token = spec.get("token") or ""
    if not token.isascii() or any(sign in token for sign in "\r\n"):
        raise BadSpec("token", "A token is plain text on one line.")


def length(spec: Mapping[str, Any], key: str, otherwise: timedelta, *, zero: bool = False) -> timedelta:
    """Return the length of time at `key`; a number, also one of a parameter, is seconds. BadSpec when it is none."""
    said = spec.get(key)
    if said is None:
        return otherwise
    if (isinstance(said, int) and not isinstance(said, bool)) or (isinstance(said, str) and said.isdecimal()):
        said = f"{said}s"
    try:
        found = parse_duration(said)
    except BadDuration as error:
        raise BadSpec(key, str(error)) from None
    if found > LONGEST_WINDOW or found < timedelta() or (not found and not zero):
        raise BadSpec(key, f"This should be more than nothing and at most {format_duration(LONGEST_WINDOW)}.")
    return found


def whole(spec: Mapping[str, Any], key: str, otherwise: int, most: int) -> int:
    """Return the whole number from 1 to `most` at `key`, BadSpec when it is none."""
    said = spec.get(key, otherwise)
    if isinstance(said, str) and said.isdecimal():  # from a parameter
        said = int(said)
    if not isinstance(said, int) or isinstance(said, bool) or not 1 <= said <= most:
        raise BadSpec(key, f"This should be a whole number from 1 to {most:,}, and it is {said!r}.")
    return said


def get(
    spec: Mapping[str, Any], path: str, params: Mapping[str, str], timeout: timedelta, *,
    headers: Mapping[str, str] | None = None,
) -> Answer:  # fmt: skip
    """Ask for `path` with `params` by GET, or as a form where they would make too long an address."""
    url, more = _address(spec, path), {"Accept": "application/json", **(headers or {})}
    encoded = urlencode(params, quote_via=quote)
    if len(url) + len(encoded) > LONGEST_ADDRESS:
        form = {**more, "Content-Type": "application/x-www-form-urlencoded"}
        return _ask(spec, {"url": url, "method": "POST", "body": encoded, "headers": form}, "Bearer", timeout)
    whole = f"{url}{'&' if '?' in url else '?'}{encoded}" if encoded else url
    return _ask(spec, {"url": whole, "headers": more}, "Bearer", timeout)


def post(
    spec: Mapping[str, Any], path: str, body: Mapping[str, Any], timeout: timedelta, *, scheme: str = "Bearer"
) -> Answer:
    """Send `body` as JSON to `path`; `scheme` is what the service calls its tokens."""
    more = {"Accept": "application/json", "Content-Type": "application/json"}
    asked = {"url": _address(spec, path), "method": "POST", "body": json.dumps(body, ensure_ascii=False)}
    return _ask(spec, {**asked, "headers": more}, scheme, timeout)


def place(spec: Mapping[str, Any], path: str = "") -> str:
    """How an operator would name what is asked, nothing secret."""
    return mask_url(_address(spec, path))


def document(answer: Answer, asked: str) -> dict[str, Any]:
    """Return the answer as a JSON object; ProbeError when it is none."""
    try:
        found = answer.document()
    except ValueError as error:
        raise ProbeError(f"{asked} answered {answer.status}, and not with JSON: {error}.", reason="answer") from None
    if not isinstance(found, dict):
        raise ProbeError(f"{asked} answered {answer.status} with JSON that is no object.", reason="answer")
    return found


def refused(answer: Answer, asked: str, words: str) -> ProbeError:
    """An answer that is no success, as a sentence with the service's own words."""
    words = " ".join(words.split())[:LONGEST_WORDS] or "it gives no reason"
    if answer.status in (401, 403):
        return ProbeError(
            f"{asked} answered {answer.status}: it rejects the token or password ({words}).", reason="query"
        )
    if answer.status in AWAY:
        return ProbeError(f"{asked} answered {answer.status}: {words}", reason="unreachable")
    reason = "query" if 400 <= answer.status < 500 else "answer"
    return ProbeError(f"{asked} answered {answer.status}: {words}", reason=reason)


def instant(at: datetime) -> str:
    """`at` as seconds since 1970 with its microseconds, exactly."""
    return f"{nanoseconds(at) // 1000 / 1_000_000:.6f}"


def nanoseconds(at: datetime) -> int:
    """`at` as nanoseconds since 1970, exactly."""
    since = at - datetime.fromtimestamp(0, at.tzinfo)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _address(spec: Mapping[str, Any], path: str) -> str:
    """The service's address with `path` behind it and the query it may have kept."""
    parts = urlsplit(spec["url"])
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path, query=_query(parts.query), fragment=""))


def _query(text: str) -> str:
    return urlencode(parse_qsl(text, keep_blank_values=True), quote_via=quote)


def _ask(spec: Mapping[str, Any], asked: Mapping[str, Any], scheme: str, timeout: timedelta) -> Answer:
    headers = {**asked["headers"], **(spec.get("headers") or {})}
    if spec.get("token"):
        headers["Authorization"] = f"{scheme} {spec['token']}"
    verify = {"verify": spec["verify"]} if "verify" in spec else {}
    return http_call.ask({**asked, **verify, "headers": headers}, timeout)
