from django.apps import AppConfig


class OncallConfig(AppConfig):
    name = "oncall"

    def ready(self) -> None:
        """Register whose addresses the room below hears to be invalid, and where people are."""
        from notifications import receipts, routing

        from . import people, refusals

        if refusals.flag not in receipts.REFUSED:
            receipts.REFUSED.append(refusals.flag)
            receipts.KNOWN.append(refusals.knows)
            routing.PEOPLE.append(people.addresses)
