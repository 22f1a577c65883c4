"""The same request again but for its time: most of what Prometheus posts, known without reading it.

A sender repeats its firing alerts in the same batches, and all that differs is one end they share. So of a batch that
was known wholly we keep its bytes cut at that end; when the pieces, joined by a new end, are the next request byte for
byte, its alerts are those of the last one. As with all that is remembered, the rows have the last word: each statement
says what it expects to find.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from sources.inbound import alertmanager
from sources.inbound.alertmanager import Posted
from sources.signals import micros

from .memory import Known, memory, remembered
from .storing import Stored, Writing, rows

FEWEST = 4  # alerts for which it pays
BYTES = 64 * 1024 * 1024
END = b'"endsAt":"'


class Seen(msgspec.Struct, gc=False):
    """A batch as it was last posted.

    pieces  of its bytes, between the ends
    latest  of the alerts' starts, in microseconds
    known   its alerts in the order of their numbers, each with its key in the memory
    """

    pieces: list[bytes]
    width: int
    latest: int
    known: list[tuple[Known, bytes]]
    weight: int


class Batches:
    """A map bounded by size, in two generations: what was not asked for while the younger filled up is forgotten.

    Threads may share it: entries are never changed, and losing one does no harm.
    """

    def __init__(self, size: int = BYTES):
        self.size = size // 2
        self.forget()

    def forget(self) -> None:
        self.young: dict[tuple, Seen] = {}
        self.old: dict[tuple, Seen] = {}
        self.weight = 0

    def get(self, key: tuple) -> Seen | None:
        found = self.young.get(key)
        if found is None and (found := self.old.get(key)) is not None:
            self.keep(key, found)
        return found

    def keep(self, key: tuple, entry: Seen) -> None:
        self.weight += entry.weight
        self.young[key] = entry
        if self.weight > self.size:
            self.old, self.young, self.weight = self.young, {}, 0

    def drop(self, key: tuple) -> None:
        self.young.pop(key, None)
        self.old.pop(key, None)


batches = Batches()


def _key(integration_id: int, body: bytes) -> tuple | None:
    """What tells one batch from another at a glance: its length, and what stands before its first end and after its
    last one."""
    first = body.find(END)
    if first < 0:
        return None
    last = body.find(b'"', body.rfind(END) + len(END))
    return integration_id, len(body), body[:first], body[last:]


def receive_again(integration_id: int, body: bytes, *, at: datetime) -> Stored | None:
    """Store a request that repeats one we have seen; None when it is none, and nothing is stored then."""
    key = _key(integration_id, body)
    seen = batches.get(key) if key else None
    if key is None or seen is None:
        return None
    start = len(seen.pieces[0])
    text = body[start : start + seen.width]
    if text.join(seen.pieces) != body:
        return None
    try:
        ends = alertmanager.time(text.decode(), 0, "endsAt")
    except ValueError:
        return None  # refused in words by those who read it whole
    now = micros(at)
    if ends is None or seen.latest > min(now, ends):
        return None
    told = [(known, ends, index) for index, (known, _) in enumerate(seen.known)]
    writing, count = Writing(now, integration=integration_id), 0

    def write() -> None:
        nonlocal count
        if ends > now:
            count = rows().resend(told, now=now, timeout=False)
        else:
            count = rows().end(told, now=now, stamp=writing.stamp)

    writing.commit(write, alone=True)
    if ends <= now:
        batches.drop(key)
        writing.counts.resolved += count
        if count == len(told):
            for known, name in seen.known:
                entry = remembered(known.id, writing.stamp, False, known.starts, ends, known.said, known.url)
                memory.keep(name, entry)
    else:
        writing.counts.resent += count
    if count != len(told):  # some are not as we remember them: whoever reads the request whole sees what is left to do
        batches.drop(key)
        return None
    return writing.stored()


def learn(
    integration_id: int, body: bytes, posts: Sequence[Posted], known: Sequence[tuple[Known, bytes]], latest: int
) -> None:
    """Remember a request all of whose alerts went on, and share one end."""
    text = posts[0].ends_at
    if len(posts) < FEWEST or not text or any(post.ends_at != text for post in posts):
        return
    pieces = body.split(text.encode())
    key = _key(integration_id, body)
    if key is None or len(pieces) != len(posts) + 1 or not pieces[0].endswith(END):
        return
    weight = len(body) + sum(len(name) + 200 for _, name in known)
    if weight < batches.size // 8:
        batches.keep(key, Seen(pieces, len(text), latest, list(known), weight))
