"""Secrets out of what people read: addresses and error texts."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

MASK = "***"
SECRET_NAME = re.compile(
    r"token|secret|passw|pwd|(?:^|[_.-])pass$|key$|sig$|signature|auth|credential|session|cookie|jwt|code$",
    re.IGNORECASE,
)
SHORTEST = 4  # a shorter secret is masked where it stands, but not hunted for in other text
# each finds its end in one go: the text may be a stranger's, and long
USERINFO = re.compile(r"(?<=://)([^/?#@:\s]*+)(:[^/?#\s]*)?@")
PARAMETER = re.compile(r"([?&;])([^=?&;#\s'\"]++)=([^&;#\s'\")>]*+)")


def mask_url(url: str) -> str:
    """Return `url` with its password and every query value whose name sounds secret as `***`.

    Works on a whole address, and on any text that holds addresses or parts of them.
    """
    masked = USERINFO.sub(lambda m: f"{m[1]}:{MASK}@" if m[2] else m[0], url)
    return PARAMETER.sub(lambda m: f"{m[1]}{m[2]}={MASK}" if is_secret(unquote(m[2])) else m[0], masked)


def is_secret(name: str) -> bool:
    """Return whether a query parameter, header or key of this name probably holds a secret."""
    return bool(SECRET_NAME.search(name))


def secrets_in(url: str, headers: Mapping[str, str] | None = None) -> set[str]:
    """Return the secrets that `url` and `headers` carry, in each form they may come back in."""
    found = set()
    userinfo = USERINFO.search(url)
    if userinfo and userinfo[2]:
        found.add(userinfo[2][1:])
    for _, name, value in PARAMETER.findall(url):
        if is_secret(unquote(name)):
            found.add(value)
    for name, value in (headers or {}).items():
        if is_secret(name):
            found |= {value, value.rpartition(" ")[2]}  # "Bearer abc" comes back as "abc" too
    forms = set()
    for secret in found:
        for plain in (secret, unquote(secret), unquote_plus(secret)):
            forms |= {plain, quote(plain, safe=""), quote_plus(plain)}
    return {form for form in forms if len(form) >= SHORTEST}


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without `secrets` and without what `mask_url` finds in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return mask_url(text)


def where(url: str) -> str:
    """Return how an operator would name the place: scheme, host, port and path, nothing secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
