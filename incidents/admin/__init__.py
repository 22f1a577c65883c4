from . import calls, escalation, incident, room, updates

__all__ = ["calls", "escalation", "incident", "room", "updates"]
