"""Who answers: contacts and how to reach them, schedules with layers, overrides."""

from .changes import CalendarLink, CoverRequest, Swap, TemporarySchedule, TemporaryShift
from .contacts import ContactMethod, EscalationContact, PersonalRule, TestPage, Urgency, Verification
from .feeds import CalendarFeed
from .handover import HandoffNote
from .schedules import Layer, LayerMember, Override, Ownership, Schedule

__all__ = [
    "CalendarFeed",
    "CalendarLink",
    "ContactMethod",
    "CoverRequest",
    "EscalationContact",
    "HandoffNote",
    "Layer",
    "LayerMember",
    "Override",
    "Ownership",
    "PersonalRule",
    "Schedule",
    "Swap",
    "TemporarySchedule",
    "TemporaryShift",
    "TestPage",
    "Urgency",
    "Verification",
]
