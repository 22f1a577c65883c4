"""Notes that go from who leaves a shift to who comes."""

from django.db import models

from .contacts import EscalationContact
from .schedules import Schedule


class HandoffNote(models.Model):
    """What one shift tells the next: the facts as they were at the hand-over, and the words of who leaves."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="handoff_notes")
    at = models.DateTimeField(null=True, blank=True, help_text="The hand-over; empty while it is still to come.")
    since = models.DateTimeField(null=True, blank=True, help_text="When the shift that it ends began.")
    leaving = models.ManyToManyField(EscalationContact, blank=True, related_name="handoffs_left")
    coming = models.ManyToManyField(EscalationContact, blank=True, related_name="handoffs_taken")
    text = models.TextField(blank=True, max_length=10_000)
    written_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="handoffs_written"
    )
    written_at = models.DateTimeField(null=True, blank=True)
    facts = models.JSONField(default=list, blank=True, help_text='[{"title": …, "lines": [{"text": …, "url": …}]}]')

    class Meta:
        ordering = [models.F("at").desc(nulls_first=True), "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "at"], name="handoff_note_once"),
            models.UniqueConstraint(
                fields=["schedule"], condition=models.Q(at__isnull=True), name="handoff_note_one_to_come"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule}: {self.at:%Y-%m-%d %H:%M} UTC" if self.at else f"{self.schedule}: the next hand-over"
