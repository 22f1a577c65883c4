"""Which packs were loaded, when, and exactly what they said."""

from django.db import models

from policies.models import Policy


class LoadedPack(models.Model):
    """One load of one pack; the newest row of a key is the one in force."""

    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.SET_NULL, related_name="loads")
    key = models.SlugField(max_length=80)
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    text = models.TextField(help_text="The YAML as it was loaded.")
    said = models.JSONField(
        default=dict, help_text="What the pack said of every record, to tell what was changed here since."
    )
    phase = models.PositiveSmallIntegerField(null=True, blank=True)
    variants = models.JSONField(default=list, blank=True, help_text="Ways of watching that were chosen; empty: all.")
    loaded_at = models.DateTimeField()
    changes = models.JSONField(default=list, help_text="What the load created, changed and removed.")

    class Meta:
        ordering = ["-loaded_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.key} {self.version}"
