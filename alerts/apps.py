from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        """Have incident pages tell whom the events behind an incident meet, and parameters which rules use them."""
        from channels_health import pages
        from incidents import confirming, page
        from policies import parameters
        from sources import heartbeat_pages

        from . import asking, channel_rules, confirmations, impact, job_marks

        if confirmations.of not in confirming.OFFERS:
            confirming.OFFERS.append(confirmations.of)
        if impact.of not in page.IMPACTS:
            page.IMPACTS.append(impact.of)
        if channel_rules.incidents_of not in pages.INCIDENTS:
            pages.INCIDENTS.append(channel_rules.incidents_of)
        if job_marks.of not in heartbeat_pages.MARKS:
            heartbeat_pages.MARKS.append(job_marks.of)
        if asking.users_of not in parameters.USERS:
            parameters.USERS.append(asking.users_of)
