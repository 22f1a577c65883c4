"""The further words a person has asked for when paged: by another method, so long after the first."""

from django.db import models
from django.db.models import Q

from notifications.models import Delivery
from oncall.models import ContactMethod

from .escalation import Page


class CallQuerySet(models.QuerySet):
    def due(self, at):
        """Calls whose time has come by `at`, longest overdue first."""
        return self.filter(due_at__lte=at).order_by("due_at", "pk")


class Call(models.Model):
    """One rule of the person's own, frozen when the page began: by which method and when; made or skipped once."""

    class State(models.TextChoices):
        WAITING = "waiting"
        TRYING = "trying"
        REACHED = "reached", "reached: a provider took it"
        FAILED = "failed"
        SKIPPED = "skipped"

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="calls")
    method = models.ForeignKey(ContactMethod, null=True, blank=True, on_delete=models.SET_NULL)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it is made; empty once it has been.")
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="calls")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=250, blank=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        ordering = ["page", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "trying", "reached", "failed", "skipped"]), name="call_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting") | Q(due_at__isnull=True), name="call_due_while_waiting"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="call_make_due"),
            models.Index(fields=["delivery"], condition=Q(state="trying"), name="call_trying"),
        ]

    def __str__(self) -> str:
        return f"{self.page} by {self.method.kind if self.method else 'a method that is gone'}"
