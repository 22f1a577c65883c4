from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        """Register what rooms below may ask of this one: how an objective stands, as a rule's source."""
        from sources.probes import register

        from . import standing

        register(standing.Objectives())
