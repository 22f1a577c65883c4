from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        """Have incident pages tell whom the events behind an incident meet, and parameters which rules use them."""
        from incidents import page
        from policies import parameters

        from . import asking, impact

        if impact.of not in page.IMPACTS:
            page.IMPACTS.append(impact.of)
        if asking.users_of not in parameters.USERS:
            parameters.USERS.append(asking.users_of)
