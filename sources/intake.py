"""The log of what was told us: every request leaves a row, redacted; refusals only so many a minute."""

import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from .models import WebhookLog
from .privacy import without_persons
from .probes.masking import MASK, mask_url

PAYLOAD_LENGTH = 4000
REFUSALS_A_MINUTE = 30
DEEPEST = 50
"""Levels of a JSON value that are kept."""
WHOLE_LENGTH = 64 * 1024
"""A longer body is masked as text: only its beginning is kept anyway."""
SECRET_WORDS = (
    "token|secret|passw|pwd|authorization|credential|cookie|session|signature|(?:api|private|routing|access).?key"
)
SECRET_NAME = re.compile(SECRET_WORDS, re.IGNORECASE)
NAMED = re.compile(
    r"""(?<![\w-])([\w-]++)["']?\s*+[:=]\s*+"""
)  # possessive: whoever writes the text chooses its length
VALUE = re.compile(r"""["][^"]*"?|['][^']*'?|[^\s,;&}]+""")


def redact(body: bytes) -> str:
    """A request's body as the log keeps it: values whose name sounds secret are masked, and it is cut.

    Works on any bytes: what is no JSON, or was cut off, is masked as text.
    """
    try:
        if len(body) > WHOLE_LENGTH:
            raise ValueError("too long to be looked at whole")
        text = json.dumps(masked(json.loads(body)), ensure_ascii=False)
    except (ValueError, RecursionError):
        text = masked_text(body[: 4 * PAYLOAD_LENGTH].decode(errors="replace"))
    text = mask_url(text[: 2 * PAYLOAD_LENGTH]).replace("\0", "\ufffd").encode(errors="replace").decode()
    return text if len(text) <= PAYLOAD_LENGTH else text[: PAYLOAD_LENGTH - 1] + "…"


def masked_text(text: str) -> str:
    """Any text without the values that stand behind a name that sounds secret (`password=…`, `"token": "…"`)."""
    kept, end = [], 0
    for named in NAMED.finditer(text):
        if named.start() >= end and SECRET_NAME.search(named[1]) and (value := VALUE.match(text, named.end())):
            kept += [text[end : named.end()], MASK]
            end = value.end()
    return "".join([*kept, text[end:]])


def masked(value: Any, depth: int = 0) -> Any:
    """A JSON value without secrets (values whose name sounds so), and without what PostgreSQL keeps nowhere.

    That is NUL, half a surrogate pair and endless numbers; what is nested deeper than anybody reads is left out.
    """
    if isinstance(value, (dict, list)) and depth >= DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {
            _clean(str(name)): MASK if SECRET_NAME.search(str(name)) and value[name] else masked(value[name], depth + 1)
            for name in value
        }
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and SECRET_NAME.search(value[0]) and value[1]:
            return [_clean(value[0]), MASK]  # headers and query parameters often come as pairs
        return [masked(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _clean(value) if isinstance(value, str) else value


def whole(raw: str, *, persons: bool = True) -> str:
    """A body that was kept to be taken again, as people may see it: all of it, indented, without secrets.

    persons   whether e-mail addresses and what else names a person may be seen
    """
    try:
        value = masked(json.loads(raw))
        return json.dumps(value if persons else without_persons(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = mask_url(masked_text(raw))
        return text if persons else without_persons(text)


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


class Ceiling:
    """Lets so many through a minute and counts the rest, for each key."""

    def __init__(self, a_minute: int):
        self.a_minute = a_minute
        self.forget()

    def forget(self) -> None:
        self.minutes: dict[object, tuple[int, int]] = {}  # key -> (minute, how many came in it)

    def take(self, key: object, seconds: float) -> tuple[bool, int]:
        """Whether this one is let through, and how many were held back in the minute before it."""
        minute = int(seconds // 60)
        last, count = self.minutes.get(key, (minute, 0))
        held_back = max(0, count - self.a_minute) if last != minute else 0
        count = count + 1 if last == minute else 1
        self.minutes[key] = (minute, count)
        return count <= self.a_minute, held_back


refusals = Ceiling(REFUSALS_A_MINUTE)


def refused(
    integration_id: int | None, *, at: datetime, status: int, reason: str, body: bytes = b"", sender: str = "",
    **more: Any,
) -> WebhookLog | None:  # fmt: skip
    """Log a refusal. A sender that is refused over and over fills no table: above the ceiling it is only counted.

    more   other columns of the row, such as what is needed to take it again
    """
    listed, held_back = refusals.take(integration_id, time.monotonic())
    if not listed:
        return None
    if held_back:
        reason += f" ({held_back} more refusals in the minute before are not listed.)"
    return WebhookLog.objects.create(
        integration_id=integration_id, at=at, verdict=WebhookLog.Verdict.REFUSED, status_code=status, reason=reason,
        sender=sender[:64], payload=redact(body) if body else "", **more,
    )  # fmt: skip


def accepted(
    integration_id: int, *, at: datetime, status: int, body: bytes, sender: str, delivery_id: str = "",
    signature: str = "", **more: Any,
) -> WebhookLog:  # fmt: skip
    """Log a request that is being accepted, in the transaction that stores what it says.

    more   other columns of the row: headers, query, raw, replay_of
    IntegrityError when one with the same delivery id or signature was accepted before.
    """
    return WebhookLog.objects.create(
        integration_id=integration_id, at=at, verdict=WebhookLog.Verdict.ACCEPTED, status_code=status,
        delivery_id=delivery_id, signature=signature, sender=sender[:64], payload=redact(body), **more,
    )  # fmt: skip


def became(log: WebhookLog, what: Mapping[str, Iterable[int | None]]) -> dict[str, list[int]]:
    """Note which alerts, events and changes an accepted request became, and return them; none are left out."""
    found = {name: sorted({id for id in ids if id is not None}) for name, ids in what.items()}
    log.became = {name: ids for name, ids in found.items() if ids}
    log.save(update_fields=["became"])
    return log.became


def repeated(integration_id: int, first: WebhookLog, *, at: datetime, body: bytes, sender: str) -> WebhookLog:
    """Log a message that came again after it had been accepted."""
    return WebhookLog.objects.create(
        integration_id=integration_id, at=at, verdict=WebhookLog.Verdict.DUPLICATE, status_code=200,
        reason=f"Accepted before, at {first.at:%Y-%m-%d %H:%M:%S} UTC.", delivery_id=first.delivery_id,
        sender=sender[:64], payload=redact(body), became=first.became,
    )  # fmt: skip
