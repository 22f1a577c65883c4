"""The section of a pack about evidence: where it lies, what is wanted, how large a file may be."""

import re
from typing import Any

from policies.models import Policy
from policies.sections import Section, Values, all_named
from policies.shapes import BAD, Desk, Entry, Filled, Many, Path, Ref, Several, Text, optional, shown

from .models import EvidencePlan

UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000}
SIZE = re.compile(r"(\d{1,9})\s*([a-zA-Z]{0,2})")
LARGEST = 10_000_000_000
LABEL = Text(80, line=True, empty=False)


class Size:
    """Bytes: 50MB, 800kB, or a whole number; kept as a number."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        found = SIZE.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
        if found is None or found[2].lower() not in UNITS:
            return desk.problem(path, f"{shown(value)} is no size; allowed: sizes such as 50MB or 800kB.")
        size = int(found[1]) * UNITS[found[2].lower()]
        if not 1 <= size <= LARGEST:
            return desk.problem(path, f"{shown(value)} is out of range; allowed: up to 10GB.")
        return size


class EvidenceSection(Section):
    """`evidence:`, one mapping."""

    name = "evidence"
    shape = Entry(
        root=optional(Filled(500), ""),
        required=optional(Many(LABEL), []),
        labels=optional(Many(LABEL), []),
        severities=optional(Several(Ref("severity")), []),
        max_size=optional(Size(), 50_000_000),
    )

    def key(self, values: Values) -> str:
        return "evidence"

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        desk.places[(self.name, "evidence")] = path
        return {} if values is BAD else {"evidence": values}

    def dump(self, records: dict[str, Values]) -> Any:
        return self.shape.trimmed(records["evidence"])

    def rows(self, policy: Policy) -> dict[str, EvidencePlan]:
        row = EvidencePlan.objects.filter(policy=policy.pk).first() if policy.pk else None
        return {"evidence": row} if row else {}

    def present(self, row: EvidencePlan) -> Values:
        return {
            "root": row.root, "required": row.required, "labels": row.labels,
            "severities": sorted(row.severities.values_list("key", flat=True)), "max_size": row.max_size,
        }  # fmt: skip

    def write(self, policy: Policy, row: EvidencePlan | None, values: Values) -> EvidencePlan:
        row = row or EvidencePlan(policy=policy)
        for name in ("root", "required", "labels", "max_size"):
            setattr(row, name, values[name])
        row.save()
        row.severities.set(all_named(policy.severities.all(), values["severities"]))
        return row


SECTIONS: list[Section] = [EvidenceSection()]
