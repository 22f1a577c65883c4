from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        """Register what becomes of a page whose message did not arrive after all, and who was paged when."""
        from notifications import receipts
        from oncall import roster

        from . import afterwards, nights

        if afterwards.lost not in receipts.LOST:
            receipts.LOST.append(afterwards.lost)
        roster.pages_from(nights.paged)
