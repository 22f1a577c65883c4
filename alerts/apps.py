from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        """Have incident pages tell whom the events behind an incident meet, and parameters which rules use them."""
        from channels_health import pages
        from incidents import confirming, page
        from policies import parameters

        from . import asking, channel_rules, confirmations, impact

        if confirmations.of not in confirming.OFFERS:
            confirming.OFFERS.append(confirmations.of)
        if impact.of not in page.IMPACTS:
            page.IMPACTS.append(impact.of)
        if channel_rules.incidents_of not in pages.INCIDENTS:
            pages.INCIDENTS.append(channel_rules.incidents_of)
        if asking.users_of not in parameters.USERS:
            parameters.USERS.append(asking.users_of)
