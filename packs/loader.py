"""Reads a pack, hands each section to the room that owns it, and loads it wholly or not at all."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.db import IntegrityError, models, transaction
from django.utils import timezone

import alerts.pack
import alerts.queue_pack
import analytics.pack
import analytics.tuning_pack
import checkup.pack
import dashboards.pack
import evidence.pack
import flags.pack
import incidents.pack
import incidents.triage_pack
import notifications.pack
import notifications.wording_pack
import oncall.pack
import policies.pack
import recovery.pack
import reports.pack
import reviews.action_pack
import runbooks.pack
import shifts.pack
import sources.pack
import status.pack
import tickets.pack
from packs import diff, document, reach
from packs.models import LoadedPack
from policies.locks import only_one
from policies.models import Policy
from policies.sections import Load, Section, Values
from policies.shapes import Desk, allowed

LIBRARY = Path(__file__).parent / "library"
HEAD = policies.pack.HEAD
SECTIONS: list[Section] = [
    *policies.pack.SECTIONS,
    *oncall.pack.SECTIONS,
    *sources.pack.SECTIONS,
    *notifications.pack.SECTIONS,
    notifications.wording_pack.Wordings(),
    *incidents.pack.SECTIONS,
    *incidents.triage_pack.SECTIONS,
    *status.pack.SECTIONS,
    *tickets.pack.SECTIONS,
    *recovery.pack.SECTIONS,
    *evidence.pack.SECTIONS,
    *flags.pack.SECTIONS,
    *alerts.pack.SECTIONS,
    *alerts.queue_pack.SECTIONS,
    *checkup.pack.SECTIONS,
    *runbooks.pack.SECTIONS,
    *reviews.action_pack.SECTIONS,
    *shifts.pack.SECTIONS,
    *analytics.pack.SECTIONS,
    *analytics.tuning_pack.SECTIONS,
    *dashboards.pack.SECTIONS,
    *reports.pack.SECTIONS,
]
"""In the order they are written: what is referred to comes before what refers."""
LATER = {
    "sources",
}  # fmt: skip
"""Sections of the design that no room takes yet."""
Records = dict[str, dict[str, Values]]


class PackRefused(Exception):
    """A pack that was not loaded; `problems` are sentences, each with its file, line and path."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Pack:
    """A pack as read: its head, its records by section, and where everything stands."""

    name: str
    text: str
    head: Values
    records: Records
    document: document.Document
    desk: Desk

    def told(self) -> list[str]:
        """Its faults as lines for people: file:line: path: what is wrong."""
        return [f"{self.name}:{line}: {words}" for line, words in document.located(self.document, self.desk.problems)]


@dataclass
class Loaded:
    """What a load did, or would do."""

    key: str
    version: str
    changes: list[diff.Change] = field(default_factory=list)

    def count(self, action: str) -> int:
        """How many records (for kept: fields) met that fate."""
        found = [change for change in self.changes if change.action == action]
        return len(found) if action == "kept" else len({(change.section, change.key) for change in found})

    @property
    def changed_anything(self) -> bool:
        return any(change.action != "kept" for change in self.changes)

    def __str__(self) -> str:
        gone = self.count("removed") + self.count("disabled")
        kept = self.count("kept")
        words = f"{self.count('created')} created, {self.count('changed')} changed, {gone} removed"
        return f"{self.key} {self.version}: {words}{f'; {kept} kept as changed here' if kept else ''}"


def find(name: str) -> Path:
    """The file that a command's NAME|PATH means: a path, else a pack of the library."""
    for path in (Path(name), LIBRARY / f"{name}.yaml"):
        if path.is_file():
            return path
    known = sorted(path.stem for path in LIBRARY.glob("*.yaml"))
    raise PackRefused([f"There is no pack {name!r}: no such file, and the library has {', '.join(known)}."])


def read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PackRefused([f"{path.name}:1: This file is not UTF-8: byte {error.start} cannot be read."]) from None
    except OSError as error:
        raise PackRefused([f"{path}: This file cannot be read: {error.strerror}."]) from None


def load_file(
    path: Path, *, at: datetime, phase: int | None = None, variants: Sequence[str] | None = None,
    dry_run: bool = False, reset: bool = False,
) -> Loaded:  # fmt: skip
    """Load the pack in a file; see `load`."""
    return load(
        read_file(path), name=path.name, at=at, phase=phase, variants=variants, dry_run=dry_run, reset=reset,
        beside=path.parent,
    )  # fmt: skip


