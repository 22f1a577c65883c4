"""Who answers: contacts and how to reach them, schedules with layers, overrides."""

from .contacts import ContactMethod, EscalationContact, PersonalRule, TestPage, Urgency, Verification
from .schedules import Layer, LayerMember, Override, Ownership, Schedule

__all__ = [
    "ContactMethod",
    "EscalationContact",
    "Layer",
    "LayerMember",
    "Override",
    "Ownership",
    "PersonalRule",
    "Schedule",
    "TestPage",
    "Urgency",
    "Verification",
]
