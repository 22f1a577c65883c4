from django.apps import AppConfig


class FlagsConfig(AppConfig):
    name = "flags"

    def ready(self) -> None:
        """Register the gate that a flag set for a time keeps shut, and the card on the incident's page."""
        from incidents import gates, page, presence

        from . import cards, register

        if register.not_back not in gates.ALWAYS:
            gates.ALWAYS.append(register.not_back)
        gates.NEEDS[register.not_back] = ("temporary_flags",)
        presence.ASKED["temporary_flags"] = lambda incident: incident.temporaries.all()
        if cards.CARD not in page.CARDS:
            page.CARDS.append(cards.CARD)