def load(
    text: str, *, name: str, at: datetime, phase: int | None = None, variants: Sequence[str] | None = None,
    dry_run: bool = False, reset: bool = False, beside: Path = LIBRARY,
) -> Loaded:  # fmt: skip
    """Load the pack `text`, called `name` in messages; return what changed. PackRefused, and nothing changed.

    phase     roll-out phase up to which rules are switched on; None: as at the last load, at first all
    variants  ways of watching whose sources are taken; empty: all. None: as at the last load, at first all
    dry_run   find out what would change, and change nothing
    reset     what people changed here goes back to what the pack says
    beside    folder where a pack it extends is looked for, after what is loaded and before the library
    """
    with only_one("load_pack") as alone:
        if not alone:
            raise PackRefused([f"{name}: Another pack is being loaded; try again when it is done."])
        try:
            with transaction.atomic():
                loaded = _load(text, name=name, at=at, phase=phase, variants=variants, reset=reset, beside=beside)
                transaction.set_rollback(dry_run)
        except IntegrityError as error:
            raise PackRefused([f"{name}: The database refused this pack, and nothing was changed: {error}"]) from error
    return loaded


def _load(
    text: str, *, name: str, at: datetime, phase: int | None, variants: Sequence[str] | None, reset: bool, beside: Path
) -> Loaded:
    found = _document(text, name)
    head = _head_of(found, text, name)
    before: list[diff.Change] = []
    if (base := head["extends"]) and not Policy.objects.filter(key=base).exists():
        before = _load_base(base, name=name, at=at, beside=beside).changes
    pack = _read(found, text, name)
    if problems := pack.told():
        raise PackRefused(problems)
    history = LoadedPack.objects.filter(key=head["key"])
    last = history.first()
    if phase is None and last:
        phase = last.phase
    if variants is None:
        variants = last.variants if last else []
    else:
        _check_variants(pack, variants)
    first = history.last()
    since = (first.loaded_at if first else at).astimezone(UTC).date()
    for section in SECTIONS:
        section.settle(pack.records[section.name], pack.records, Load(phase, since, frozenset(variants)))
    loaded = Loaded(head["key"], head["version"], before)
    policy = Policy.objects.filter(key=base or head["key"]).first() or Policy(key=head["key"])
    _apply(pack, policy, loaded, said={} if last is None else last.said, reset=reset)
    LoadedPack.objects.create(
        policy=policy, key=head["key"], version=head["version"], digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text, phase=phase, loaded_at=at, said=pack.records, variants=sorted(set(variants)),
        changes=[c.as_json() for c in loaded.changes],
    )  # fmt: skip
    return loaded


def _check_variants(pack: Pack, wanted: Sequence[str]) -> None:
    """Refuse a way of watching that the pack does not have."""
    known = list(pack.records[alerts.pack.VARIANTS.name])
    watched = [*pack.records["rules"].values(), *pack.records["objectives"].values()]
    known += sorted({source["variant"] for one in watched for source in one["sources"]})
    for variant in wanted:
        if variant not in known:
            told = ", ".join(dict.fromkeys(known)) or "none"
            raise PackRefused([f"{pack.name}: There is no variant {variant!r}; the pack has {told}."])


def _document(text: str, name: str) -> document.Document:
    try:
        return document.read(text)
    except document.Broken as broken:
        raise PackRefused([f"{name}:{line}: {words}" for line, words in broken.problems]) from None


def _head_of(found: document.Document, text: str, name: str) -> Values:
    """The head alone, because it says which other pack must be there before the rest can be read."""
    desk = Desk()
    if "pack" not in found.data:
        raise PackRefused(
            [f"{name}:1: The section `pack` is missing; it names the pack: pack: {{key: my-pack, version: 1}}."]
        )
    head = HEAD.read(found.data["pack"], ("pack",), desk)
    if desk.problems:
        # everything else that is wrong is told in the same breath
        raise PackRefused(_read(found, text, name).told())
    return next(iter(head.values()))


def _load_base(key: str, *, name: str, at: datetime, beside: Path) -> Loaded:
    for folder in (beside, LIBRARY):
        if (path := folder / f"{key}.yaml").is_file():
            return _load(read_file(path), name=path.name, at=at, phase=None, variants=None, reset=False, beside=folder)
    raise PackRefused([f"{name}: This pack extends {key!r}, which is neither loaded nor beside it nor in the library."])


def read_beside(path: Path) -> Pack:
    """Read and check the pack in a file as if the pack it extends were loaded; nothing is changed."""
    text, name = read_file(path), path.name
    found = _document(text, name)
    with transaction.atomic():
        base = _head_of(found, text, name)["extends"]
        if base and not Policy.objects.filter(key=base).exists():
            _load_base(base, name=name, at=timezone.now(), beside=path.parent)
        pack = _read(found, text, name)
        transaction.set_rollback(True)
    return pack


def read(text: str, *, name: str) -> Pack:
    """Read and check a pack against what is loaded; its faults are in `told()`. PackRefused when it is no YAML."""
    return _read(_document(text, name), text, name)


