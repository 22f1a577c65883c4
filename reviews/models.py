"""What we learnt: the post-incident review and its action items."""

from django.db import models
from django.db.models import Q

from incidents.models import Incident
from oncall.models import EscalationContact


class PostIncidentReview(models.Model):
    """The record of what happened and what follows; draft -> submitted -> approved -> published."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        SUBMITTED = "submitted"
        APPROVED = "approved"
        PUBLISHED = "published"

    MOVES = {
        Status.DRAFT: {Status.SUBMITTED},
        Status.SUBMITTED: {Status.APPROVED, Status.DRAFT},  # back to draft = sent back by the reviewer
        Status.APPROVED: {Status.PUBLISHED, Status.DRAFT},
        Status.PUBLISHED: set(),
    }

    incident = models.OneToOneField(Incident, on_delete=models.PROTECT, related_name="review")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    author = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="reviews"
    )
    approver = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="approved_reviews"
    )
    summary = models.TextField(blank=True)
    timeline = models.TextField(blank=True, help_text="Drafted from the incident's timeline, in Markdown.")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True, help_text="When the reminder sweep looks next.")
    overdue_at = models.DateTimeField(null=True, blank=True, help_text="When it was found overdue.")
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "submitted", "approved", "published"]),
                name="review_status_known",
            )
        ]
        indexes = [models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="review_remind_due")]
        permissions = [("approve_postincidentreview", "Can approve a submitted review")]

    def __str__(self) -> str:
        return f"Review of incident #{self.incident_id}"


class ReviewAnswer(models.Model):
    """One question as the policy asked it when the review began, and its answer."""

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="answers")
    position = models.PositiveSmallIntegerField(default=0)
    section = models.CharField(max_length=80, blank=True)
    key = models.CharField(max_length=80)
    prompt = models.CharField(max_length=250)
    required = models.BooleanField(default=False)
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["review", "position"]
        constraints = [models.UniqueConstraint(fields=["review", "key"], name="review_answer_once")]

    def __str__(self) -> str:
        return self.prompt


class ActionItem(models.Model):
    """What shall change, who does it and until when."""

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="actions")
    title = models.CharField(max_length=250)
    owner = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL)
    due_on = models.DateField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["due_on", "pk"]

    def __str__(self) -> str:
        return self.title
