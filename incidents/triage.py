"""What is seen -> which level and playbook are proposed; a person may choose otherwise and says why.

A policy's symptom table (`Symptom`) is looked at together with how its rules stand: rooms above tell that (`STANDS`).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from oncall.models import EscalationContact
from policies.models import Policy, Severity

from . import lifecycle
from .models import IllegalMove, Incident, IncidentComponent, Symptom, Triage


@dataclass(frozen=True)
class Stand:
    """How a rule stands: `level` is the key of the level at which it fires, "" when it does not.

    says    what it says in words: its message while it fires, else why it does not
    asked   whether it was asked for this very question
    """

    rule: str
    level: str = ""
    says: str = ""
    state: str = ""
    asked: bool = False


STANDS: list[Callable[..., dict[str, Stand]]] = []
"""What tells how rules of a policy stand: `tell(policy, keys, at=…, ask=…)`; rooms above register theirs."""


@dataclass(frozen=True)
class Line:
    """A line of the symptom table as things stand; `level` is what it proposes, None when no rule fires."""

    symptom: Symptom
    stands: list[Stand]
    level: Severity | None

    @property
    def holds(self) -> bool:
        """Whether one of its rules fires."""
        return any(stand.level for stand in self.stands)

    @property
    def says(self) -> list[str]:
        return [stand.says for stand in self.stands if stand.says]


@dataclass(frozen=True)
class Proposal:
    """What the table makes of it; `severity` None when nothing is seen."""

    severity: Severity | None = None
    playbook: str = ""
    component: str = ""
    type: str = ""
    because: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.severity}: {'; '.join(self.because)}" if self.severity else "No level is proposed."


def table(policy: Policy, *, at: datetime, ask: bool = False) -> list[Line]:
    """The policy's symptoms in their order, with how their rules stand.

    ask   ask the rules' sources now, which takes up to ten seconds; else as they were seen last
    """
    rows = list(policy.symptoms.select_related("severity").order_by("position", "pk"))
    keys = sorted({key for row in rows for key in row.rules})
    stands: dict[str, Stand] = {}
    for tell in STANDS if keys else []:
        stands |= tell(policy, keys, at=at, ask=ask)
    levels = {level.key: level for level in policy.severities.all()}
    lines = []
    for row in rows:
        own = [stands[key] for key in row.rules if key in stands]
        fired = [levels[stand.level] for stand in own if stand.level in levels]
        lines.append(Line(row, own, row.severity or min(fired, key=lambda level: level.rank, default=None)))
    return lines


def propose(lines: Sequence[Line], seen: Collection[str], *, type: str = "") -> Proposal:
    """The gravest level of what is seen, and the playbook of the gravest symptom that has one.

    seen   keys of the symptoms that a person picked, or that hold
    """
    found = [line for line in lines if line.symptom.key in seen and line.level]
    found.sort(key=lambda line: (line.level.rank if line.level else 99, line.symptom.position))
    if not found:
        return Proposal()
    first = found[0]
    words = [f"{line.symptom.label}{f' ({says})' if (says := '; '.join(line.says)) else ''}" for line in found]
    return Proposal(
        first.level,
        next((line.symptom.playbook for line in found if line.symptom.playbook), ""),
        next((line.symptom.component for line in found if line.symptom.component), ""),
        type or next((line.symptom.type for line in found if line.symptom.type), ""),
        words,
    )


def needs_reason(proposal: Proposal, chosen: Severity) -> str:
    """Why another level than the proposed one needs a reason; "" when none is needed."""
    if proposal.severity is None or proposal.severity.pk == chosen.pk:
        return ""
    return f"{proposal.severity} is proposed; say why it is {chosen}."


@transaction.atomic
def note(
    incident: Incident, proposal: Proposal, seen: Sequence[Line], *, by: EscalationContact | None, at: datetime,
    reason: str = "", type: str = "", fields: dict | None = None,
) -> Triage:  # fmt: skip
    """Keep what was seen, proposed and chosen (the incident's level), and put it on the timeline."""
    words = [f"{line.symptom.label}{f': {says}' if (says := '; '.join(line.says)) else ''}" for line in seen]
    row = Triage.objects.create(
        incident=incident, at=at, by=by, symptoms=[line.symptom.key for line in seen], seen=words, type=type,
        fields=fields or {}, proposed=proposal.severity, chosen=incident.severity, playbook=proposal.playbook,
        reason=reason.strip(),
    )  # fmt: skip
    if words or proposal.severity:
        told = [f"Seen: {'; '.join(words)}."] if words else []
        told += [f"Proposed: {proposal.severity}. Chosen: {incident.severity}."] if proposal.severity else []
        told += [f"Why: {reason.strip()}"] if reason.strip() else []
        data = {"symptoms": row.symptoms, "proposed": proposal.severity.key if proposal.severity else "",
                "chosen": incident.severity.key, "reason": row.reason, "playbook": row.playbook}  # fmt: skip
        incident.log("triage", " ".join(told), at=at, by=by, data=data)
    return row


@transaction.atomic
def judge(
    incident: Incident, seen: Collection[str], *, by: EscalationContact, at: datetime,
    severity: Severity | None = None, reason: str = "",
) -> Triage:  # fmt: skip
    """Judge an open incident by the table: take the proposed level, or `severity` with a reason."""
    lines = table(incident.policy, at=at)
    if unknown := set(seen) - {line.symptom.key for line in lines}:
        raise IllegalMove(f"The policy has no symptom {', '.join(sorted(unknown))}.")
    proposal = propose(lines, seen)
    chosen = severity or proposal.severity or incident.severity
    if (words := needs_reason(proposal, chosen)) and not reason.strip():
        raise IllegalMove(words)
    if chosen.pk != incident.severity_id:
        because = reason.strip() or f"triage: {', '.join(proposal.because)}"
        lifecycle.set_severity(incident, chosen, by=by, at=at, reason=because[:240])
    before = latest(incident)
    kept = {"type": before.type, "fields": before.fields} if before else {}
    picked = [line for line in lines if line.symptom.key in seen]
    return note(incident, proposal, picked, by=by, at=at, reason=reason, **kept)


def components() -> list[tuple[str, str]]:
    """Key and label of every component that a policy names, each key once."""
    rows = IncidentComponent.objects.order_by("key", "pk").values_list("key", "label")
    return list({key: (key, label or key) for key, label in rows}.values())


def latest(incident: Incident) -> Triage | None:
    """How it was judged last."""
    return incident.triages.select_related("proposed", "chosen", "by").order_by("-at", "-pk").first()


def symptoms_of(incident: Incident) -> list[str]:
    """Keys and labels of what was seen, as runbooks bound to symptoms ask for it."""
    row = latest(incident)
    if row is None:
        return []
    labels = Symptom.objects.filter(policy=incident.policy_id, key__in=row.symptoms).values_list("label", flat=True)
    return [*row.symptoms, *labels]
