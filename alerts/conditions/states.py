"""What a judgement says: the state of a rule and of each of its keys."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sources.probes.base import Reading

# JSON: {"at", "state", "since", "keys": {key: {"labels", "level", "value", "marks": {word: since}, "levels": {…}}}}
Memory = dict[str, Any]


class State(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"  # of a key, at the one judgement that ends it
    ERROR = "error"
    NODATA = "nodata"
    UNKNOWN = "unknown"  # of a rule that nothing is set up for


class Change(StrEnum):
    STARTED = "started"
    RAISED = "raised"
    LOWERED = "lowered"
    ENDED = "ended"


@dataclass(frozen=True)
class KeyState:
    """How one key of a rule stands.

    key        its labels as JSON with sorted names, "{}" when the rule does not group: the alert's identity
    labels     the values it is grouped by
    state      inactive, pending, firing or resolved; error and nodata when there is nothing to go by and it does
               not fire (what fires goes on firing, with `doubt` set)
    change     what is new about it, None when it goes on as before
    level      the gravest level that fires, for resolved the one that did; "" for a rule without levels
    since      when the present run began, None when there is none; fired_at: when the alert began
    value      the figure of the reading it was judged by, the last known one when there is none
    reading    that reading, None when there was none this time
    reason     a sentence: "value 2 >= 1 for 10m"
    doubt      "error" or "nodata" when this time nothing could be said of the key, else ""
    """

    key: str
    labels: dict[str, str]
    state: State
    change: Change | None
    level: str
    since: datetime | None
    fired_at: datetime | None
    value: Any
    reading: Reading | None
    reason: str
    doubt: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        return self.reading.fields if self.reading else {}


@dataclass(frozen=True)
class Judgement:
    """What one reading of a rule's source came to.

    state      the rule's own: error and nodata come first, for they say that the rule does not work; then firing,
               pending, inactive
    since      when the rule came into that state
    sentence   why
    keys       the keys that are not inactive, and the one of a rule that does not group
    memory     to be given to the next `judge`, JSON
    gap        how long nobody had looked, when that was longer than twice `every`, else None
    """

    state: State
    since: datetime
    sentence: str
    keys: tuple[KeyState, ...]
    memory: Memory = field(repr=False)
    gap: timedelta | None = None

    @property
    def started(self) -> list[KeyState]:
        return [key for key in self.keys if key.change is Change.STARTED]

    @property
    def firing(self) -> list[KeyState]:
        """All that fire, those that have just started too."""
        return [key for key in self.keys if key.state is State.FIRING]

    @property
    def changed(self) -> list[KeyState]:
        """Those whose level has risen or fallen."""
        return [key for key in self.keys if key.change in (Change.RAISED, Change.LOWERED)]

    @property
    def ended(self) -> list[KeyState]:
        return [key for key in self.keys if key.change is Change.ENDED]


def key_of(labels: Mapping[str, str]) -> str:
    """Return the text that names a key: its labels as JSON, names sorted."""
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
