"""What the sink has received: the newest messages, in order, safe to read and wait for from any thread."""

import base64
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

KEPT = 10_000  # messages


@dataclass(frozen=True)
class Received:
    """One message as it came.

    number   1, 2, 3 … in order of arrival, never used twice while the sink runs
    at       aware UTC datetime
    path     /slack/ops, /json/tests, /smtp/ada@example.org …
    json     the parsed body, or of an e-mail its sender, recipient, subject, text, html and message_id
    status   what it was answered; 0 when the connection was cut instead
    """

    number: int
    at: datetime
    path: str
    method: str
    headers: dict[str, str]
    raw: bytes
    json: Any
    status: int
    query: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For HTTP: `raw` as text, with `raw_base64` beside it where the bytes are no UTF-8."""
        fields = {
            "number": self.number,
            "time": self.at.isoformat(timespec="microseconds"),
            "path": self.path,
            "method": self.method,
            "query": self.query,
            "headers": self.headers,
            "status": self.status,
            "json": self.json,
        }
        try:
            return fields | {"raw": self.raw.decode()}
        except UnicodeDecodeError:
            return fields | {"raw": None, "raw_base64": base64.b64encode(self.raw).decode()}


class Inbox:
    """The last KEPT messages."""

    def __init__(self) -> None:
        self._messages: deque[Received] = deque(maxlen=KEPT)
        self._number = 0
        self._arrival = threading.Condition()

    def add(self, **facts: Any) -> Received:
        """Keep a message: the fields of Received but `number` and `at`."""
        with self._arrival:
            self._number += 1
            message = Received(number=self._number, at=datetime.now(UTC), **facts)
            self._messages.append(message)
            self._arrival.notify_all()
            return message

    def listing(self, path: str | None = None, *, after: int = 0, status: int | None = None) -> list[Received]:
        """What came in, oldest first.

        path    exactly this one, or a folder: `/slack` lists every Slack channel
        after   only numbers above it
        status  only what was answered so, such as 200 for what was truly taken
        """
        with self._arrival:
            return self._chosen(path, after, status)

    def wait_for(self, path: str | None = None, *, count: int = 1, after: int = 0, status: int | None = None,
                 timeout: float = 10) -> list[Received]:  # fmt: skip
        """Like `listing`, once there are `count` of them; raises TimeoutError saying how many came."""
        until = time.monotonic() + timeout
        with self._arrival:
            while len(found := self._chosen(path, after, status)) < count:
                if not self._arrival.wait(until - time.monotonic()):
                    where = path or "the sink"
                    raise TimeoutError(f"{len(found)} of {count} messages came to {where} in {timeout} s.")
            return found

    def clear(self) -> None:
        """Forget every message; numbers go on."""
        with self._arrival:
            self._messages.clear()

    @property
    def newest(self) -> int:
        """The number of the newest message ever received; 0 before the first."""
        return self._number

    def _chosen(self, path: str | None, after: int, status: int | None) -> list[Received]:
        folder = (path or "").rstrip("/") + "/"
        return [
            message
            for message in self._messages
            if message.number > after
            and (not path or message.path == path or message.path.startswith(folder))
            and (status is None or message.status == status)
        ]
