"""What a load would change: the pack's word against the database, and against what the pack said last time. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from policies.sections import Values

MISSING = object()


@dataclass(frozen=True)
class Change:
    """One thing a load did, or left alone.

    action   "created", "changed", "removed", "disabled", or "kept": differs here from what the pack says
    """

    action: str
    section: str
    key: str
    field: str = ""
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        words = f"{self.action:8} {self.section} {self.key}"
        if self.action == "changed":
            return f"{words}: {self.field}: {_short(self.old)} -> {_short(self.new)}"
        if self.action == "kept":
            if not self.field:
                return f"{words}: deleted here, the pack has it"
            return f"{words}: {self.field}: {_short(self.old)} here, the pack says {_short(self.new)}"
        return words

    def as_json(self) -> dict:
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def compare(
    section: str, key: str, *, wanted: Values, present: Values | None, said: Values | None, mine_first: bool = False,
    hidden: frozenset[str] = frozenset(),
) -> tuple[Values | None, list[Change]]:  # fmt: skip
    """Return what the record should say now (None: nothing to write) and what that changes.

    wanted      as the pack says now
    present     as the database has it; None when it has no such record
    said        as the pack said when it was last loaded; None when it did not
    mine_first  a record the pack never spoke of before keeps what it says here

    A field that differs from what the pack said last was changed by a person: it is kept.
    """
    if present is None:
        if said is not None:
            return None, [Change("kept", section, key)]
        return wanted, [Change("created", section, key)]
    changes, result = [], dict(present)
    for field, new in wanted.items():
        old = present.get(field)
        if old == new:
            continue
        before = said.get(field, MISSING) if said is not None else MISSING
        local = (mine_first and said is None) or (before is not MISSING and old != before)
        shown = (_masked(old), _masked(new)) if field in hidden else (old, new)
        changes.append(Change("kept" if local else "changed", section, key, field, *shown))
        if not local:
            result[field] = new
    return (result if any(change.action == "changed" for change in changes) else None), changes


def _masked(value: Any) -> Any:
    """A secret as a diff may show it: a reference to parameters as it stands, anything else hidden."""
    return value if not value or (isinstance(value, str) and "${" in value) else "•••"


def _short(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    match value:
        case bool():
            return str(value).lower()
        case list():
            text = ", ".join(_short(member) for member in value)
        case dict():
            text = (
                "{"
                + ", ".join(f"{name}: {_short(member)}" for name, member in value.items() if member is not None)
                + "}"
            )
        case _:
            text = " ".join(str(value).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
