"""What the machinery itself remembers."""

from django.db import models


class Beat(models.Model):
    """A sign of life of one part: the clock's last tick, the queue's last heartbeat task, a system job's last run."""

    key = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = "sign of life"
        verbose_name_plural = "signs of life"

    def __str__(self) -> str:
        return f"{self.key} at {self.at:%Y-%m-%d %H:%M:%S}"
