from . import calls, escalation, incident, room, triage, updates

__all__ = ["calls", "escalation", "incident", "room", "triage", "updates"]
