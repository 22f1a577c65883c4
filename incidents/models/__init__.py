from .calls import Call
from .escalation import Circle, Escalation, EscalationPolicy, EscalationStep, Page, Turn
from .incident import MOVES, OPEN, IllegalMove, Incident, Status
from .record import HeldNotice, IncidentUpdate, ResponseTarget, RoleAssignment, TimelineEntry
from .room import ImpactAsk, ImpactPrompt, ImpactStretch, IncidentTask, RolePlan

__all__ = [
    "MOVES",
    "OPEN",
    "Call",
    "Circle",
    "Escalation",
    "EscalationPolicy",
    "EscalationStep",
    "HeldNotice",
    "IllegalMove",
    "ImpactAsk",
    "ImpactPrompt",
    "ImpactStretch",
    "Incident",
    "IncidentTask",
    "IncidentUpdate",
    "Page",
    "ResponseTarget",
    "RoleAssignment",
    "RolePlan",
    "Status",
    "TimelineEntry",
    "Turn",
]
