from django.apps import AppConfig


class OncallConfig(AppConfig):
    name = "oncall"

    def ready(self) -> None:
        """Register whose addresses the room below hears to be invalid."""
        from notifications import receipts

        from . import refusals

        if refusals.flag not in receipts.REFUSED:
            receipts.REFUSED.append(refusals.flag)
            receipts.KNOWN.append(refusals.knows)
