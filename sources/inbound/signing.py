"""Whether a request was sent by somebody who knows the door's secret."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from .errors import NotSigned

TOLERANCE = timedelta(minutes=5)
OURS, BODY_ONLY = "X-Opscenter-Signature", "X-Hub-Signature-256"
PART = re.compile(r"\s*(t|v1)=([0-9a-fA-F]+)\s*")


def check(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, at: datetime) -> str:
    """Raise NotSigned unless one of `secrets` signed the body; return what tells a replay, or "".

    `X-Opscenter-Signature: t=<seconds>,v1=<hex>` is the HMAC-SHA256 of `<seconds>.<body>`, as our own deliveries carry
    it: not older than five minutes, and never the same twice. Several `v1` may stand in it while secrets are changed
    over. `X-Hub-Signature-256: sha256=<hex>`, GitHub's form, is over the body alone: it cannot tell a replay from the
    same event told twice, so nothing is returned for it.
    """
    if ours := headers.get(OURS):
        return _check_ours(ours, body, secrets, at=at)
    if headers.get(BODY_ONLY):
        check_body(headers, body, secrets)
        return ""
    raise NotSigned(f"This door takes signed requests only: send {OURS}: t=<unix seconds>,v1=<HMAC-SHA256 in hex>.")


def check_body(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Raise NotSigned unless `X-Hub-Signature-256: sha256=<hex>`, as GitHub and Meta sign, is the HMAC of the body."""
    header = headers.get(BODY_ONLY, "")
    if not header:
        raise NotSigned(f"{BODY_ONLY} is missing: give the sender this door's secret, so that it signs.")
    scheme, _, digest = header.strip().partition("=")
    if scheme != "sha256" or not _signed([digest.lower()], body, secrets):
        raise NotSigned(f"{BODY_ONLY} does not fit the body and the secret of this door.")


def _check_ours(header: str, body: bytes, secrets: Sequence[str], *, at: datetime) -> str:
    parts = [PART.fullmatch(part) for part in header.split(",")]
    times = [part[2] for part in parts if part and part[1] == "t"]
    digests = [part[2].lower() for part in parts if part and part[1] == "v1"]
    if len(times) != 1 or not times[0].isdecimal() or len(times[0]) > 12 or not digests:
        raise NotSigned(f"{OURS} must read t=<unix seconds>,v1=<HMAC-SHA256 in hex>.")
    digest = _signed(digests, times[0].encode() + b"." + body, secrets)
    if not digest:
        raise NotSigned(f"{OURS} does not fit the body and the secret of this door.")
    check_age(int(times[0]), at=at)
    return digest


def _signed(digests: Sequence[str], message: bytes, secrets: Sequence[str]) -> str:
    """The digest that one of `secrets` makes of `message`; empty when none of `digests` is that."""
    for secret in secrets:
        wanted = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        if any(hmac.compare_digest(wanted.encode(), digest.encode()) for digest in digests):
            return wanted
    return ""


def check_token(headers: Mapping[str, str], secrets: Sequence[str]) -> None:
    """Raise NotSigned unless one of `secrets` comes along as it is: for senders that can add headers but cannot sign.

    Taken as `Authorization: Bearer <secret>`, as the password of basic authentication, and as `X-API-Key`.
    """
    given = token_of(headers)
    if not given:
        raise NotSigned("This door wants its secret in a header: Authorization: Bearer <secret>.")
    if not any(hmac.compare_digest(secret.encode(), given.encode()) for secret in secrets):
        raise NotSigned("The secret in the header is not the one of this door.")


def token_of(headers: Mapping[str, str]) -> str:
    """The token a request carries in `Authorization` (bearer, or the password of basic) or `X-API-Key`, else ""."""
    scheme, _, value = headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except ValueError as error:
            raise NotSigned("The Authorization header is no valid basic authentication.") from error
    return headers.get("X-API-Key", "").strip()


def check_age(sent_at: float, *, at: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Raise NotSigned unless `sent_at` (Unix seconds) lies within `tolerance` of `at`."""
    age = at.timestamp() - sent_at
    if abs(age) > tolerance.total_seconds():
        when = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s ahead of our clock"
        raise NotSigned(f"The signature is {when}; at most {tolerance.total_seconds():.0f} s are taken.")
