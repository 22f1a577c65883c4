from . import calls, escalation, incident, updates

__all__ = ["calls", "escalation", "incident", "updates"]
