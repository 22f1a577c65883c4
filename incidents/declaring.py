"""Declaring an incident in one step: by form, by command and by API, with type, component, symptoms and own fields."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from oncall.models import EscalationContact
from policies.models import AlertClass, Policy, Service, Severity

from . import lifecycle, triage
from .models import Incident, IncidentField

LONGEST = 10_000
YES, NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class Refused(Exception):
    """The declaration lacks something; `faults` says what by field, one sentence each."""

    def __init__(self, faults: dict[str, str]) -> None:
        self.faults = faults
        super().__init__(" ".join(faults.values()))


class AlreadyOpen(Exception):
    """There is an open incident with this key: `incident`."""

    def __init__(self, incident: Incident) -> None:
        self.incident = incident
        super().__init__(f"Incident #{incident.pk} is open for this key already.")


@dataclass(frozen=True)
class Declaration:
    """What somebody declares.

    severity   None: the proposed level
    symptoms   keys of the policy's symptoms that are seen
    type       key of one of the policy's types, "" for none
    component  key of one of the policy's components, "" for none; a policy without components takes any word
    fields     values of the policy's own fields by key
    reason     why another level than the proposed one
    key        at most one incident is open for a key
    """

    policy: Policy
    title: str
    key: str
    severity: Severity | None = None
    symptoms: Collection[str] = ()
    type: str = ""
    component: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    impact: str = ""
    summary: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    service: Service | None = None
    alert_class: AlertClass | None = None
    page: bool | None = None
    drill: bool = False
    private: bool = False
    started_at: datetime | None = None


def declare(said: Declaration, *, by: EscalationContact | None, at: datetime, who: str = "") -> Incident:
    """Open the incident with its triage on record; Refused with every fault at once, AlreadyOpen for a key in use.

    who   who declares, in words, when that is no contact
    """
    lines = triage.table(said.policy, at=at)
    faults: dict[str, str] = {}
    known = {line.symptom.key: line for line in lines}
    if strange := sorted(set(said.symptoms) - set(known)):
        faults["symptoms"] = f"There is no symptom {', '.join(strange)}; there are: {', '.join(known) or 'none'}."
    kinds = {row.key: row for row in said.policy.incident_types.all()}
    if said.type and said.type not in kinds:
        faults["type"] = f"There is no type {said.type}; there are: {', '.join(kinds) or 'none'}."
    components = [row.key for row in said.policy.incident_components.all()]
    if said.component and components and said.component not in components:
        faults["component"] = f"There is no component {said.component}; there are: {', '.join(components)}."
    fields, wrong = values_of(said.policy, said.type, said.fields)
    faults |= {f"fields.{key}": words for key, words in wrong.items()}
    proposal = triage.propose(lines, said.symptoms, type=said.type)
    kind = kinds.get(said.type or proposal.type)
    if proposal.severity is None and kind and kind.severity:
        proposal = triage.Proposal(kind.severity, "", kind.component, kind.key, [f"type {kind}"])
    chosen = said.severity or proposal.severity
    if chosen is None:
        faults.setdefault("severity", "Choose a level, or a symptom that proposes one.")
    elif (words := triage.needs_reason(proposal, chosen)) and not said.reason.strip():
        faults["reason"] = words
    title = said.title.strip() or (proposal.because[0] if proposal.because else "")
    if not title:
        faults["title"] = "Say in a few words what is wrong."
    if faults or chosen is None:
        raise Refused(faults)
    component = said.component or proposal.component or (kind.component if kind else "")
    labels = {**said.labels, **({"component": component} if component else {})}
    labels |= {"type": kind.key} if kind else {}
    name = str(by or who or "Opscenter")
    opening = lifecycle.Opening(
        policy=said.policy, severity=chosen, scope="person", key=said.key, title=title, summary=said.summary,
        labels=labels, service=said.service, alert_class=said.alert_class, page=said.page, drill=said.drill,
        started_at=said.started_at, reason=f"Declared by {name}: {title}", private=said.private,
    )  # fmt: skip
    picked = [known[key] for key in known if key in set(said.symptoms)]
    with transaction.atomic():
        try:
            with transaction.atomic():
                incident = lifecycle.open_incident(opening, at=at, by=by)
        except IntegrityError:
            raise AlreadyOpen(Incident.objects.open().get(scope="person", key=said.key[:255])) from None
        if said.impact.strip():
            lifecycle.edit(incident, by=by, at=at, impact=said.impact.strip())
        if picked or fields or proposal.severity or kind:
            name = kind.key if kind else ""
            triage.note(incident, proposal, picked, by=by, at=at, reason=said.reason, type=name, fields=fields)
    return incident


def values_of(policy: Policy, type: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The policy's own fields as they are kept, and what is wrong with which."""
    rows = {row.key: row for row in policy.incident_fields.all() if not row.types or type in row.types}
    found: dict[str, Any] = {}
    wrong = {key: f"The policy has no field {key} here; it has: {', '.join(rows) or 'none'}."
             for key in given if key not in rows}  # fmt: skip
    for key, row in rows.items():
        try:
            value = read_field(row, given.get(key))
        except ValueError as error:
            wrong[key] = str(error)
            continue
        if value is not None:
            found[key] = value
        elif row.required:
            wrong[key] = f"{row} is needed."
    return found, wrong


def read_field(row: IncidentField, value: Any) -> Any:
    """What was filled in as it is kept: text, number or bool; None when nothing was. ValueError says what is wrong."""
    if isinstance(value, str):
        value = value.strip()[:LONGEST]
    if value is None or value == "":
        return None
    kinds = IncidentField.Kind
    match row.kind:
        case kinds.NUMBER:
            return _number(row, value)
        case kinds.BOOL:
            if (text := str(value).lower()) not in YES | NO:
                raise ValueError(f"{row} is yes or no.")
            return text in YES
        case kinds.CHOICE if value not in row.choices:
            raise ValueError(f"{row} is one of {', '.join(row.choices)}.")
        case kinds.DATE:
            try:
                return date.fromisoformat(str(value)).isoformat()
            except ValueError:
                raise ValueError(f"{row} is a date such as 2026-12-31.") from None
        case kinds.LINK if urlsplit(str(value)).scheme not in ("http", "https"):
            raise ValueError(f"{row} is a web address that begins with https:// or http://.")
    return str(value)


def _number(row: IncidentField, value: Any) -> int | float:
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        raise ValueError(f"{row} is a number.") from None
    if number != number or abs(number) == float("inf"):
        raise ValueError(f"{row} is a number.")
    return int(number) if number == int(number) and abs(number) < 1e15 else number
