from . import calls, escalation, incident

__all__ = ["calls", "escalation", "incident"]
