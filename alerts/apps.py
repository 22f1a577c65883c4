from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        """Have incident pages tell whom the events behind an incident meet."""
        from incidents import page

        from . import impact

        if impact.of not in page.IMPACTS:
            page.IMPACTS.append(impact.of)
