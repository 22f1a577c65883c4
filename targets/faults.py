"""What the next requests to a path get instead of the usual answer: a status, a delay, a cut connection."""

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Self

from targets.service import BadRequest


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    status       HTTP or SMTP status to answer with; None answers as usual (after the `hang`)
    retry_after  value of the Retry-After header: seconds or an HTTP date
    hang         seconds to wait first
    close        cut the connection without an answer
    times        how many requests get it; None until it is taken back
    stage        SMTP only: answer so at `mail`, `rcpt` or `data`
    """

    status: int | None = None
    retry_after: int | float | str | None = None
    hang: float = 0
    close: bool = False
    times: int | None = 1
    stage: str = ""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Build a fault from JSON or form fields; raises BadRequest naming the field that is wrong."""
        unknown = set(fields) - set(cls.__dataclass_fields__)
        if unknown:
            allowed = ", ".join(cls.__dataclass_fields__)
            raise BadRequest(f"Unknown field {', '.join(sorted(unknown))}; a fault has {allowed}.")
        try:
            status, times = fields.get("status"), fields.get("times", 1)
            fault = cls(
                status=None if status in (None, "") else int(status),
                retry_after=seconds_or_date(fields.get("retry_after")),
                hang=float(fields.get("hang") or 0),
                close=str(fields.get("close") or "").lower() in ("true", "1", "on", "yes"),
                times=None if times in (None, "", "always") else int(times),
                stage=str(fields.get("stage") or ""),
            )
        except (TypeError, ValueError) as error:
            raise BadRequest(f"status, times and hang are numbers: {error}.") from error
        if fault.status is not None and not 200 <= fault.status <= 599:
            raise BadRequest(f"status {fault.status} is not between 200 and 599.")
        if fault.times is not None and fault.times < 1:
            raise BadRequest("times is 1 or more, or null to last until it is taken back.")
        if fault.stage not in ("", "mail", "rcpt", "data"):
            raise BadRequest(f"stage '{fault.stage}' is unknown; it is mail, rcpt or data.")
        return fault

    def __str__(self) -> str:
        deeds = [f"hangs {self.hang:g} s"] if self.hang else []
        deeds += ["cuts the connection"] if self.close else []
        deeds += [f"answers {self.status}"] if self.status and not self.close else []
        deeds += [f"with Retry-After {self.retry_after}"] if self.retry_after else []
        often = {None: "until taken back", 1: "for the next request"}
        words = often.get(self.times, f"for the next {self.times} requests")
        return f"{' '.join(deeds) or 'answers as usual'} {words}"


def seconds_or_date(value: Any) -> int | float | str | None:
    """A Retry-After value: a number stays or becomes one, anything else is passed through as text."""
    if value in (None, "") or isinstance(value, int | float):
        return value or None
    text = str(value).strip()
    return (int(text) if text.isdigit() else float(text)) if text.replace(".", "", 1).isdigit() else text


class Faults:
    """Faults waiting, in order, for requests to a path; `/slack` also covers `/slack/ops`. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = {}
        self._lock = threading.Lock()

    def add(self, path: str, *faults: Fault) -> None:
        """Queue `faults` for `path`, behind those already waiting."""
        with self._lock:
            self._waiting.setdefault(path.rstrip("/"), deque()).extend(faults)

    def clear(self, path: str | None = None) -> None:
        """Take back what waits for exactly `path`, or everything."""
        with self._lock:
            if path is None:
                self._waiting.clear()
            else:
                self._waiting.pop(path.rstrip("/"), None)

    def take(self, path: str, *, stage: str = "") -> Fault | None:
        """Use up one turn of the fault for `path`: its own, else that of the nearest folder above."""
        with self._lock:
            key = path.rstrip("/")
            while key and not self._waiting.get(key):
                key = key.rpartition("/")[0]
            queue = self._waiting.get(key)
            if not queue or queue[0].stage != stage:
                return None
            fault = queue.popleft()
            if fault.times is None:
                queue.appendleft(fault)
            elif fault.times > 1:
                queue.appendleft(replace(fault, times=fault.times - 1))
            return fault

    def listing(self) -> list[tuple[str, Fault]]:
        """What still waits, path by path."""
        with self._lock:
            return [(path, fault) for path, queue in self._waiting.items() for fault in queue]
