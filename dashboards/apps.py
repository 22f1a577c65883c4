from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "dashboards"

    def ready(self) -> None:
        """Put the chart on the incident's page."""
        from incidents import page

        from . import incident_card

        if all(known.name != "chart" for known in page.CARDS):
            page.CARDS.append(incident_card.CARD)
