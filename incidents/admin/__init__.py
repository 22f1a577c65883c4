from . import calls, escalation, fatigue, incident, room, triage, updates

__all__ = ["calls", "escalation", "fatigue", "incident", "room", "triage", "updates"]
