"""A template and an incident become a document: its title, its parts under headings, and what shows its figures."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from incidents.beside import is_safe
from incidents.models import Incident
from notifications.routing import filled
from policies.models import Policy

from . import engine
from .facts import Incidental
from .languages import known, words_of
from .models import ReportTemplate
from .standard import STANDARD
from .values import bare, line

MARK = re.compile(r" \(\[\d+\]\)")
DEFINITION = re.compile(r"^\[\d+\]: \S+$\n?", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A heading (empty: none) and the template of what stands under it."""

    key: str
    title: str
    text: str


@dataclass(frozen=True)
class Kind:
    """A kind of document, as a policy or Opscenter itself has it.

    place     name and address of the page where it is kept, empty: none
    standard  offered because no policy says otherwise
    """

    key: str
    name: str
    language: str
    zone: str
    title: str
    parts: tuple[Part, ...]
    place: tuple[str, str] = ("", "")
    standard: bool = False


@dataclass(frozen=True)
class Document:
    """A document as written at an instant: `text` is the whole of it in Markdown, its title as the first line."""

    kind: Kind
    title: str
    text: str
    at: datetime


def kinds_of(policy: Policy) -> list[Kind]:
    """What can be written of the policy's incidents: its own kinds in its order, then the standard ones it lacks."""
    rows = policy.report_templates.prefetch_related("parts").order_by("position", "pk")
    own = [of_row(row, policy) for row in rows]
    keys = {kind.key for kind in own}
    language = known(policy.language)
    return [*own, *(_standard(kind, policy) for kind in STANDARD[language] if kind[0] not in keys)]


def find(policy: Policy, key: str) -> Kind | None:
    return next((kind for kind in kinds_of(policy) if kind.key == key), None)


def of_row(row: ReportTemplate, policy: Policy) -> Kind:
    """The kind as its row says; addresses may name the policy's parameters."""
    parts = tuple(Part(part.key, part.title, part.text) for part in row.parts.all())
    address = filled(row.place_url, policy) if row.place_url else ""
    place = (row.place_name, address if is_safe(address) else "")
    return Kind(
        row.key, row.name, row.language or policy.language, row.timezone or policy.timezone, row.title, parts, place
    )


def _standard(kind: tuple, policy: Policy) -> Kind:
    key, name, title, parts = kind
    made = tuple(Part(*part) for part in parts)
    return Kind(key, name, known(policy.language), policy.timezone, title, made, standard=True)


def write(kind: Kind, incident: Incident, *, at: datetime) -> Document:
    """The document as the incident is now; engine.BadTemplate when its template cannot be filled."""
    told = Incidental(incident, at, kind.language, ZoneInfo(kind.zone), kind.place)
    return assemble(kind, told.values(), told.sources, at=at)


def assemble(kind: Kind, values: dict, sources, *, at: datetime) -> Document:
    """Title, parts, and the addresses that their marks lead to."""
    title = line(engine.render(kind.title, values))
    pieces = [f"# {title}"]
    for part in kind.parts:
        body = engine.render(part.text, values) or words_of(kind.language)["none"]
        pieces.append(f"## {line(part.title)}\n\n{body}" if part.title else body)
    if links := sources.definitions():
        pieces.append(links)
    return Document(kind, bare(title)[:250], "\n\n".join(pieces) + "\n", at)


def without_links(text: str) -> str:
    """The document without the numbers behind its figures, for places where they would only disturb."""
    bare = DEFINITION.sub("", MARK.sub("", text))
    return engine.EMPTY_LINES.sub("\n\n", bare).rstrip() + "\n"
