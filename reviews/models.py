"""What we learnt: the post-incident review with its answers, factors, versions and readers, and its action items."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.urls import reverse

from incidents.models import Incident
from oncall.models import EscalationContact

from .action_models import ActionEntry, ActionItem, ActionPlan, ActionTicket

__all__ = [
    "ActionEntry", "ActionItem", "ActionPlan", "ActionTicket", "ContributingFactor", "JoinedIncident",
    "PostIncidentReview", "ReviewAnswer", "ReviewComment", "ReviewQuerySet", "ReviewVersion", "Reviewer",
]  # fmt: skip


class ReviewQuerySet(models.QuerySet):
    def owed(self):
        """Begun, and neither approved nor left out."""
        return self.filter(status__in=[PostIncidentReview.Status.DRAFT, PostIncidentReview.Status.SUBMITTED])

    def overdue(self, at: datetime):
        """Owed still although their deadline has passed by `at`, the longest overdue first."""
        return self.owed().filter(due_at__lte=at).order_by("due_at", "pk")

    def violations(self, at: datetime):
        """Those whose deadline was missed by `at`: owed still, or approved too late; the latest deadline first."""
        late = Q(approved_at__gt=models.F("due_at")) & ~Q(status=PostIncidentReview.Status.SKIPPED)
        owed = Q(status__in=[PostIncidentReview.Status.DRAFT, PostIncidentReview.Status.SUBMITTED], due_at__lte=at)
        return self.filter(late | owed, due_at__isnull=False).order_by("-due_at", "-pk")

    def public(self):
        """Those whose public version anybody may read: published, still approved, and about no private incident."""
        settled = [PostIncidentReview.Status.APPROVED, PostIncidentReview.Status.PUBLISHED]
        about = Incident.objects.filter(private=True)
        return (
            self.filter(public_at__isnull=False, status__in=settled, incident__private=False)
            .exclude(public_key="")
            .exclude(pk__in=JoinedIncident.objects.filter(incident__in=about.values("pk")).values("review"))
        )


class PostIncidentReview(models.Model):
    """The record of what happened and what follows; draft -> in review -> approved -> published, or left out."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        SUBMITTED = "submitted", "in review"
        APPROVED = "approved"
        PUBLISHED = "published"
        SKIPPED = "skipped", "left out"

    MOVES = {
        Status.DRAFT: {Status.SUBMITTED, Status.SKIPPED},
        Status.SUBMITTED: {Status.APPROVED, Status.DRAFT},  # back to draft = sent back by the reviewer
        Status.APPROVED: {Status.PUBLISHED, Status.DRAFT},
        Status.PUBLISHED: {Status.DRAFT},
        Status.SKIPPED: {Status.DRAFT},  # taken up after all
    }
    SETTLED = (Status.APPROVED, Status.PUBLISHED, Status.SKIPPED)

    incident = models.OneToOneField(Incident, on_delete=models.PROTECT, related_name="review")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    template = models.CharField(max_length=80, blank=True, help_text="Of its policy's templates; empty: the usual one.")
    author = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="reviews"
    )
    approver = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="approved_reviews"
    )
    summary = models.TextField(blank=True)
    timeline = models.TextField(blank=True, help_text="Drafted from the incident's timeline, in Markdown.")
    drafted = models.JSONField(default=dict, blank=True, help_text="Summary and timeline as they were filled in.")
    figures = models.JSONField(default=dict, blank=True, help_text="Figures, roles and charts as they were filled in.")
    created_at = models.DateTimeField()
    filled_at = models.DateTimeField(null=True, blank=True, help_text="When the incidents were last read into it.")
    due_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True, help_text="When the reminder sweep looks next.")
    overdue_at = models.DateTimeField(null=True, blank=True, help_text="When it was found overdue.")
    meeting_at = models.DateTimeField(null=True, blank=True, help_text="When people meet about it.")
    meeting_place = models.CharField(max_length=250, blank=True, help_text="A room, or the address of a call.")
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.TextField(blank=True, help_text="Why it is left out.")
    skipped_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    skipped_at = models.DateTimeField(null=True, blank=True)
    public_title = models.CharField(max_length=250, blank=True)
    public_text = models.TextField(blank=True, help_text="What anybody may read, in Markdown.")
    public_at = models.DateTimeField(null=True, blank=True, help_text="Anybody may read it since then.")
    public_by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    public_key = models.CharField(max_length=40, blank=True, help_text="Of its public address; drawn at random.")

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "submitted", "approved", "published", "skipped"]),
                name="review_status_known",
            ),
            models.UniqueConstraint(fields=["public_key"], condition=~Q(public_key=""), name="review_public_key_once"),
        ]
        indexes = [
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="review_remind_due"),
            models.Index(fields=["-created_at", "-id"], name="review_newest"),
            models.Index(fields=["due_at", "id"], name="review_by_deadline"),
            models.Index(fields=["due_at", "id"], condition=Q(status__in=["draft", "submitted"]), name="review_owed"),
        ]
        permissions = [
            ("approve_postincidentreview", "Can approve a submitted review"),
            ("publish_postincidentreview", "Can publish an approved review and its public version"),
        ]

    def __str__(self) -> str:
        return f"Review of incident #{self.incident_id}"

    def get_absolute_url(self) -> str:
        return reverse("review", args=[self.pk])

    @classmethod
    def of(cls, incident: Incident) -> "PostIncidentReview | None":
        """The review that covers `incident`: its own, or the one it was joined to."""
        rows = cls.objects.filter(Q(incident=incident) | Q(joined__incident=incident))
        return rows.select_related("incident").order_by("pk").first()

    @property
    def incidents(self) -> list[Incident]:
        """What it is about, the main incident first."""
        others = Incident.objects.filter(joined_review__review=self).order_by("detected_at", "pk")
        return [self.incident, *others.select_related("severity", "policy", "service")]

    @property
    def is_private(self) -> bool:
        """One of its incidents is private."""
        return any(incident.private for incident in self.incidents)

    @property
    def standing(self) -> str:
        """Its status as it stands in a sentence."""
        return str(self.get_status_display()).lower()

    @property
    def is_settled(self) -> bool:
        """Approved, published or left out: nothing is owed any more."""
        return self.status in self.SETTLED


