from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "dashboards"

    def ready(self) -> None:
        """Put the chart on the incident's page and into its review, and let runbooks link to panels."""
        from incidents import page
        from reviews import facts
        from runbooks import ways

        from . import addresses, for_reviews, incident_card

        ways.ADDRESSES["panel"] = addresses.of_panel

        if all(known.name != "chart" for known in page.CARDS):
            page.CARDS.append(incident_card.CARD)
        if for_reviews.drawn not in facts.CHARTS:
            facts.CHARTS.append(for_reviews.drawn)
