"""A runbook's content as steps: numbered, keyed, with every word a step may say. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from .shapes import MOVES, STEP

DEFAULTS = STEP.defaults()
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Step:
    """One step, or one item of a step.

    number    as people call it: 4, or 4a
    said      every word of a step, those left out with their default
    required  whether the run cannot be finished without it; before: the move of an incident it holds up, "" for none
    """

    key: str
    number: str
    said: Mapping[str, Any]
    required: bool
    before: str
    items: tuple["Step", ...] = field(default=())

    @property
    def title(self) -> str:
        return self.said["title"]


def steps_of(content: Mapping[str, Any], kind: str) -> tuple[Step, ...]:
    """The steps of a runbook's content, in order."""
    return tuple(_steps(content.get("steps") or [], kind == "checklist", "", ""))


def _steps(said: list, required: bool, number: str, key: str) -> Iterator[Step]:
    for place, one in enumerate(said):
        name = f"{number}{LETTERS[place % 26]}" if number else str(place + 1)
        own = one.get("key") or (f"{key}-{LETTERS[place % 26]}" if key else f"step-{place + 1}")
        full = {**DEFAULTS, **{word: value for word, value in one.items() if word != "items"}}
        must = required if full["required"] is None else full["required"]
        items = tuple(_steps(one.get("items") or [], must, name, own)) if not number else ()
        yield Step(own, name, full, bool(must or full["before"]), full["before"] or "", items)


def leaves(steps: tuple[Step, ...]) -> list[Step]:
    """What is ticked: the items of a step that has some, else the step."""
    return [leaf for step in steps for leaf in (step.items or (step,))]


def find(steps: tuple[Step, ...], key: str) -> Step | None:
    """The step or item of that key."""
    return next((one for step in steps for one in (step, *step.items) if one.key == key), None)


def holds_up(step: Step, to: str) -> bool:
    """Whether the open step keeps an incident from becoming `to`."""
    return bool(step.before) and to in MOVES and MOVES.index(to) >= MOVES.index(step.before)


@lru_cache(maxsize=500)
def _cached(version: int, made_at: datetime, kind: str) -> list[tuple[Step, ...]]:
    return []


def of_version(version: Any, kind: str) -> tuple[Step, ...]:
    """The steps of a stored version, which never changes: read once a process."""
    kept = _cached(version.pk, version.made_at, kind)
    if not kept:
        kept.append(steps_of(version.content, kind))
    return kept[0]