def _read(found: document.Document, text: str, name: str) -> Pack:
    desk = Desk()
    head: Values = next(
        iter(HEAD.read(found.data.get("pack", {}), ("pack",), desk).values()), {"key": "", "extends": None}
    )
    policy = Policy.objects.filter(key=head["extends"] or head["key"]).first()
    desk.names["own policy"] = {head["extends"] or head["key"]}
    known = {section.name for section in SECTIONS} | {HEAD.name}
    for word in found.data:
        if word in LATER:
            desk.problem((word,), f"The section {word} is not supported yet{allowed(word, known)}")
        elif word not in known:
            desk.problem((word,), f"There is no section {word!r}{allowed(word, known)}")
    for section in SECTIONS:
        if section.thing and (section.shared or (policy and head["extends"])):
            desk.names.setdefault(section.thing, set()).update(section.rows(policy or Policy()))
    records: Records = {HEAD.name: {head["key"]: head}} if not head["extends"] else {}
    for section in SECTIONS:
        given = found.data.get(section.name)
        records[section.name] = {} if given is None else section.read(given, (section.name,), desk)
    if policy:
        _refuse_second_definitions(head, policy, records, desk)
    known_values = policies.pack.values_now(records["params"], policy or Policy(key=head["key"]))
    base = _present(policy) if policy and head["extends"] else {}
    levels = {**base.get("severities", {}), **records["severities"]}
    alerts.pack.check_levels({**records, "severities": levels}, known_values, desk)
    analytics.pack.check_rules(records, desk)
    reach.check(records, base, desk)
    flags.pack.check(records, base, desk)
    desk.settle()
    return Pack(name, text, head, records, found, desk)


def _present(policy: Policy) -> Records:
    """What the database says of the policy, as records."""
    return {
        section.name: {key: section.present(row) for key, row in section.rows(policy).items()}
        for section in SECTIONS
        if not (section.listed or section.shared)
    }


def _refuse_second_definitions(head: Values, policy: Policy, records: Records, desk: Desk) -> None:
    """A key that another pack of the policy, or a person, has already defined is an error, not a silent win."""
    if head["extends"] and Policy.objects.filter(key=head["key"]).exists():
        desk.problem(("pack", "key"), f"{head['key']!r} is a policy of its own already; choose another key.")
    others: dict[str, LoadedPack] = {}
    for load in policy.loads.exclude(key=head["key"]).order_by("loaded_at", "pk"):
        others[load.key] = load
    own = [load.said for load in LoadedPack.objects.filter(key=head["key"]).only("said")]
    for section in SECTIONS:
        if section.shared or section.listed:
            continue
        by_hand = section.rows(policy) if section.strict else {}
        for key in records[section.name]:
            where = desk.places.get((section.name, key), (section.name, key))
            taken = next((other.key for other in others.values() if key in other.said.get(section.name, {})), None)
            if taken:
                desk.problem(where, f"The pack {taken} already has {key!r} in {section.name}; choose another key.")
            elif key in by_hand and not any(key in said.get(section.name, {}) for said in own):
                desk.problem(where, f"{key!r} was made by hand in the admin; rename one of the two.")


def _apply(pack: Pack, policy: Policy, loaded: Loaded, *, said: Records, reset: bool) -> None:
    if HEAD.name in pack.records:
        _apply_section(HEAD, pack, policy, loaded, said=said, reset=reset)
    for section in SECTIONS:
        if not section.listed:
            _apply_section(section, pack, policy, loaded, said=said, reset=reset)
    for section in reversed(SECTIONS):
        if not section.listed:
            _remove_rest(section, pack, policy, loaded, said=said)


def _apply_section(section: Section, pack: Pack, policy: Policy, loaded: Loaded, *, said: Records, reset: bool) -> None:
    rows = dict(section.rows(policy))
    written: list[tuple[models.Model, Values]] = []
    for key, wanted in pack.records[section.name].items():
        row = rows.get(key)
        before = None if reset else said.get(section.name, {}).get(key)
        if row is None and section.returns:
            before = None
        values, changes = diff.compare(
            section.name, key, wanted=wanted, present=section.present(row) if row else None, said=before,
            mine_first=section.shared and not reset, hidden=section.hidden,
        )  # fmt: skip
        loaded.changes += changes
        if values is not None:
            row = rows[key] = section.write(policy, row, values)
            written.append((row, values))
    for row, values in written:
        section.connect(row, values)
    for key, wanted in pack.records[section.name].items():
        if key in rows:
            section.wrote(rows[key], wanted)


def _remove_rest(section: Section, pack: Pack, policy: Policy, loaded: Loaded, *, said: Records) -> None:
    gone = [key for key in said.get(section.name, {}) if key not in pack.records[section.name]]
    if not gone:
        return
    rows = section.rows(policy)
    for key in gone:
        if row := rows.get(key):
            try:
                with transaction.atomic():
                    fate = section.remove(row)
            except models.ProtectedError as error:
                users = ", ".join(sorted({str(thing._meta.verbose_name) for thing in error.protected_objects}))
                words = f"{section.name} {key!r} cannot be removed, since it is in use ({users}); leave it in the pack."
                raise PackRefused([f"{pack.name}: {words}"]) from None
            if fate:
                loaded.changes.append(diff.Change(fate, section.name, key))
