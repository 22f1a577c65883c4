from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        """Register what becomes of a page whose message did not arrive after all."""
        from notifications import receipts

        from . import afterwards

        if afterwards.lost not in receipts.LOST:
            receipts.LOST.append(afterwards.lost)
