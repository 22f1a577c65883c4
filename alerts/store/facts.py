"""What an alert says and how long it lives, as pure values: identity, and the rule by which two tellings become one.

Instants are whole microseconds since 1970, because that is what travels to the database.
"""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

NAME_LENGTH, KEY_LENGTH, SEVERITY_LENGTH = 250, 255, 40

encode = msgspec.json.Encoder(order="sorted").encode


class Facts(msgspec.Struct, frozen=True, gc=False):
    """The wide row: what an alert says. Labels and annotations are JSON, names in order."""

    identity: bytes
    key: str
    name: str
    labels: bytes
    annotations: bytes
    url: str
    severity_key: str


class Told(msgspec.Struct, gc=False):
    """One telling of an alert: its facts and its interval.

    ends     None: until told otherwise
    timeout  the end is ours, not the sender's
    index    its place in the batch
    bare     its facts say nothing: those that are stored stand
    memory   under which key the door remembers it (empty: it does not), with annotations and address as they came
    """

    facts: Facts
    starts: int
    ends: int | None
    timeout: bool
    index: int
    memory: bytes = b""
    said: bytes = b""
    address: str | None = None
    bare: bool = False


class Life(msgspec.Struct, gc=False):
    """The stored alert: both rows, as far as telling it again can change them.

    check     when the expiry sweep looks
    assign    whether grouping is to look now
    """

    id: int
    facts: Facts
    firing: bool
    starts: int
    ends: int | None
    timeout: bool
    check: int | None
    times: int
    assign: bool = False


class Scope:
    """Whose labels and keys these are: a door's or a rule's; equal ones of two doors are two alerts."""

    def __init__(self, name: str):
        self._labels = blake2b(name.encode() + b"\0labels\0", digest_size=16)
        self._keys = blake2b(name.encode() + b"\0key\0", digest_size=16)

    def of_labels(self, canonical: bytes) -> bytes:
        """16 bytes: the identity of a label set, given as JSON with its names in order."""
        digest = self._labels.copy()
        digest.update(canonical)
        return digest.digest()

    def of_key(self, key: str) -> bytes:
        """16 bytes: the identity of the sender's own key."""
        digest = self._keys.copy()
        digest.update(key.encode())
        return digest.digest()


def facts_of(
    scope: Scope,
    labels: Mapping[str, str],
    annotations: bytes,
    *,
    url: str = "",
    key: str = "",
    name: str = "",
    severity_key: str = "",
) -> Facts:
    """The facts of one telling; texts too long for their column are cut.

    labels       without empty values, as those do not count
    annotations  JSON
    """
    canonical = encode(labels)
    get = labels.get
    return Facts(
        scope.of_key(key) if key else scope.of_labels(canonical),
        stored(key, KEY_LENGTH) if key else "",
        stored(name or get("alertname", ""), NAME_LENGTH),
        canonical,
        annotations,
        stored(url) if url else "",
        stored(severity_key or get("severity") or get("level") or get("priority") or "", SEVERITY_LENGTH),
    )


def stored(text: str, length: int | None = None) -> str:
    """Text as a column can hold it: PostgreSQL knows no NUL."""
    return (text.replace("\0", "") if "\0" in text else text)[:length]


def alive(life: Life, now: int) -> bool:
    """Whether it fires at `now`: an end that has passed counts at once, swept or not."""
    return life.firing and (life.ends is None or life.ends > now)


def merge(life: Life, told: Told, now: int) -> Life:
    """The life of a stored alert after it was told again; equal to `life` when that changes nothing.

    As Alertmanager does it: if the new end or start lies strictly inside the stored interval the two are one, the
    earliest start wins, and a stored end that the sender stated and that is later than the new one survives; otherwise
    the newcomer replaces what was there. Whether the end is a timeout is the newcomer's word in any case.
    """
    over = float("inf")
    old_end, new_end = (over if end is None else end for end in (life.ends, told.ends))
    starts, ends = told.starts, told.ends
    if life.starts < new_end < old_end or life.starts < told.starts < old_end:
        starts = min(life.starts, told.starts)
        stated = life.ends is not None and not life.timeout
        # of two ends that have passed the later is right; of two to come the later that somebody stated
        if old_end > new_end and (old_end <= now if new_end <= now else stated):
            ends = life.ends
    firing = ends is None or ends > now
    begins = firing and not alive(life, now)
    check = None
    if firing and ends is not None:
        check = ends if begins or life.check is None else min(life.check, ends)
    facts = life.facts if told.bare else told.facts
    return Life(
        life.id, facts, firing, starts, ends, told.timeout, check, life.times + begins,
        begins or (life.firing and not firing) or (firing and facts.severity_key != life.facts.severity_key),
    )  # fmt: skip
