"""What the door remembers of alerts it has just stored, so that a re-send need not be decoded, hashed and looked up.

Only a short cut: every entry carries the stamp of the row as it was, and a statement that finds another stamp touches
nothing. The memory may be emptied at any moment.
"""

import struct

import msgspec

ENTRIES = 65_536
BYTES = 64 * 1024 * 1024
ENTRY_OVERHEAD = 400  # bytes of one entry beside the texts themselves, roughly

_item = struct.Struct(">iq").pack


class Known(msgspec.Struct, gc=False):
    """An alert as it was last written.

    ends    only of one that has ended: re-sends move the end of a firing one
    said    its annotations, and `url` its address, as they came
    packed  its number and its stamp as items of PostgreSQL's arrays
    """

    id: int
    stamp: int
    firing: bool
    starts: int
    ends: int | None
    said: bytes
    url: str | None
    packed: bytes
    packed_stamp: bytes


def remembered(id: int, stamp: int, firing: bool, starts: int, ends: int | None, said: bytes, url: str | None) -> Known:
    return Known(id, stamp, firing, starts, None if firing else ends, said, url, _item(8, id), _item(8, stamp))


class Memory:
    """A bounded map in two generations: what was not asked for while the younger filled up is forgotten.

    Threads may share it: entries are never changed once they are in, and losing one does no harm.
    """

    def __init__(self, entries: int = ENTRIES, size: int = BYTES):
        self.entries, self.size = entries // 2, size // 2
        self.forget()

    def forget(self) -> None:
        self.young: dict[bytes, Known] = {}
        self.old: dict[bytes, Known] = {}
        self.weight = 0

    def get(self, key: bytes) -> Known | None:
        found = self.young.get(key)
        if found is None and (found := self.old.get(key)) is not None:
            self.keep(key, found)
        return found

    def keep(self, key: bytes, entry: Known) -> None:
        if key not in self.young:
            self.weight += len(key) + len(entry.said) + ENTRY_OVERHEAD
        self.young[key] = entry
        if len(self.young) > self.entries or self.weight > self.size:
            self.old, self.young, self.weight = self.young, {}, 0


memory = Memory()
