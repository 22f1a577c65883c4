"""Reads YAML strictly and remembers on which line everything stands.

The YAML of packs is the plain part of YAML 1.2: true and false are the only booleans, 10:30 and 2026-01-05 are texts;
no aliases, no tags, no key twice.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from policies.shapes import Path, Problem

LARGEST = 1_000_000  # characters
DEEPEST = 50
KEPT = 6  # texts that were read lately
NOT_TAKEN = "aliases (*name), tags (!name) and merge keys (<<) are not taken; write the value out"


class Broken(Exception):
    """The file is no YAML that packs are written in."""

    def __init__(self, problems: list[tuple[int, str]]) -> None:
        super().__init__(problems)
        self.problems = problems


@dataclass(frozen=True)
class Document:
    """The data of a file, and the line (from 1) of each key and list member by its path."""

    data: dict[str, Any]
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of `path`, or of the closest thing around it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def words(self, path: Path) -> str:
        """`path` as people write it, list members by their key where they have one: rules.queue_depth.when."""
        words = ""
        here: Any = self.data
        for step in path:
            here = here[step] if self._has(here, step) else None
            if isinstance(step, int):
                name = next(
                    (here[k] for k in ("key", "name") if isinstance(here, dict) and isinstance(here.get(k), str)), None
                )
                words += f".{name}" if name else f"[{step}]"
            else:
                words += f".{step}"
        return words.lstrip(".")

    @staticmethod
    def _has(here: Any, step: str | int) -> bool:
        return (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(here)
        )


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises (yes, 10:30 as a number, dates), aliases and endless nesting."""

    yaml_implicit_resolvers: dict = {}
    depth = 0

    def get_event(self) -> yaml.Event:
        event = super().get_event()
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise Broken([(line, f"*{event.anchor}: {NOT_TAKEN}.")])
        self.depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if self.depth > DEEPEST:  # the parser's time grows with the square of it
            raise Broken([(line, f"This is nested deeper than {DEEPEST} levels.")])
        return event


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|)", ["~", "n", ""]),
    ("bool", r"(?:true|false)", list("tf")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^{_pattern}$"), _first)

_SCALARS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: text == "true",
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:str": str,
}


def read(text: str) -> Document:
    """Return what `text` says; Broken lists every fault with its line."""
    found = _parsed(text)
    return Document(copy.deepcopy(found.data), found.lines)


@lru_cache(maxsize=KEPT)
def _parsed(text: str) -> Document:
    """What `text` says. One loading reads its file three times: to load, and for two kinds of advice."""
    if len(text) > LARGEST:
        raise Broken([(1, f"This file has {len(text):,} characters; {LARGEST:,} are allowed.")])
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"column {mark.column + 1}: " if mark else ""
        context = f" ({error.context})" if error.context else ""
        line = mark.line + 1 if mark else 1
        raise Broken([(line, f"This is not YAML, {where}{error.problem}{context}.")]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Broken([(line, f"The character #x{error.character:04x} is not allowed in YAML.")]) from None
    if not isinstance(node, yaml.MappingNode):
        raise Broken([(1, "This file has no sections; a pack begins with `pack:`.")])
    reader = _Reader()
    data = reader.value(node, ())
    if reader.problems:
        raise Broken(reader.problems)
    return Document(data, reader.lines)


class _Reader:
    """Turns nodes into plain data, noting lines and faults."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[tuple[int, str]] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(member, (*path, position)) for position, member in enumerate(node.value)]
        if node.tag not in _SCALARS:
            self.problems.append((line, f"{node.tag.rpartition(':')[2]}: {NOT_TAKEN}."))
            return None
        return _SCALARS[node.tag](node.value)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append((line, "A key should be a text."))
                continue
            key = key_node.value
            if key == "<<":
                self.problems.append((line, f"<<: {NOT_TAKEN}."))
            elif key in mapping:
                first = self.lines[(*path, key)]
                self.problems.append((line, f"The key {key!r} stands here twice, first on line {first}; keep one."))
            else:
                self.lines[(*path, key)] = line
                mapping[key] = self.value(value_node, (*path, key))
        return mapping


def located(document: Document, problems: list[Problem]) -> list[tuple[int, str]]:
    """Faults with their line and the path in words, in the order of the file."""
    found = {(document.line(p.path), f"{document.words(p.path)}: {p.text}" if p.path else p.text) for p in problems}
    return sorted(found)
