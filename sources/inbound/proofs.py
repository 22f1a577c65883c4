"""Proofs of a sender that kinds share: an HMAC in whichever form, a secret that is sent along."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence

from .errors import NotSigned


def signed_by(keys: Iterable[bytes], message: bytes, given: Sequence[str], *, form: str = "hex") -> str:
    """The HMAC-SHA256 that one of `keys` makes of `message`, if it is among `given`; else "".

    form  hex (upper case is taken too) or base64
    """
    given = [one.strip().lower() if form == "hex" else one.strip() for one in given]
    for key in keys:
        digest = hmac.new(key, message, hashlib.sha256).digest()
        wanted = digest.hex() if form == "hex" else base64.b64encode(digest).decode()
        if any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given):
            return wanted
    return ""


def check_sent_along(headers: Mapping[str, str], secrets: Sequence[str]) -> None:
    """Raise NotSigned unless `Authorization` brings one of `secrets`, as bearer token or as the basic password."""
    scheme, _, given = headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "basic":
        given = _password(given.strip())
    if not given:
        raise NotSigned("This door wants its secret along: as `Authorization: Bearer …`, or as the basic password.")
    if not any(hmac.compare_digest(secret.encode(), given.strip().encode()) for secret in secrets):
        raise NotSigned("Authorization does not hold the secret of this door.")


def _password(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def parts(header: str, *, between: str = ",") -> list[tuple[str, str]]:
    """`t=1,v1=ab,v1=cd` as pairs, in order; what holds no `=` is left out."""
    pairs = (part.partition("=") for part in header.split(between))
    return [(name.strip(), value.strip()) for name, equals, value in pairs if equals]


def unix_seconds(text: str) -> int | None:
    """The number in a header's time; None if it is none, or too long for one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 14 else None
