from .calls import Call
from .escalation import Circle, Escalation, EscalationPolicy, EscalationStep, Page, Turn
from .fatigue import FatigueLimit, FatigueNote
from .incident import MOVES, OPEN, IllegalMove, Incident, Status, heard
from .record import HeldNotice, IncidentUpdate, ResponseTarget, RoleAssignment, TimelineEntry
from .room import ImpactAsk, ImpactPrompt, ImpactStretch, IncidentTask, RolePlan
from .triage import IncidentComponent, IncidentField, IncidentType, RollbackPlan, Symptom, Triage
from .updates import ChosenCadence, ProposedUpdate, UpdateItem, UpdateTemplate

__all__ = [
    "MOVES",
    "OPEN",
    "Call",
    "ChosenCadence",
    "Circle",
    "Escalation",
    "EscalationPolicy",
    "EscalationStep",
    "FatigueLimit",
    "FatigueNote",
    "HeldNotice",
    "IllegalMove",
    "ImpactAsk",
    "ImpactPrompt",
    "ImpactStretch",
    "Incident",
    "IncidentComponent",
    "IncidentField",
    "IncidentTask",
    "IncidentType",
    "IncidentUpdate",
    "Page",
    "ProposedUpdate",
    "ResponseTarget",
    "RoleAssignment",
    "RolePlan",
    "RollbackPlan",
    "Status",
    "Symptom",
    "TimelineEntry",
    "Triage",
    "Turn",
    "UpdateItem",
    "UpdateTemplate",
    "heard",
]
