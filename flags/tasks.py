"""What the engine is handed for the register."""

from django.utils import timezone

from opscenter.engine import task

from . import reading, register


@task
def look() -> str:
    """Read the flags where their applications tell them, note what changed, and remind of those that are not back."""
    at = timezone.now()
    changed = reading.read_all(at=at)
    return f"{changed} flags changed, {register.remind_due(at=at)} reminders."
