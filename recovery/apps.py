from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = "disaster recovery"

    def ready(self) -> None:
        """Register what puts incidents on standby, the card on the incident page, and the gate."""
        from incidents import page, presence

        from . import cards, gates, prompting  # noqa: F401
        from .models import Recovery

        if cards.CARD not in page.CARDS:
            page.CARDS.append(cards.CARD)
        presence.ASKED["recovery"] = lambda incident: Recovery.objects.filter(incident=incident)
