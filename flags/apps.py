from django.apps import AppConfig


class FlagsConfig(AppConfig):
    name = "flags"

    def ready(self) -> None:
        """Register the gate that a flag set for a time keeps shut, and the card on the incident's page."""
        from incidents import gates, presence

        from . import register
        from .models import Temporary

        if register.not_back not in gates.ALWAYS:
            gates.ALWAYS.append(register.not_back)
        presence.ASKED["flags"] = lambda incident: Temporary.objects.filter(incident=incident, ended_at=None)
        gates.NEEDS[register.not_back] = ("flags",)
