from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "dashboards"

    def ready(self) -> None:
        """Put the chart on the incident's page, and let runbooks link to panels."""
        from incidents import page
        from runbooks import ways

        from . import addresses, incident_card

        ways.ADDRESSES["panel"] = addresses.of_panel

        if all(known.name != "chart" for known in page.CARDS):
            page.CARDS.append(incident_card.CARD)
