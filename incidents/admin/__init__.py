from . import escalation, incident

__all__ = ["escalation", "incident"]
