from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        """Register what rooms below may ask of this one: how an objective stands, and which parameters it uses."""
        from policies import parameters
        from reviews import proposing
        from sources.probes import register

        from . import from_reviews, standing, uses

        register(standing.Objectives())
        proposing.register(from_reviews.choices, from_reviews.propose)
        if uses.users_of not in parameters.USERS:
            parameters.USERS.append(uses.users_of)
