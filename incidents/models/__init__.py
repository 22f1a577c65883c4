from .calls import Call
from .escalation import Circle, Escalation, EscalationPolicy, EscalationStep, Page, Turn
from .incident import MOVES, OPEN, IllegalMove, Incident, Status
from .record import HeldNotice, IncidentUpdate, ResponseTarget, RoleAssignment, TimelineEntry

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
    "Incident",
    "IncidentUpdate",
    "Page",
    "ResponseTarget",
    "RoleAssignment",
    "Status",
    "TimelineEntry",
    "Turn",
]