class JoinedIncident(models.Model):
    """A further incident that a review is about."""

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="joined")
    incident = models.OneToOneField(Incident, on_delete=models.PROTECT, related_name="joined_review")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"#{self.incident_id} in {self.review}"


class ReviewAnswer(models.Model):
    """One question as the policy asked it when the review began, and its answer."""

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="answers")
    position = models.PositiveSmallIntegerField(default=0)
    section = models.CharField(max_length=80, blank=True)
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, default="text", help_text="How it is answered; see reviews/kinds.py.")
    prompt = models.CharField(max_length=500)
    help = models.CharField(max_length=500, blank=True)
    required = models.BooleanField(default=False)
    public = models.BooleanField(default=False, help_text="Its answer goes into the draft of the public version.")
    text = models.TextField(blank=True, help_text="The answer in words.")
    data = models.JSONField(default=dict, blank=True, help_text="The answer's parts, as its kind has them.")
    drafted = models.TextField(blank=True, help_text="What was filled in from the incident.")
    fill = models.CharField(max_length=40, blank=True, help_text="The fact it is filled in with; see reviews/facts.py.")
    options = models.JSONField(default=list, blank=True, help_text="What may be chosen: options, or kinds of factors.")

    remarks: list["ReviewComment"]  # what was said of it, where the page has read it

    class Meta:
        ordering = ["review", "position"]
        constraints = [models.UniqueConstraint(fields=["review", "key"], name="review_answer_once")]

    def __str__(self) -> str:
        return self.prompt


class ContributingFactor(models.Model):
    """Something without which it would not have happened, or not so badly."""

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="factors")
    position = models.PositiveSmallIntegerField(default=0)
    category = models.CharField(max_length=80, blank=True, help_text="One of the policy's kinds of factors.")
    text = models.CharField(max_length=500)

    class Meta:
        ordering = ["review", "position", "pk"]
        indexes = [models.Index(fields=["category"], name="factor_by_category")]

    def __str__(self) -> str:
        return f"{self.category}: {self.text}" if self.category else self.text


class ReviewVersion(models.Model):
    """What the review said at an instant; kept, never changed."""

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    why = models.CharField(max_length=40, help_text="drafted, saved, submitted, approved …")
    content = models.JSONField(help_text="[[heading, text], …] in the order of the page.")

    class Meta:
        ordering = ["review", "-number"]
        constraints = [models.UniqueConstraint(fields=["review", "number"], name="review_version_once")]

    def __str__(self) -> str:
        return f"Version {self.number} of {self.review}"


class ReviewComment(models.Model):
    """What somebody says about a review, or about one of its answers."""

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="comments")
    answer = models.ForeignKey(ReviewAnswer, null=True, blank=True, on_delete=models.CASCADE, related_name="comments")
    at = models.DateTimeField()
    by = models.ForeignKey(EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField()
    settled_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is dealt with.")
    settled_by = models.ForeignKey(
        EscalationContact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return self.text[:80]


class Reviewer(models.Model):
    """Somebody who is asked to read a review, and what they say of it."""

    class Verdict(models.TextChoices):
        NONE = "", "asked"
        APPROVED = "approved"
        WANTS_MORE = "wants_more", "sent it back"

    review = models.ForeignKey(PostIncidentReview, on_delete=models.CASCADE, related_name="reviewers")
    contact = models.ForeignKey(EscalationContact, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True)
    verdict_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["review", "contact"], name="reviewer_once")]

    def __str__(self) -> str:
        return f"{self.contact}: {self.get_verdict_display()}"
