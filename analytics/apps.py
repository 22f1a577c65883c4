from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        """Register what rooms below may ask of this one: how an objective stands, and which parameters it uses."""
        from policies import parameters
        from sources.probes import register

        from . import standing, uses

        register(standing.Objectives())
        if uses.users_of not in parameters.USERS:
            parameters.USERS.append(uses.users_of)
