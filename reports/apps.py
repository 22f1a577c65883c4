from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        """Offer the reports on the incident's page, in its dossier and on the review, and follow its moves."""
        from . import beside, following

        beside.register()
        following.register()
