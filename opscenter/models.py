"""What the machinery itself remembers."""

from datetime import datetime

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

    @classmethod
    def note(cls, key: str, at: datetime, detail: dict | None = None) -> None:
        """Keep this as the newest sign of `key`, in one statement."""
        sign = Beat(key=key, at=at, detail=detail or {})
        fields = ["at", "detail"]
        Beat.objects.bulk_create([sign], update_conflicts=True, unique_fields=["key"], update_fields=fields)

    @classmethod
    def claim(cls, key: str, at: datetime, detail: dict | None = None) -> bool:
        """Move the sign on to `at`; False when it stands there or later already, so of two that try one wins."""
        if cls.objects.filter(key=key, at__lt=at).update(at=at, detail=detail or {}):
            return True
        return cls.objects.get_or_create(key=key, defaults={"at": at, "detail": detail or {}})[1]


class GivenRight(models.Model):
    """That a group of ours was once given a right; see rights.py."""

    group = models.CharField(max_length=150)
    right = models.CharField(max_length=200, help_text="incidents.view_incident")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "right"], name="given_right_once")]

    def __str__(self) -> str:
        return f"{self.group}: {self.right}"
