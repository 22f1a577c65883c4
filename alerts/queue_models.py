"""Cards of queues: which rule's readings show how many jobs wait, and by which names."""

from django.db import models
from django.urls import reverse

from policies.models import Policy


class QueueCard(models.Model):
    """Queues of a service as its rules read them; names of fields are those of the first rule's readings."""

    class Unit(models.TextChoices):
        MS = "ms", "milliseconds"
        S = "s", "seconds"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="queue_cards")
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=160, blank=True)
    rules = models.JSONField(default=list, help_text="Rules over these queues; what the first one read is shown.")
    queue = models.CharField(max_length=80, default="queue", help_text="The label or field that names a queue.")
    depth = models.CharField(max_length=80, default="value", help_text="The field that says how many jobs wait.")
    active = models.CharField(max_length=80, blank=True)
    age = models.CharField(max_length=80, blank=True, help_text="The field that says how long the oldest waits.")
    age_unit = models.CharField(max_length=2, choices=Unit, default=Unit.MS)
    dead = models.CharField(max_length=80, blank=True, help_text="The field that counts dead letters.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["policy", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["policy", "key"], name="queue_card_key_once")]

    def __str__(self) -> str:
        return self.name or self.key

    def get_absolute_url(self) -> str:
        return f"{reverse('queues')}?policy={self.policy.key}#queues-{self.pk}"
